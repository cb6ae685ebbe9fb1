"""GX's Jinja view of a page, with what comes from data escaped before it and checked after it."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from airflow_cv_dataops.core.contracts.markup import allowed_markup
from airflow_cv_dataops.core.report.document import resource
from airflow_cv_dataops.core.report.plots import cut

# Ours in the place of GX's: no script, no random id, nothing from elsewhere; the rest are GX's own.
_TEMPLATES = ("page.j2", "page_action_card.j2", "collapse.j2", "graph.j2")
_LONGEST = 2_000  # a polygon, a traceback: pages are for reading


def page_body(document: dict[str, Any], *, title: str, facts: Mapping[str, str]) -> str:
    """Return the inside of ``<body>``. :param document: GX's rendered page as a dictionary; it is used up."""
    from great_expectations.render.view import DefaultJinjaPageView
    from jinja2 import ChoiceLoader, DictLoader

    view = DefaultJinjaPageView()
    ours = DictLoader({name: resource(__package__, f"templates/{name}") for name in _TEMPLATES})
    view.env.loader = ChoiceLoader([ours, *([view.env.loader] if view.env.loader else [])])
    shown = _escaped(document)
    given = {"title": _text(title), "facts": [(_text(name), _text(value)) for name, value in facts.items()]}
    return allowed_markup(view.env.get_template("page.j2").render({**shown, **given}))


def _escaped(node: Any) -> Any:
    """Return a part of the page with every text in it escaped, and short."""
    if isinstance(node, Mapping):
        shown = {name: _escaped(value) for name, value in node.items()}
        is_sentence = "template" in node and isinstance(node.get("params"), Mapping)
        return {**shown, "params": _parameters(node["params"])} if is_sentence else shown
    if isinstance(node, list | tuple):
        return [_escaped(one) for one in node]
    return node if node is None or isinstance(node, bool | int | float) else _text(node)


def _parameters(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what GX puts into a sentence: it escapes texts, and nothing but texts."""
    return {name: value if isinstance(value, bool | int | float) else _printable(value) for name, value in values.items()}


def _text(value: object) -> str:
    return html.escape(_printable(value), quote=True)


def _printable(value: object) -> str:
    text = cut(str(value), _LONGEST).encode("utf-8", "replace").decode()
    return "".join(letter if letter == "\n" or (letter >= " " and letter != "\x7f") else "\ufffd" for letter in text)
