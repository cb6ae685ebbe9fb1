"""Labels of a release as training wants them: columns in which the labels of an image lie side by side.

What trains nothing is left out, and counted by the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.arguments import check_list
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.release.held_labels import is_background
from airflow_cv_dataops.core.release.label_rows import LabelRows, is_whole

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

IMAGE_COLUMNS = ("image_id", "partition_key", "source_uri", "storage_uri", "width", "height")
LABEL_COLUMNS = ("image_id", "task", "category", "bbox", "area", "iscrowd")
ALSO = ("segmentation", "keypoints")
WITHOUT_LABELS = ("stated", "none", "all")


@dataclass(frozen=True)
class Boxes:
    """Labels with a box, those of an image side by side, in the order of the images.

    :param starts: int64, one more than there are images: image ``i`` has the labels from ``starts[i]`` up to ``starts[i + 1]``.
    :param corners: float32 (labels, 4): x1, y1, x2, y2 in pixels, inside the image.
    :param codes: int32, index of the category.
    :param area: float32, square pixels: as the label states it, else that of the box.
    :param iscrowd: bool.
    :param also: ``segmentation`` (JSON text), ``keypoints`` (lists), where the release has any.
    """

    starts: np.ndarray
    corners: np.ndarray
    codes: np.ndarray
    area: np.ndarray
    iscrowd: np.ndarray
    also: Mapping[str, pa.Array]


@dataclass(frozen=True)
class Whole:
    """Labels of images as a whole; both columns as those of :class:`Boxes`."""

    starts: np.ndarray
    codes: np.ndarray


@dataclass(frozen=True)
class TrainingLabels:
    """Images, and what of their labels trains.

    :param images: ``IMAGE_COLUMNS``, sorted by image id.
    :param classes: the release's categories, sorted.
    :param boxes: ``None`` where the release has labels of images as a whole alone.
    :param whole: ``None`` where it has none of these.
    :param left_out: how many labels train nothing, by reason.
    """

    images: pa.Table
    classes: tuple[str, ...]
    boxes: Boxes | None
    whole: Whole | None
    left_out: Mapping[str, int]


def check_choices(without_labels: str, also: Sequence[str]) -> None:
    """:raises ConfigurationError: an argument of ``Release.map_style`` cannot be used."""
    if without_labels not in WITHOUT_LABELS:
        raise ConfigurationError(f"without_labels={without_labels!r} cannot be used: expected {', '.join(WITHOUT_LABELS)}.")
    check_list("also", also)
    if unknown := sorted(set(also) - set(ALSO)):
        raise ConfigurationError(f"also={list(also)!r} cannot be used: expected {' and '.join(ALSO)}, not {unknown}.")


def of_label_sets(annotations: pa.Table, label_sets: Sequence[str] | None) -> pa.Table:
    """Return what labels of these imports say; of all where none is named. :raises ConfigurationError: there is no label of one of them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if label_sets is None:
        return annotations
    check_list("label_sets", label_sets)
    if not label_sets:
        raise ConfigurationError("label_sets is empty: name at least one, or leave it out for all.")
    there = annotations["label_set"].unique().to_pylist()
    if unknown := sorted(set(label_sets) - set(there)):
        raise ConfigurationError(
            f"label_sets={list(label_sets)!r}: the release has no label of {unknown}; it has {', '.join(sorted(there))}."
        )
    return annotations.filter(pc.is_in(annotations["label_set"], value_set=pa.array(list(label_sets), pa.string())))


def training_labels(images: pa.Table, annotations: pa.Table, *, split: str | None, without_labels: str) -> TrainingLabels:
    """Return the images that are trained on, with what trains.

    :param images: ``IMAGE_COLUMNS`` of the split's images.
    :param annotations: ``LABEL_COLUMNS``, ``split`` and what of ``ALSO`` is wanted, of the whole release: which kinds of labels it has, and
        which categories, is the same for each split.
    :param split: ``None``: all of them.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    images = _with_large_text(images.select(list(IMAGE_COLUMNS))).sort_by("image_id").combine_chunks()
    classes = pc.unique(annotations["category"].drop_null()).sort()
    has_whole, has_boxes, also = _kinds(annotations)
    table = annotations if split is None else annotations.filter(pc.equal(annotations["split"], split))
    rows = LabelRows.of(table, images, classes)
    chosen = rows.images_of(without_labels, images.num_rows)
    place = np.append(np.cumsum(chosen) - 1, -1)[rows.at]  # of no meaning where a row trains nothing: its image may not be chosen
    starts, order = _grouped(place, np.flatnonzero(rows.trains & ~rows.is_whole), int(chosen.sum()))
    whole_starts, whole_order = _grouped(place, np.flatnonzero(rows.trains & rows.is_whole), int(chosen.sum()))
    return TrainingLabels(
        images=images.filter(pa.array(chosen)).combine_chunks(),
        classes=tuple(classes.to_pylist()),
        boxes=_boxes(table, rows, starts, order, also) if has_boxes else None,
        whole=Whole(whole_starts, rows.codes[whole_order]) if has_whole else None,
        left_out=rows.left_out(),
    )


def _with_large_text(rows: pa.Table) -> pa.Table:
    """Return the rows with text in the type that has no limit: that of 34 million ids in one chunk is more than the usual one holds."""
    import pyarrow as pa

    kinds = [pa.large_string() if pa.types.is_string(field.type) else field.type for field in rows.schema]
    return rows.cast(pa.schema(list(zip(rows.column_names, kinds, strict=True))))


def _kinds(annotations: pa.Table) -> tuple[bool, bool, list[str]]:
    """Say whether a release has labels of whole images, whether its targets have boxes, and what its labels have beside boxes."""
    import pyarrow as pa

    labels = annotations.filter(pa.array(~is_background(annotations)))
    whole = int(is_whole(labels).sum())
    also = [name for name in ALSO if name in labels.column_names and labels[name].null_count < labels.num_rows]
    return whole > 0, whole < labels.num_rows or not whole, also


def _grouped(place: np.ndarray, rows: np.ndarray, images: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where the rows of each image start, and the rows in the order of their images."""
    import numpy as np

    ends = np.cumsum(np.bincount(place[rows], minlength=images))
    return np.concatenate([[0], ends]).astype(np.int64), rows[np.argsort(place[rows], kind="stable")]


def _boxes(labels: pa.Table, rows: LabelRows, starts: np.ndarray, order: np.ndarray, also: Sequence[str]) -> Boxes:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    corners = rows.corners[order]
    stated = pc.fill_null(labels["area"], np.nan).to_numpy()[order]
    area = np.where(np.isfinite(stated), stated, (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1]))
    texts = {"segmentation": pa.large_string()}  # together they may be more than the 2 GB that an array of strings holds
    return Boxes(
        starts=starts,
        corners=corners,
        codes=rows.codes[order],
        area=area.astype(np.float32),
        iscrowd=pc.fill_null(labels["iscrowd"], False).to_numpy()[order].astype(bool),
        also={name: labels[name].cast(texts.get(name, labels[name].type)).take(pa.array(order)).combine_chunks() for name in also},
    )
