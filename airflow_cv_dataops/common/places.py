"""Where the files lie that arguments name: the source, and others beside it, each with the connection that its own URI names."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from airflow_cv_dataops.common.arguments import as_names_or_uri
from airflow_cv_dataops.core.arguments import as_place
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.base import Place
from airflow_cv_dataops.core.store.source_names import PLACEHOLDER
from airflow_cv_dataops.core.store.uris import without_credentials

# A word in single braces; braces without a word in them, and double ones, may be a part of any name.
_NAMED = re.compile(r"(?<!\{)\{[A-Za-z_]\w*\}(?!\})")

Locate = Callable[[str, str], tuple[str, Mapping[str, Any]]]


def path_text(value: Any) -> Any:
    """Return the text of a path: of an ``os.PathLike``, or of an ``ObjectStoragePath`` with its connection; anything else as it is.

    Told by its class's name, as Airflow's module of it takes long to import.
    """
    if any(kind.__name__ == "ObjectStoragePath" for kind in type(value).__mro__):
        return value.path if value.protocol in ("", "file", "local") else str(value)
    if not isinstance(value, os.PathLike):
        return value
    text = os.fsdecode(value)
    return text if "/" in text else f"./{text}"  # so that no name of a class is read into it


def is_absent(value: Any) -> bool:
    """Say whether a template has rendered nothing, as for a param that is null: the word, or ``None`` where it renders native objects."""
    return value is None or (isinstance(value, str) and value.strip() in ("", "None"))


def given_source(value: Any) -> str:
    """Return a source as it was given or rendered. :raises ConfigurationError: it is no URI or path, or a template rendered nothing."""
    if is_absent(value):
        raise ConfigurationError(f"source={value!r} is not a place: its template rendered nothing; expected a URI or a local path.")
    return check_filled_in("source", as_place("source", value))


def check_filled_in(name: str, place: str) -> str:
    """Return a place as it was given. :raises ConfigurationError: it has something like ``{ds}``, which nothing fills in."""
    if unfilled := [found for found in _NAMED.findall(place) if found != PLACEHOLDER]:
        raise ConfigurationError(
            f"{name}={without_credentials(place)!r} has {unfilled[0]}, which nothing fills in: {PLACEHOLDER} is; Jinja has double braces."
        )
    return place


def place_of(name: str, uri: str | None, partition_key: str, locate: Locate) -> Place | None:
    """Return where the file is, and what opens it; ``None`` from nothing. :param locate: ``SourceOperator.located``."""
    return Place(*locate(check_filled_in(name, as_place(name, uri)), partition_key)) if uri else None


def names_or_place(name: str, value: Any, partition_key: str, locate: Locate) -> list[str] | Place | None:
    """Return a list of names, or where the file with them is; ``None`` from nothing."""
    given = as_names_or_uri(name, value)
    return place_of(name, given, partition_key, locate) if isinstance(given, str) else given
