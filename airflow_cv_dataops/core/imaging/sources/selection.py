"""Which files below a source prefix are taken for images at all."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_cv_dataops.core.store.objects import ObjectStore, open_store

# Label files and a listing's own house-keeping often lie beside the images. They are counted as skipped, not rejected;
# anything else that is not an image is a reject, so that nothing is lost in silence.
DEFAULT_EXCLUDE = ("*.txt", "*.xml", "*.json", "*.jsonl", "*.csv", "*.yaml", "*.yml", "*.names", "*.md", ".*", "*/.*", "_SUCCESS")


def open_source(spec: Mapping[str, Any]) -> ObjectStore:
    """Open the source that ``spec`` describes in JSON values: also in a worker process, which gets it from the run."""
    return open_store(spec["uri"], spec["options"])


def selector(pattern: str | None, exclude: Sequence[str]) -> Callable[[str], bool]:
    """Return a function that says whether a path below the source prefix is wanted.

    Globs are matched against the whole path, whatever its case: ``*`` also crosses ``/``, ``**/`` stands for any folders or none.

    :param pattern: the glob that a path has to match; ``None``: every path does.
    :param exclude: globs of which a path may match none.
    """
    wanted = _matcher([pattern]) if pattern is not None else None
    unwanted = _matcher(exclude)

    def is_selected(path: str) -> bool:
        return (wanted is None or wanted(path)) and not unwanted(path)

    return is_selected


def _matcher(globs: Sequence[str]) -> Callable[[str], bool]:
    spellings = {spelling for glob in globs for spelling in (glob.replace("**/", "*/"), glob.replace("**/", ""))}
    if not spellings:
        return lambda path: False
    expression = re.compile("|".join(fnmatch.translate(glob) for glob in sorted(spellings)), re.IGNORECASE)
    return lambda path: expression.match(path) is not None
