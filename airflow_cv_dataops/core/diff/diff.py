"""Two releases, compared."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.diff.arguments import check_iou_threshold
from airflow_cv_dataops.core.diff.changes import changed_labels
from airflow_cv_dataops.core.diff.held_labels import HeldLabels
from airflow_cv_dataops.core.diff.images import Images
from airflow_cv_dataops.core.diff.release_diff import ReleaseDiff
from airflow_cv_dataops.core.diff.report import write_diff_report
from airflow_cv_dataops.core.diff.showcase import Showcase
from airflow_cv_dataops.core.diff.statements import Comparison, Labels
from airflow_cv_dataops.core.diff.tally import Tally
from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.release.lookup import DEFAULT_STAGE, read_release
from airflow_cv_dataops.core.release.moments import moment_of
from airflow_cv_dataops.core.release.named import check_is_there
from airflow_cv_dataops.core.release.reader import Release
from airflow_cv_dataops.core.report.limits import ReportLimits
from airflow_cv_dataops.core.store.dataset import Dataset

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)


def diff_releases(
    dataset: Dataset,
    before: str | date | datetime | None = None,
    after: str | date | datetime = DEFAULT_STAGE,
    *,
    iou_threshold: float = 0.5,
    max_rows: int = 100_000,
    allow_missing_before: bool = False,
    report: ReportLimits | bool | None = None,
) -> ReleaseDiff:
    """Compare two releases: images, splits, labels, categories and metrics.

    :param before: a release (``v3``), a stage (``production``) or a time, as ``Dataset.release`` takes them; default: the release that the
        stage held before ``after``. Where it held none, ``after`` is compared with nothing: everything was added.
    :param after: the release that is compared; the same.
    :param iou_threshold: from this intersection over union on, above 0 and at most 1, a box of one release may be a box of the other.
    :param max_rows: the tables hold at most so many rows of each change; counts are exact in any case.
    :param allow_missing_before: whether a ``before`` that there is not (yet) stands for nothing.
    :param report: write a page with pictures of what changed, ``True`` or within limits of your own; default: none.
    :raises ConfigurationError: an option cannot be used.
    :raises DatasetNotFoundError: there is no such release, or a snapshot that it holds is gone.
    :raises StoreError: a release's tables do not hold what was released.
    """
    _check_options(iou_threshold, max_rows)
    for asked in (before, after):
        if asked is not None:
            moment_of(asked)
    old, new = _releases(dataset, before, after, allow_missing=allow_missing_before)
    for release in (old, new):
        if release is not None:
            check_is_there(release)
    log.info("Comparing %s with %s of %s", new.name, old.name if old else "nothing", dataset.name)
    images = Images.read(old, new)
    comparison = Comparison(images, HeldLabels.of_both((old, new), images))
    report = ReportLimits() if report is True else report or None
    tally, showcase = Tally(max_rows), Showcase(report.max_pictures if report else 0)
    for rows in changed_labels(comparison, iou_threshold):
        tally.add(rows)
        showcase.add(rows)
    found = ReleaseDiff(
        before=old,
        after=new,
        counts=_counts(images, comparison.labels, tally),
        images=images.changed(old, new, max_rows),
        labels=tally.table(),
        max_rows=max_rows,
        categories=_categories(comparison),
        moves=images.moves(),
        metrics=metrics_that_differ(old, new),
        iou_threshold=iou_threshold,
    )
    if report is None:
        return found
    return replace(found, report_uri=write_diff_report(dataset, found, showcase.chosen(found.images), report))


def _check_options(iou_threshold: float, max_rows: int) -> None:
    check_iou_threshold(iou_threshold)
    if not max_rows >= 0:
        raise ConfigurationError(f"max_rows is {max_rows!r}: expected 0 or more.")


def _releases(
    dataset: Dataset, before: str | date | datetime | None, after: str | date | datetime, *, allow_missing: bool
) -> tuple[Release | None, Release]:
    new = read_release(dataset, after)
    if before is None:
        if new.parent is None:
            log.warning("%s is the first release that %s held: there is nothing to compare it with, everything is new", new.name, new.stage)
        return (None if new.parent is None else read_release(dataset, new.parent)), new
    try:
        return read_release(dataset, before), new
    except DatasetNotFoundError as error:
        if not allow_missing:
            raise
        log.warning("%s Everything in %s counts as new.", error, new.name)
        return None, new


def _counts(images: Images, labels: tuple[Labels, ...], tally: Tally) -> dict[str, dict[str, int]]:
    held = [int(side.is_label.sum()) for side in labels]
    in_both = [int((side.is_label & images.in_both[side.image]).sum()) for side in labels]
    changed = dict(tally.labels)
    counts = {"before": held[0], "after": held[1], "unchanged": in_both[0] - changed.get("removed", 0) - changed.get("changed", 0)}
    names = ("changed", "added", "removed", "recategorised", "moved", "reshaped", "edited")
    return {
        "images": images.counts() | {"relabelled": tally.images},
        "labels": {**counts, **{name: changed.get(name, 0) for name in names}},
        "labels_of_images": {"added": held[1] - in_both[1], "removed": held[0] - in_both[0]},
        "stated_empty": {name: tally.backgrounds[name] for name in ("added", "removed")},
    }


def _categories(comparison: Comparison) -> pa.Table:
    """Return labels by category in both, the biggest change of share first."""
    import numpy as np
    import pyarrow as pa

    names = [*comparison.categories, None]
    counts = [np.bincount(side.category[side.is_label] % len(names), minlength=len(names)) for side in comparison.labels]
    shares = [own / own.sum() if own.sum() else np.full(len(own), np.nan) for own in counts]
    change = np.abs(np.nan_to_num(shares[1]) - np.nan_to_num(shares[0]))
    at = sorted(
        np.flatnonzero(counts[0] + counts[1]).tolist(),
        key=lambda place: (-round(change[place], 12), -counts[1][place], names[place] is None, names[place] or ""),
    )
    columns = {
        "category": pa.array([names[place] for place in at], pa.string()),
        **{name: pa.array(own[at], pa.int64()) for name, own in zip(("before", "after"), counts, strict=True)},
        "share_before": pa.array(shares[0][at], pa.float64(), from_pandas=True),
        "share_after": pa.array(shares[1][at], pa.float64(), from_pandas=True),
    }
    return pa.table(columns)


def metrics_that_differ(before: Release | None, after: Release) -> dict[str, tuple[float, float]]:
    """Return the metrics that both were measured by and that differ. Releases of former versions have none."""
    old, new = (_measured(release) for release in (before, after))
    return {name: (old[name], new[name]) for name in sorted(old.keys() & new.keys()) if old[name] != new[name]}


def _measured(release: Release | None) -> Mapping[str, float]:
    measured = (release.measured() if release else None) or {}
    # Categories have a table of their own.
    whole = ((name, value) for name, value in measured.items() if "[category=" not in name)
    return {name: value for name, value in whole if isinstance(value, int | float) and math.isfinite(value)}
