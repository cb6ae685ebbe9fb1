"""Write the generated parts of ``docs/``: data model, layout, checks, and what every operator, sensor and public function takes.

Usage: ``python scripts/make_docs.py`` writes; ``--check`` writes nothing, names each stale file and exits 1 if there is one.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import inspect
import pkgutil
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

from layout_picture import layout_picture

from airflow_cv_dataops.core.audit.docs import checks_markdown
from airflow_cv_dataops.core.sampling.docs import scores_markdown, strategies_markdown
from airflow_cv_dataops.core.store.model.table_model import TableModel
from airflow_cv_dataops.core.store.schema import TABLES

PROJECT = Path(__file__).resolve().parent.parent
DOCS = PROJECT / "docs"
PACKAGE = "airflow_cv_dataops"

_ARGUMENTS = re.compile(r"(?P<open><!-- arguments: (?P<path>[\w.]+) -->\n).*?(?P<close><!-- /arguments -->)", re.DOTALL)
_FUNCTION = re.compile(r"(?P<open><!-- function: (?P<path>[\w.]+) -->\n).*?(?P<close><!-- /function -->)", re.DOTALL)
_CHECKS = re.compile(r"\| check \| severity \|[^\n]*\n(?:\|[^\n]*\n)+")
_SCORES = re.compile(r"\| score \| a high one says \|[^\n]*\n(?:\|[^\n]*\n)+")
_STRATEGIES = re.compile(r"\| strategy \| takes \|[^\n]*\n(?:\|[^\n]*\n)+")
_PARAM = re.compile(r":param (?P<name>\w+):(?P<text>.*?)(?=\n\s*:\w+[^\n]*:|\n\s*\n|\Z)", re.DOTALL)
_RAISES = re.compile(r":raises (?P<name>\w+):(?P<text>.*?)(?=:raises \w+:|\n\s*\n|\Z)", re.DOTALL)
_ROLE = re.compile(r":\w+:`~?(?:[\w]+\.)*(?P<name>\w+)`")
# Defaults that an airflow.cfg decides are not what this machine's says.
_CONFIGURED = {"deferrable": "`[operators] default_deferrable`"}

# What every function means by it.
_MEANINGS = {
    "dataset": "the dataset, as `open_dataset` returns it",
    "partition_key": "the slice of data that is replaced, e.g. `2026-11-05`; at most 250 characters",
}
_LONGEST_DEFAULT = 60

_DATA_MODEL_HEAD = """\
# Data model

<!-- This page is generated. Do not edit it: change airflow_cv_dataops/core/store/model/ and run `make docs`. -->

