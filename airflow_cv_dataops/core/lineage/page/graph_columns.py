"""Which columns a column was made from, and how, in words: OpenLineage's facet ``columnLineage`` (1-0-0 to 1-2-0)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_cv_dataops.core.lineage.page.graph_nodes import ColumnSource
from airflow_cv_dataops.core.lineage.page.json_shapes import listed, mapping, text

WHOLE_ROW = ""
"""The column of a source that decides about whole rows, such as the one that they are filtered by."""

_IN_WORDS = {
    ("DIRECT", "IDENTITY"): "as it is",
    ("DIRECT", "TRANSFORMATION"): "computed from it",
    ("DIRECT", "AGGREGATION"): "aggregated",
    ("DIRECT", ""): "from its values",
    ("INDIRECT", "JOIN"): "rows are joined by it",
    ("INDIRECT", "GROUP_BY"): "rows are grouped by it",
    ("INDIRECT", "FILTER"): "rows are chosen by it",
    ("INDIRECT", "SORT"): "rows are sorted by it",
    ("INDIRECT", "WINDOW"): "computed over a window of it",
    ("INDIRECT", "CONDITIONAL"): "chosen by a condition on it",
    ("INDIRECT", ""): "depends on it",
    ("IDENTITY", ""): "as it is",
    ("MASKED", ""): "masked",
}


def column_sources(facet: Mapping[str, Any]) -> Iterator[ColumnSource]:
    """Yield every pair of a column and one that it was made from."""
    for column, made in mapping(facet.get("fields")).items():
        # How all sources of a column together make it was said like this before 1-2-0.
        older = _words(text(mapping(made).get("transformationType")), "", text(mapping(made).get("transformationDescription")), False)
        for source in listed(mapping(made).get("inputFields")):
            yield _source(column, source, older)
    for source in listed(facet.get("dataset")):
        yield _source(WHOLE_ROW, source, "")


def _source(column: str, source: Mapping[str, Any], otherwise: str) -> ColumnSource:
    steps = [
        _words(text(step.get("type")), text(step.get("subtype")), text(step.get("description")), step.get("masking") is True)
        for step in listed(source.get("transformations"))
    ]
    how = "; ".join(dict.fromkeys(words for words in steps if words)) or otherwise
    return ColumnSource(column, (text(source.get("namespace")), text(source.get("name"))), text(source.get("field")), how)


def _words(kind: str, subtype: str, description: str, masked: bool) -> str:
    """Return the producer's description, or else what type and subtype mean; those that the specification does not know as they are."""
    kind, subtype = kind.upper(), subtype.upper()
    words = description or _IN_WORDS.get((kind, subtype)) or " ".join(part.lower() for part in (kind, subtype) if part)
    return f"{words}, masked" if masked and words else "masked" if masked else words
