"""How good a model was at several label counts: given as rows, as JSON text, or as a file."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_cv_dataops.core.errors import ConfigurationError, SourceError
from airflow_cv_dataops.core.store.objects import read_uri, without_credentials
from airflow_cv_dataops.core.wording import few, printable

_MOST_BYTES = 1_000_000
_MOST_ROWS = 10_000
_MOST_LABELS = 10**12
_COLUMNS = ("labels", "value", "standard_error", "images")
_NO_OPTIONS: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Evaluation:
    """How good a model was.

    :param labels: how many labels it was trained on, at least 1.
    :param value: accuracy, mAP, an error.
    :param standard_error: how far the value may be off, above 0; ``None``: nobody says.
    """

    labels: int
    value: float
    standard_error: float | None = None


def read_evaluations(value: Any, options: Mapping[str, Any] = _NO_OPTIONS) -> list[Evaluation]:
    """Return evaluations.

    A row has ``labels`` and ``value``, and may have ``standard_error``, or ``images``: on how many the value, then a share, was measured.

    :param value: rows (mappings, or :class:`Evaluation`), JSON text of a list of objects, or the URI of a ``.csv`` or ``.json`` file.
    :param options: of the file's store; see :func:`~airflow_cv_dataops.core.store.objects.read_uri`.
    :raises ConfigurationError: it is none of these, or a row cannot be used.
    :raises SourceError: the file cannot be read.
    """
    place = "evaluations"
    if isinstance(value, str):
        text = value.strip()
        if text.startswith("["):
            value = _json(text, place)
        else:
            place = f"evaluations {printable(without_credentials(text))!r}"
            value = _file(text, place, options)
    if isinstance(value, (Mapping, bytes)) or not isinstance(value, Iterable):
        raise ConfigurationError(f'{place} is no list of rows: expected e.g. [{{"labels": 100, "value": 0.81}}].')
    rows = list(value)
    if len(rows) > _MOST_ROWS:
        raise ConfigurationError(f"{place} has {len(rows):,} rows: at most {_MOST_ROWS:,} are read.")
    return [row if isinstance(row, Evaluation) else _evaluation(row, f"{place}, row {number}") for number, row in enumerate(rows, 1)]


def is_file(value: Any) -> bool:
    """Whether evaluations are given as the place of a file."""
    return isinstance(value, str) and bool(value.strip()) and not value.strip().startswith("[")


def check_suffix(value: str) -> None:
    """:raises ConfigurationError: a place does not end as a file of evaluations does."""
    if not value.strip().lower().endswith((".csv", ".json")):
        raise ConfigurationError(
            f"evaluations={printable(without_credentials(value.strip()))!r} cannot be used: expected rows, JSON text that begins with [, "
            "or the URI of a .csv or .json file."
        )


def _file(uri: str, place: str, options: Mapping[str, Any]) -> Any:
    check_suffix(uri)
    try:
        text = read_uri(uri, options, max_bytes=_MOST_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise SourceError(f"{place} cannot be read: {error}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{place} is no text in UTF-8.") from error
    return _json(text, place) if uri.strip().lower().endswith(".json") else _csv(text, place)


def _json(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{place} is no JSON: {str(error)[:200]}") from error


def _csv(text: str, place: str) -> list[dict[str, Any]]:
    try:
        rows = csv.DictReader(io.StringIO(text), skipinitialspace=True)
        names = [name.strip().lower() for name in rows.fieldnames or ()]
        rows.fieldnames = names
        if missing := [name for name in _COLUMNS[:2] if name not in names]:
            raise ConfigurationError(
                f"{place} has no column {' and none '.join(missing)}; it has {printable(few(names, 10))[:300] or 'none'}."
            )
        return [{name: cell for name, cell in row.items() if name in _COLUMNS and cell not in (None, "")} for row in rows]
    except csv.Error as error:
        raise ConfigurationError(f"{place} is no CSV: {error}") from error


def _evaluation(row: Any, place: str) -> Evaluation:
    if not isinstance(row, Mapping):
        raise ConfigurationError(f'{place} is no row: expected e.g. {{"labels": 100, "value": 0.81}}.')
    labels, value = _number(row, "labels", place), _number(row, "value", place)
    if labels is None or value is None:
        raise ConfigurationError(f"{place} has no {'labels' if labels is None else 'value'}.")
    if not labels.is_integer() or not 1 <= labels <= _MOST_LABELS:
        raise ConfigurationError(f"{place} has labels={labels:g}: expected a whole number from 1.")
    error, images = _number(row, "standard_error", place), _number(row, "images", place)
    if error is not None and error <= 0:
        raise ConfigurationError(f"{place} has standard_error={error:g}: expected a number above 0.")
    if images is not None and images < 1:
        raise ConfigurationError(f"{place} has images={images:g}: expected how many the value was measured on.")
    if error is None and images is not None:
        if not 0 <= value <= 1:
            raise ConfigurationError(
                f"{place} has images={images:g} and value={value:g}: only of a share, 0 to 1, do images say how sure it is."
            )
        # One image of each kind more, so that of a perfect score something is left to be unsure of.
        share = (value * images + 1) / (images + 2)
        error = math.sqrt(share * (1 - share) / images)
    return Evaluation(int(labels), value, error)


def _number(row: Mapping[str, Any], name: str, place: str) -> float | None:
    given = row.get(name)
    if given is None:
        return None
    try:
        number = math.nan if isinstance(given, bool) else float(given)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ConfigurationError(f"{place} has {name}={printable(str(given)[:100])!r}: expected a finite number.")
    return number
