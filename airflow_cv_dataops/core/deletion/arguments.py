"""What a deletion can be told, checked without anything heavy."""

from __future__ import annotations

import re
from collections.abc import Sequence

from airflow_cv_dataops.core.errors import ConfigurationError

RELEASES = ("keep", "erase")
_IMAGE_ID = re.compile(r"[0-9a-f]{64}")
_LONGEST_REASON = 2_000


def check_image_ids(image_ids: Sequence[str]) -> frozenset[str]:
    """Return the ids. :raises ConfigurationError: one is none."""
    for image_id in image_ids:
        if not isinstance(image_id, str) or not _IMAGE_ID.fullmatch(image_id):
            raise ConfigurationError(f"image_ids: {image_id!r} is no image id: expected the sha256 of the file's bytes, 64 hex digits.")
    return frozenset(image_ids)


def check_sources(sources: Sequence[str]) -> tuple[str, ...]:
    """Return the sources. :raises ConfigurationError: one is no URI that rows may have."""
    for source in sources:
        if not isinstance(source, str) or "://" not in source:
            raise ConfigurationError(
                f"sources: {source!r} is no URI: expected a source_uri as the rows have it, or the beginning of several, up to a slash."
            )
    return tuple(sources)


def check_where(where: str | None) -> None:
    """:raises ConfigurationError: it is no filter."""
    if where is None:
        return
    check_is_text(where)
    from pyiceberg.expressions.parser import parse
    from pyparsing import ParseException

    try:
        parse(where)
    except (ParseException, ValueError, TypeError) as error:
        raise ConfigurationError(f"where={where!r} is no filter: {error}. Expected such as \"camera = 'X100'\".") from error


def check_is_text(where: str) -> None:
    """:raises ConfigurationError: it cannot be a filter."""
    if not isinstance(where, str):
        raise ConfigurationError(f"where={where!r} is no filter: expected a text such as \"camera = 'X100'\".")


def check_releases(releases: str) -> None:
    """:raises ConfigurationError: it is not among :data:`RELEASES`."""
    if releases not in RELEASES:
        raise ConfigurationError(f"releases={releases!r} cannot be used: expected one of {', '.join(RELEASES)}.")


def check_reason(reason: str) -> None:
    """:raises ConfigurationError: it says nothing, or too much."""
    if not isinstance(reason, str) or not reason.strip() or len(reason) > _LONGEST_REASON:
        raise ConfigurationError(f"reason={reason!r} cannot be used: expected a text of 1 to {_LONGEST_REASON:,} characters.")


def check_selection(image_ids: Sequence[str], sources: Sequence[str], where: str | None) -> None:
    """:raises ConfigurationError: nothing says which images."""
    if not image_ids and not sources and not (where or "").strip():
        raise ConfigurationError("Nothing says which images to delete: give image_ids, sources or where.")
