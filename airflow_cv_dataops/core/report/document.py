"""The HTML file around a page: it loads nothing and runs no script but its own."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from airflow_cv_dataops.core.report.plots import clean


def html_document(title: str, body: str, *, style: Sequence[str], script: str, data: Mapping[str, Any]) -> bytes:
    """Return the whole file.

    :param body: HTML, with everything from outside escaped.
    :param style: style sheets, one after the other. :param script: a script; see :func:`resource`.
    :param data: what the script reads, in the element ``data``.
    """
    rules = "".join([*style, resource(__package__, "served.css")])
    policy = f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(rules)}; img-src data:; base-uri 'none'; form-action 'none'"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{clean(title)}</title>
<style>{rules}</style>
</head>
<body>
{body}
<footer><p>Made by airflow-cv-dataops. This file needs no network and no other file.</p></footer>
<script type="application/json" id="data">{_json(data)}</script>
<script>{script}</script>
</body>
</html>
""".encode()


@cache
def resource(package: str, name: str) -> str:
    """Return a style sheet or script that lies in a package."""
    return files(package).joinpath(name).read_text("utf-8")


def _json(data: Mapping[str, Any]) -> str:
    """Return JSON that cannot end the element which it stands in; ASCII, so that no lone surrogate is left to encode."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
