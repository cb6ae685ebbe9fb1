"""Labels that differ, a few images at a time, to rows that say what changed in each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.diff.label_columns import SIDES
from airflow_cv_dataops.core.diff.matching import BACKGROUND, BOX, WHOLE, Candidates, ious, match
from airflow_cv_dataops.core.diff.statements import Comparison
from airflow_cv_dataops.core.labels.records import BACKGROUND as BACKGROUND_TASK
from airflow_cv_dataops.core.release.spill import Spill
from airflow_cv_dataops.core.store.schema import arrow_schema
from airflow_cv_dataops.core.store.temporary_file import TemporaryFolder

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

LABEL_CHANGES = ("added", "removed", "recategorised", "moved", "reshaped", "edited")
_LABELS_IN_SLICE = 50_000
_MOST_SLICES = 4_096
_PLACE = ("partition_key", "source_uri", "image_id", "label_set")
_SAID = ("annotation_id", "task", "category", "bbox", "segmentation", "keypoints", "iscrowd", "attributes")
_COLUMNS = (*_PLACE, *_SAID)
_LONG = ("segmentation", "attributes")
_ROWS_IN_CHUNK = 4_096


def changed_labels(comparison: Comparison, iou_threshold: float) -> Iterator[pa.Table]:
    """Yield the labels of images that both releases have which are not the same in both, by image id, some images at a time.

    :return: rows with image_id, partition_key, source_uri, label_set, is_label (``False``: a statement that nothing is there), changes
        (list of ``LABEL_CHANGES``), iou (of paired boxes), and what both say: ``annotation_id_before``, ``annotation_id_after``, …
    """
    count = sum(int(differs.sum()) for differs in comparison.differs)
    if not count:
        return
    with TemporaryFolder() as folder:
        slices = min(_MOST_SLICES, -(-count // _LABELS_IN_SLICE))
        spills = []
        for side in (0, 1):
            spill = Spill(Path(folder.path, str(side)), slices, spilled_schema())
            spill.fill(rows.select(spilled_schema().names) for rows in comparison.rows(side, _COLUMNS))
            spills.append(spill)
        for number in range(slices):
            yield changed_between(spills[0].read(number), spills[1].read(number), iou_threshold)


def changed_between(before: pa.Table, after: pa.Table, iou_threshold: float) -> pa.Table:
    """Return what changed between labels of the same images, in whatever order. :param before: rows of ``spilled_schema()``."""
    import numpy as np
    import pyarrow as pa

    before, after = _without_equal(*(_sorted(_with_large_text(rows)) for rows in (before, after)))
    partner = match(*_candidates(before, after), iou_threshold)
    alone = np.ones(after.num_rows, bool)
    alone[partner[partner >= 0]] = False
    at = np.concatenate([np.arange(before.num_rows), np.full(int(alone.sum()), -1)])
    to = np.concatenate([partner, np.flatnonzero(alone)])
    rows = _described(before, after, at, to)
    rows = rows.filter(pa.array(np.asarray(_lengths(rows["changes"])) > 0))  # what differs in the sign of a zero alone has not changed
    return _in_parts(rows, [(name, "ascending") for name in ("image_id", "label_set", "annotation_id_before", "annotation_id_after")])


def _with_large_text(rows: pa.Table) -> pa.Table:
    """Return the rows with masks and polygons as a type that holds more than 2 GB of them: Arrow joins chunks where it sorts and takes."""
    import pyarrow as pa

    for name in _LONG:
        rows = rows.set_column(rows.schema.get_field_index(name), name, rows[name].cast(pa.large_string()))
    return rows


def _in_parts(rows: pa.Table, order: list[tuple[str, str]]) -> pa.Table:
    """Return the rows in this order and in the usual types, so many in a chunk that these hold them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    at = pc.sort_indices(rows, sort_keys=order)
    parts = [rows.take(at.slice(start, _ROWS_IN_CHUNK)).cast(changes_schema()) for start in range(0, len(at), _ROWS_IN_CHUNK)]
    return pa.concat_tables(parts) if parts else changes_schema().empty_table()


