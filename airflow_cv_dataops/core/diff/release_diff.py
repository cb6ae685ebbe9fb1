"""What changed between two releases, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.diff.images import in_words

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_cv_dataops.core.release.reader import Release


@dataclass(frozen=True)
class ReleaseDiff:
    """What changed from one release to another. All counts are exact, however many rows the tables hold.

    :param before: the release that was compared with; ``None``: nothing, so that everything was added.
    :param after: the release that was compared.
    :param counts: ``images`` (before, after, added, removed, moved: to another split, unchanged: in the same split in both, relabelled: in
        both, and a label of theirs changed); ``labels`` (before, after; of images that both have: unchanged, changed, added, removed, and
        of those that changed recategorised, moved, reshaped, edited, where one may be several); ``labels_of_images`` (labels of images
        that were added, or removed); ``stated_empty`` (statements that nothing is in an image, of images that both have: added, removed).
    :param images: the images that changed: change, image_id, partition_key, source_uri, split_before, split_after.
    :param labels: the labels that changed, of images that both have: image_id, partition_key, source_uri, label_set, is_label, changes
        (list), iou (of paired boxes, 0 to 1), and as both say it annotation_id, task, category, bbox, iscrowd and attributes, with
        ``_before`` or ``_after`` behind the name.
    :param max_rows: each table holds at most so many rows of each change, those of the smallest image ids.
    :param categories: category (null: labels without one), before, after: labels; share_before, share_after: of all labels, 0 to 1;
        the biggest change of share first.
    :param moves: how many images were in one split before and are in one after, by both; ``None``: not in the release.
    :param metrics: metrics that both releases have been measured by and that differ: before and after.
    :param iou_threshold: from which IoU on boxes were matched.
    :param report_uri: the report, where one was written.
    """

    before: Release | None
    after: Release
    counts: Mapping[str, Mapping[str, int]]
    images: pa.Table
    labels: pa.Table
    max_rows: int
    categories: pa.Table
    moves: Mapping[tuple[str | None, str | None], int]
    metrics: Mapping[str, tuple[float, float]]
    iou_threshold: float
    report_uri: str | None = None

    @property
    def is_empty(self) -> bool:
        """Say whether both releases hold the same: images, splits, labels, and what is stated to be empty."""
        return not any(
            self.counts[group][name]
            for group, names in (
                ("images", ("added", "removed", "moved")),
                ("labels", ("added", "removed", "changed")),
                ("stated_empty", ("added", "removed")),
            )
            for name in names
        )

    @property
    def is_capped(self) -> bool:
        """Say whether the tables hold fewer rows than changed."""
        images, labels = self.counts["images"], self.counts["labels"]
        of_images = [images[change] for change in ("added", "removed", "moved")]
        of_labels = [labels[change] for change in ("recategorised", "moved", "reshaped", "edited")]
        both = [labels[change] + self.counts["stated_empty"][change] for change in ("added", "removed")]
        return max(*of_images, *of_labels, *both) > self.max_rows

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the rows of the tables as JSON values."""
        shares = ("share_before", "share_after")
        return {
            "dataset": self.after.dataset.name,
            "from": _named(self.before),
            "to": _named(self.after),
            "counts": {group: dict(counts) for group, counts in self.counts.items()},
            "splits": in_words(self.moves),
            "categories": [
                {**row, **{name: round(row[name], 6) for name in shares if row[name] is not None}} for row in self.categories.to_pylist()
            ],
            "metrics": {name: {"before": before, "after": after} for name, (before, after) in self.metrics.items()},
            "rows": {"images": self.images.num_rows, "labels": self.labels.num_rows, "max_rows": self.max_rows, "capped": self.is_capped},
            "iou_threshold": self.iou_threshold,
            "report_uri": self.report_uri,
        }


def _named(release: Release | None) -> dict[str, Any] | None:
    if release is None:
        return None
    return {"release": release.name, "stage": release.stage, "created_at": release.created_at.isoformat(), "content_id": release.content_id}