This page is generated from `airflow_cv_dataops/core/store/model/` by `make docs`; `make lint` and the tests fail where the two differ.
The same module makes the Iceberg schemas (each meaning below is the field's `doc`), the Arrow schemas and the schema facets of lineage.

One dataset is one Iceberg namespace with the tables below; a table is made when it is first written. How the tables relate, how a
partition is replaced and in which order a step writes is told in [architecture](architecture.md). The fingerprint and the quality measures
are defined [to the bit](fingerprints.md), the checks behind `findings` are [listed](checks.md).

Types are Iceberg's. `timestamptz` is an instant in UTC with microseconds. A *required* column is never null. Snapshot ids are strings
wherever they stand in a column or a summary, because they do not fit a JavaScript number.

| table | a row is | a run replaces |
|---|---|---|
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is stale")
    check = parser.parse_args().check
    stale = [(path, text) for path, text in pages() if not path.exists() or path.read_text() != text]
    for path, text in stale:
        print(f"{path.relative_to(PROJECT)}: " + ("stale, run `make docs`" if check else "written"))
        if not check:
            path.write_text(text)
    if not stale:
        print("generated pages of docs: up to date")
    return 1 if check and stale else 0


def pages() -> Iterator[tuple[Path, str]]:
    """Yield each page or picture that is generated, in whole or in part, with the text that it should have."""
    yield DOCS / "data-model.md", data_model()
    yield DOCS / "images" / "layout.svg", layout_picture()
    checks = DOCS / "checks.md"
    yield checks, _CHECKS.sub(lambda _: checks_markdown(), checks.read_text(), count=1)
    sampling = DOCS / "sampling.md"
    with_scores = _SCORES.sub(lambda _: scores_markdown(), sampling.read_text(), count=1)
    yield sampling, _STRATEGIES.sub(lambda _: strategies_markdown(), with_scores, count=1)
    python = DOCS / "python.md"
    yield python, _FUNCTION.sub(lambda found: f"{found['open']}\n{function_table(found['path'])}\n{found['close']}", python.read_text())
    for path in sorted(DOCS.glob("*/*.md")):
        text = path.read_text()
        if _ARGUMENTS.search(text):
            yield path, _ARGUMENTS.sub(lambda found: f"{found['open']}\n{arguments_table(found['path'])}\n{found['close']}", text)


def data_model() -> str:
    """Return the page about every table and column."""
    overview = [f"| [`{model.name}`](#{model.name}) | {_cell(model.doc)} | {_replaced(model)} |" for model in TABLES.values()]
    return "\n\n".join([_DATA_MODEL_HEAD + "\n".join(overview), *(_table_section(model) for model in TABLES.values())]) + "\n"


def arguments_table(class_path: str) -> str:
    """Return a table of a class's arguments, required ones first, then its own, then those that it shares: default, templated, meaning.

    The meaning is that of the nearest class that documents the argument.
    """
    module, _, name = class_path.rpartition(".")
    operator = getattr(importlib.import_module(module), name)
    owners = [found for found in operator.__mro__ if found.__module__.startswith(PACKAGE)]
    meanings: dict[str, str] = {}
    parameters: dict[str, inspect.Parameter] = {}
    for owner in owners:
        meanings = {**_param_docs(owner), **meanings}
        parameters = {**parameters, **{found.name: found for found in _parameters(owner) if found.name not in parameters}}
    lines = ["| argument | default | templated | meaning |", "|---|---|---|---|"]
    for parameter in sorted(parameters.values(), key=lambda found: found.default is not inspect.Parameter.empty):
        templated = "yes" if parameter.name in operator.template_fields else "no"
        lines.append(f"| `{parameter.name}` | {_default(parameter)} | {templated} | {_cell(meanings[parameter.name])} |")
    return "\n".join(lines) + "\n"


def function_table(path: str) -> str:
    """Return what a function, a method or a value of the public surface takes, and what it raises: argument, default, meaning."""
    *owners, name = path.removeprefix(f"{PACKAGE}.").split(".")
    function = pkgutil.resolve_name(f"{PACKAGE}:{'.'.join([*owners, name])}")
    meanings = {**_MEANINGS, **_param_docs(function)}
    shown = ".".join([*(owner.lower() for owner in owners), name])
    lines = [f"| `{shown}(…)` | default | meaning |", "|---|---|---|"]
    made = {field.name: field.default_factory for field in getattr(function, "__dataclass_fields__", {}).values()}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "self":
            continue
        if callable(factory := made.get(parameter.name)):
            parameter = parameter.replace(default=factory())
        lines.append(f"| `{parameter.name}` | {_default(parameter)} | {_cell(meanings[parameter.name])} |")
    lines += [f"| raises `{error}` | | {_cell(meaning)} |" for error, meaning in _raises(function)]
    return "\n".join(lines) + "\n"


def _table_section(model: TableModel) -> str:
    facts = [model.doc, "", f"- A run replaces {_replaced(model)}." if _is_replaced(model) else "- Append-only: no row is ever changed."]
    if model.partitioned_by:
        facts.append(f"- Partitioned by {_names(model.partitioned_by)} (identity).")
    facts.append(f"- Rows are ordered by {_names(model.sort_by)}.")
    if model.run_columns:
        facts.append(f"- Differs between two equal runs: {_names(model.run_columns)}.")
    columns = ["| column | type | required | meaning and unit |", "|---|---|---|---|"]
    columns += [
        f"| `{column.name}` | {_type(column.type)} | {'yes' if column.required else ''} | {_cell(column.doc)} |" for column in model.columns
    ]
    return "\n".join([f"## {model.name}", "", *facts, "", *columns])


def _is_replaced(model: TableModel) -> bool:
    return bool(model.partitioned_by)


def _replaced(model: TableModel) -> str:
    """Say which rows one run replaces: those with its values of the identity columns."""
    if not _is_replaced(model):
        return "nothing: append-only"
    return "the rows of its " + " and ".join(f"`{name}`" for name in model.partitioned_by)


def _names(columns: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in columns)


def _type(name: str) -> str:
    return f"`{name}`"


def _parameters(owner: type) -> list[inspect.Parameter]:
    """Return the arguments that the class itself adds."""
    if "__init__" not in vars(owner):
        return []
    parameters = inspect.signature(owner.__init__).parameters.values()  # type: ignore[misc]
    return [parameter for parameter in parameters if parameter.kind is inspect.Parameter.KEYWORD_ONLY]


def _param_docs(owner: type) -> Mapping[str, str]:
    text = textwrap.dedent("    " + (owner.__doc__ or ""))
    return {found["name"]: _plain(found["text"]) for found in _PARAM.finditer(text)}


def _raises(owner: type) -> list[tuple[str, str]]:
    text = textwrap.dedent("    " + (owner.__doc__ or ""))
    return [(found["name"], _plain(found["text"])) for found in _RAISES.finditer(text)]


def _plain(text: str) -> str:
    """Return reStructuredText of a docstring as Markdown on one line; the template mark is a column of its own."""
    text = _ROLE.sub(lambda found: f"`{found['name']}`", " ".join(text.split()))
    return text.replace("``", "`").replace(" (templated)", "")


def _default(parameter: inspect.Parameter) -> str:
    if parameter.name in _CONFIGURED:
        return _CONFIGURED[parameter.name]
    if parameter.default is inspect.Parameter.empty:
        return "required"
    shown = repr(parameter.default)
    if dataclasses.is_dataclass(parameter.default):
        shown = f"{type(parameter.default).__name__}()"
    return f"`{shown}`" if len(shown) <= _LONGEST_DEFAULT else "…"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
