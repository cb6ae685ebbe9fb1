"""What a source is called in lineage and on cards: the same for every partition."""

from __future__ import annotations

import re

from airflow_cv_dataops.core.store.uris import normalize_uri, without_credentials

PLACEHOLDER = "{partition_key}"

_DATE = re.compile(r"(\d{4})([-_/.]?)(0[1-9]|1[0-2])(?:\2(0[1-9]|[12]\d|3[01])(?:[T_-]?([01]\d|2[0-3])(?::?([0-5]\d)(?::?([0-5]\d))?)?)?)?")
_SEPARATOR = r"(?:[-_.T:]|/(?:\w+=)?)?"  # also between folders as Hive names them: year=2026/month=11/day=05
_REST_OF_TIME = r"(?:(?::?00){1,2}(?:\+00:00|Z)?)?"  # as `{{ ts }}` and `{{ ts_nodash }}` write it
_FOLDER_OF_PARTITION = re.compile(r"([\w.-]+=)?" + re.escape(PLACEHOLDER))


def stable_source(source: str, partition_key: str | None = None) -> str:
    """Return a source's name that is the same for every partition, without credentials.

    A folder of the partition is left out and what follows it kept, so that images and labels that lie in it stay apart:
    ``landing/{partition_key}/images`` and ``landing/day={partition_key}/images`` are ``landing/images``. Where the key is a part of a name,
    it is a ``*``: ``landing/{partition_key}.zip`` is ``landing/*.zip``.

    :param partition_key: of the run; where a template of the user's own (``{{ ds }}``, ``{{ ds_nodash }}``) has written it into the source,
        it is found there as well: the key's date however its parts are separated, or a folder that is named by a key with a digit.
    """
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
