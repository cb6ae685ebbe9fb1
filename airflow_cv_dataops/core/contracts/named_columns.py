"""Which columns of the frame a suite needs: no others are read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

_GX, _OURS = "great_expectations.expectations.core.", "airflow_cv_dataops."
# What is about which columns there are.
_OF_ALL = re.compile(r"expect_table_column")
# Fields in which a column's name would be a coincidence: values, patterns, and words for people.
_VALUES = ("value_set", "regex", "regex_list", "like_pattern", "like_pattern_list", "strftime_format", "type_", "type_list", "json_schema")
_OF_A_RUN = ("meta", "notes", "description", "id", "severity", "rendered_content", "batch_id", "result_format", "catch_exceptions")
_NOT_NAMES = frozenset((*_VALUES, *_OF_A_RUN))
_WORD = re.compile(r"\w+")


def columns_named(expectations: Iterable[Expectation], columns: Collection[str], parameters: Mapping[str, Any]) -> list[str] | None:
    """Return those of the columns that the expectations name, defaults included; ``None``: all, as one cannot know.

    Of Great Expectations' own, and of ours, every argument is looked through: a text that is a column's name, and the words of conditions
    on rows. Of anybody else's it is not known what they read.

    :param parameters: of the suite: they may name columns too.
    """
    there, named = set(columns), set()
    for expectation in expectations:
        is_of_all = _OF_ALL.match(expectation.expectation_type) or getattr(expectation, "column_index", None) is not None
        if is_of_all or not type(expectation).__module__.startswith((_GX, _OURS)):
            return None
        fields = {name: value for name, value in expectation.dict().items() if name not in _NOT_NAMES}
        named |= _words(fields) & there
    named |= _words(parameters) & there
    return [name for name in columns if name in named]


def _words(value: Any) -> set[str]:
    return {word for text in _texts(value) for word in (text, *_WORD.findall(text))}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield str(name)
            yield from _texts(item)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from _texts(item)
    elif hasattr(value, "dict"):
        yield from _texts(value.dict())