def _without_equal(before: pa.Table, after: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return the labels that the other release does not have as often: equal statements cancel, those of one annotation id first."""
    import numpy as np
    import pyarrow as pa

    statements = [rows["statement"].to_numpy() for rows in (before, after)]
    ids = _numbers(before["annotation_id"], after["annotation_id"])
    is_left = [np.ones(len(side), bool) for side in statements]
    for by_id in (True, False):
        free = [np.flatnonzero(left) for left in is_left]
        columns = [
            np.stack([said[at], own[at].astype(np.uint64) if by_id else said[at] * 0], axis=1)
            for said, own, at in zip(statements, ids, free, strict=True)
        ]
        codes = np.unique(np.concatenate(columns), axis=0, return_inverse=True)[1].reshape(-1)
        cut = len(free[0])
        both = [np.bincount(part, minlength=codes.max(initial=-1) + 1) for part in (codes[:cut], codes[cut:])]
        cancelled = np.minimum(*both)
        for left, at, own in zip(is_left, free, (codes[:cut], codes[cut:]), strict=True):
            left[at[_rank(own) < cancelled[own]]] = False
    return before.filter(pa.array(is_left[0])), after.filter(pa.array(is_left[1]))


def _candidates(before: pa.Table, after: pa.Table) -> tuple[Candidates, Candidates]:
    import numpy as np
    import pyarrow.compute as pc

    columns = {name: _numbers(before[name], after[name]) for name in ("image_id", "label_set", "category", "annotation_id")}
    found = []
    for side, rows in enumerate((before, after)):
        image, label_set, category, annotation = (columns[name][side] for name in columns)
        is_background = pc.equal(rows["task"], BACKGROUND_TASK).to_numpy()
        is_whole = pc.and_(pc.equal(rows["task"], "classification"), rows["bbox"].is_null()).to_numpy()
        kind = np.select([is_background, is_whole], [BACKGROUND, WHOLE], default=BOX)
        sets = int(max((column.max(initial=0) for column in columns["label_set"]), default=0)) + 2
        found.append(Candidates((image * sets + label_set + 1) * 3 + kind, kind, category, annotation, boxes_of(rows["bbox"])))
    return found[0], found[1]


def _described(before: pa.Table, after: pa.Table, at: np.ndarray, to: np.ndarray) -> pa.Table:
    """Return one row for each pair of places. :param at: before, -1: none. :param to: after, -1: none."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    old, new = _taken(before, at), _taken(after, to)
    is_pair = (at >= 0) & (to >= 0)
    columns = {name: pc.coalesce(new[name], old[name]) for name in ("image_id", "partition_key", "source_uri", "label_set")}
    columns["is_label"] = pc.not_equal(pc.coalesce(new["task"], old["task"]), BACKGROUND_TASK)
    boxes = [boxes_of(rows["bbox"]) for rows in (old, new)]
    same_box = ((boxes[0] == boxes[1]) | (np.isnan(boxes[0]) & np.isnan(boxes[1]))).all(axis=1)
    differs = {name: _differ(old[name], new[name]) for name in _SAID if name != "bbox"}
    reshaped = differs["segmentation"] | differs["keypoints"]
    edited = differs["attributes"] | differs["iscrowd"]
    edited |= differs["task"] & ~(reshaped | ~same_box | differs["category"])  # a polygon more makes another task: that is said already
    masks = [to < 0, at < 0, is_pair & differs["category"], is_pair & ~same_box, is_pair & reshaped, is_pair & edited]
    named = dict(zip(("removed", "added", "recategorised", "moved", "reshaped", "edited"), masks, strict=True))
    columns["changes"] = _listed(np.stack([named[change] for change in LABEL_CHANGES], axis=1))
    overlap = ious(*boxes)
    overlap[is_pair & same_box & np.isfinite(boxes[0]).all(axis=1)] = 1.0
    columns["iou"] = pa.array(overlap, mask=np.isnan(overlap) | ~is_pair)
    for name in _SAID:
        columns |= {f"{name}_before": old[name], f"{name}_after": new[name]}
    return pa.table({name: columns[name] for name in changes_schema().names})


def changes_schema() -> pa.Schema:
    """Return the columns of :func:`changed_labels`."""
    import pyarrow as pa

    whole = arrow_schema("annotations")
    place = [(name, pa.string()) for name in ("image_id", "partition_key", "source_uri", "label_set")]
    own = [("is_label", pa.bool_()), ("changes", pa.list_(pa.string())), ("iou", pa.float64())]
    said = [(f"{name}_{side}", whole.field(name).type) for name in _SAID for side in ("before", "after")]
    return pa.schema([*place, *own, *said])


def boxes_of(boxes: pa.ChunkedArray) -> np.ndarray:
    """Return x, y, width and height, float64 (rows, 4); NaN where there is none."""
    import numpy as np
    import pyarrow.compute as pc

    sides = [pc.fill_null(pc.struct_field(boxes, side), np.nan).to_numpy() for side in SIDES]
    return np.stack(sides, axis=1).astype(np.float64)


def _taken(rows: pa.Table, at: np.ndarray) -> pa.Table:
    import pyarrow as pa

    return rows.take(pa.array(at, mask=at < 0))


def _differ(old: pa.ChunkedArray, new: pa.ChunkedArray) -> np.ndarray:
    """Return where two columns differ; two nulls do not."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_list(old.type):  # Arrow compares no lists; there are as many as labels that differ, and hardly any has points
        if old.null_count == len(old) and new.null_count == len(new):
            return old.is_valid().to_numpy()
        return (old.to_pandas().map(_points) != new.to_pandas().map(_points)).to_numpy()
    unequal = pc.fill_null(pc.not_equal(old, new), False).to_numpy()
    found: np.ndarray = unequal | (old.is_valid().to_numpy() != new.is_valid().to_numpy())
    return found


def _points(points: np.ndarray | None) -> str:
    return "" if points is None else repr(points.tolist())


def _listed(flags: np.ndarray) -> pa.ListArray:
    """Return the names of the changes of each row. :param flags: bool (rows, changes)."""
    import numpy as np
    import pyarrow as pa

    ends = np.concatenate([[0], np.cumsum(flags.sum(axis=1))]).astype(np.int32)
    names = pa.array(LABEL_CHANGES).take(pa.array(np.nonzero(flags)[1]))
    return pa.ListArray.from_arrays(pa.array(ends), names)


def _lengths(lists: pa.ChunkedArray) -> np.ndarray:
    import pyarrow.compute as pc

    found: np.ndarray = pc.list_value_length(lists).to_numpy()
    return found


def _numbers(before: pa.ChunkedArray, after: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of each text among those of both, int64; -1 for null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = pa.chunked_array([*before.chunks, *after.chunks], before.type).combine_chunks().dictionary_encode()
    found = pc.fill_null(encoded.indices, -1).to_numpy().astype("int64")
    return found[: len(before)], found[len(before) :]


def _rank(codes: np.ndarray) -> np.ndarray:
    """Return how many of the same number came before each."""
    import numpy as np

    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    ranks = np.empty(len(codes), np.int64)
    ranks[order] = np.arange(len(codes)) - np.searchsorted(ordered, ordered)
    return ranks


def _sorted(rows: pa.Table) -> pa.Table:
    """Return rows in an order that does not depend on that in which they came, but among rows that are alike."""
    names = ("image_id", "label_set", "annotation_id", "statement", "partition_key", "source_uri")
    return rows.sort_by([(name, "ascending") for name in names])


def spilled_schema() -> pa.Schema:
    import pyarrow as pa

    whole = arrow_schema("annotations")
    return pa.schema([*(whole.field(name) for name in _COLUMNS), pa.field("statement", pa.uint64())])
