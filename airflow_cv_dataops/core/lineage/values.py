"""Values fit for an event: strict JSON, bounded, without credentials."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

from airflow_cv_dataops.core.lineage.naming import safe_text
from airflow_cv_dataops.core.summary import plain

MAX_ENTRIES = 200
_SECRET = re.compile(r"pass(word|wd|phrase)|secret|token|credential|(api|access|private|account)_?key", re.IGNORECASE)


def json_value(value: Any) -> Any:
    """Return plain JSON: no NaN, no numpy scalar, maps and lists of at most 200 entries, texts of at most 2,000 characters.

    URIs lose their credentials; the value of a key that names a secret becomes ``***``.
    """
    return plain(_bounded(value))


def text(value: Any) -> str | None:
    """Return a value as the text that OpenLineage wants for parameters, expected and actual values; ``None`` for nothing."""
    value = json_value(value)
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def count(value: Any) -> int | None:
    """Return a count as a plain integer."""
    value = json_value(value)
    return None if value is None else int(value)


def is_secret(key: str) -> bool:
    """Say whether a key names something that does not belong in an event."""
    return _SECRET.search(key) is not None


def _bounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        entries = islice(value.items(), MAX_ENTRIES)
        return {safe_text(str(key)): "***" if is_secret(str(key)) else _bounded(item) for key, item in entries}
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=str)
    if isinstance(value, (list, tuple)):
        return [_bounded(item) for item in value[:MAX_ENTRIES]]
    return safe_text(value) if isinstance(value, str) else value
