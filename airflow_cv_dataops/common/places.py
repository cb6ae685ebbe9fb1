"""Where the files lie that arguments name: the source, and others beside it, each with the connection that its own URI names."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from airflow_cv_dataops.common.arguments import as_names_or_uri
from airflow_cv_dataops.common.partition import PLACEHOLDER
from airflow_cv_dataops.core.arguments import as_place
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.base import Place

_DATE = re.compile(r"(\d{4})([-_/.]?)(0[1-9]|1[0-2])(?:\2(0[1-9]|[12]\d|3[01])(?:[T_-]?([01]\d|2[0-3])(?::?([0-5]\d)(?::?([0-5]\d))?)?)?)?")
_SEPARATOR = r"(?:[-_.T:]|/(?:\w+=)?)?"  # also between folders as Hive names them: year=2026/month=11/day=05
_REST_OF_TIME = r"(?:(?::?00){1,2}(?:\+00:00|Z)?)?"  # as `{{ ts }}` and `{{ ts_nodash }}` write it
_FOLDER_OF_PARTITION = re.compile(r"([\w.-]+=)?" + re.escape(PLACEHOLDER))

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
    return as_place("source", value)


def place_of(uri: str | None, partition_key: str, locate: Locate) -> Place | None:
    """Return where the file is, and what opens it; ``None`` from nothing. :param locate: ``SourceOperator.located``."""
    return Place(*locate(uri, partition_key)) if uri else None


def names_or_place(name: str, value: Any, partition_key: str, locate: Locate) -> list[str] | Place | None:
    """Return a list of names, or where the file with them is; ``None`` from nothing."""
    given = as_names_or_uri(name, value)
    return place_of(given, partition_key, locate) if isinstance(given, str) else given


def stable_source(source: str, partition_key: str | None = None) -> str:
    """Return a source's name that is the same for every partition, without credentials.

    A folder of the partition is left out and what follows it kept, so that images and labels that lie in it stay apart:
    ``landing/{partition_key}/images`` and ``landing/day={partition_key}/images`` are ``landing/images``. Where the key is a part of a name,
    it is a ``*``: ``landing/{partition_key}.zip`` is ``landing/*.zip``.

    :param partition_key: of the run; where a template of the user's own (``{{ ds }}``, ``{{ ds_nodash }}``) has written it into the source,
        it is found there as well: the key's date however its parts are separated, or a folder that is named by a key with a digit.
    """
    from airflow_cv_dataops.core.store.objects import normalize_uri, without_credentials

    if PLACEHOLDER not in source and partition_key:
        source = _written_key(partition_key).sub(PLACEHOLDER, source)
    place = re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/]*", source)
    above = place.group() if place else ""
    names = source.removeprefix(above).split("/")
    kept = [name for name in names if not _FOLDER_OF_PARTITION.fullmatch(name)]
    below = "/".join(kept) or ("/" if names[0] == "" else "*")
    return without_credentials(normalize_uri((above + below).replace(PLACEHOLDER, "*")))


def _written_key(partition_key: str) -> re.Pattern[str]:
    """Return what finds a partition key that somebody else has written into a path."""
    if date := _DATE.fullmatch(partition_key):
        year, _, month, day, *time = date.groups()
        written = _SEPARATOR.join(part for part in (year, month, day) if part)
        if any(time):
            written += "".join(f"(?:{_SEPARATOR}{part})?" for part in time if part) + _REST_OF_TIME
        return re.compile(rf"(?<!\d){written}(?!\d)")
    name = re.escape(partition_key) if re.search(r"\d", partition_key) else "(?!)"  # a word may be a folder of every partition
    return re.compile(rf"(?:(?<=[/=])|^){name}(?=/|$)")
