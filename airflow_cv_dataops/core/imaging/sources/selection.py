"""Which files below a source prefix are taken for images at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_cv_dataops.core.store.objects import ObjectStore, open_store
from airflow_cv_dataops.core.store.selection import matches, selector

# Label files often lie beside the images. They are counted as skipped, not rejected, as house-keeping files are; anything else that is
# not an image is a reject, so that nothing is lost in silence.
DEFAULT_EXCLUDE = ("*.txt", "*.xml", "*.json", "*.jsonl", "*.csv", "*.yaml", "*.yml", "*.names", "*.md")


def open_source(spec: Mapping[str, Any]) -> ObjectStore:
    """Open the source that ``spec`` describes in JSON values: also in a worker process, which gets it from the run."""
    return open_store(spec["uri"], spec["options"])


def image_selector(pattern: str | None, exclude: Sequence[str] | None, *, of_listed: bool = False) -> Callable[[str], bool]:
    """Return :func:`~airflow_cv_dataops.core.store.selection.selector` with what an ingest and the arrival sensor leave out by default.

    :param exclude: ``None``: label files (``DEFAULT_EXCLUDE``), but for a kind that ``pattern`` asks for (``*.json``).
    """
    if exclude is None:
        exclude = [glob for glob in DEFAULT_EXCLUDE if pattern is None or not matches(pattern, [glob])]
    return selector(pattern, exclude, of_listed=of_listed)
