"""Boxes as plain arrays, handed to both sides of a comparison: as an ``AuditInput``, and as cleanlab's lists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from airflow_cv_dataops.core.audit.audit_input import AuditInput


@dataclass(frozen=True, eq=False)
class Boxes:
    """:param image: number of the image. :param category: number. :param box: (N, 4) x, y, width, height. :param score: 0 to 1."""

    image: np.ndarray
    category: np.ndarray
    box: np.ndarray
    score: np.ndarray

    def __len__(self) -> int:
        return len(self.image)

    def take(self, rows: np.ndarray) -> Boxes:
        return Boxes(self.image[rows], self.category[rows], self.box[rows], self.score[rows])

    def joined(self, other: Boxes) -> Boxes:
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Boxes(*(np.concatenate(pair) for pair in pairs))

    @property
    def corners(self) -> np.ndarray:
        return np.concatenate([self.box[:, :2], self.box[:, :2] + self.box[:, 2:]], axis=1)


def audit_input(
    labels: Boxes, predictions: Boxes, images: int, categories: list[str], size: tuple[float, float] = (640, 480)
) -> AuditInput:
    """Return the tables that an audit reads; an annotation's id is its place in ``labels``."""
    names = pa.array(categories)
    ids = pa.array([f"{number:064d}" for number in range(images)])
    files = pa.array([f"s3://photos/{number:06d}.jpg" for number in range(images)])
    sides = [pa.array(np.full(images, side).astype(np.int32)) for side in size]
    image_table = pa.table({"source_uri": files, "image_id": ids, "file_name": files, "width": sides[0], "height": sides[1]})

    def columns(boxes: Boxes) -> dict[str, pa.Array]:
        sides = [pa.array(side.astype(np.float64)) for side in boxes.box.T]
        return {
            "image_id": ids.take(pa.array(boxes.image)),
            "source_uri": files.take(pa.array(boxes.image)),
            "file_name": files.take(pa.array(boxes.image)),
            "task": pa.repeat("detection", len(boxes)),
            "category": names.take(pa.array(boxes.category)),
            "bbox": pa.StructArray.from_arrays(sides, ["x", "y", "width", "height"]),
        }

    given = {
        **columns(labels),
        "label_set": pa.repeat("default", len(labels)),
        "annotation_id": pa.array(np.arange(len(labels))).cast(pa.string()),
        "source": pa.repeat("s3://labels/all.json", len(labels)),
        "iscrowd": pa.repeat(False, len(labels)),
        "segmentation": pa.nulls(len(labels), pa.string()),
    }
    predicted = {
        **columns(predictions),
        "model": pa.repeat("detector", len(predictions)),
        "score": pa.array(predictions.score),
        "segmentation": pa.nulls(len(predictions), pa.string()),
        "classes": pa.nulls(len(predictions), pa.string()),
    }
    return AuditInput(image_table, pa.table(given), pa.table(predicted))


def cleanlab_input(labels: Boxes, predictions: Boxes, images: int, categories: int) -> tuple[list[dict], list[np.ndarray]]:
    """Return cleanlab's labels and predictions, one entry an image, boxes in the order of their rows."""
    given = [np.flatnonzero(labels.image == number) for number in range(images)]
    predicted = [np.flatnonzero(predictions.image == number) for number in range(images)]
    lists = [{"bboxes": labels.corners[rows], "labels": labels.category[rows], "image_name": str(n)} for n, rows in enumerate(given)]
    scored = np.concatenate([predictions.corners, predictions.score[:, None]], axis=1)
    arrays = []
    for rows in predicted:
        by_class = np.empty(categories, dtype=object)
        for number in range(categories):
            by_class[number] = scored[rows[predictions.category[rows] == number]]
        arrays.append(by_class)
    return lists, arrays


def iou_matrix(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the IoU of each of (N, 4) with each of (M, 4) boxes, x, y, width, height."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, :2] + a[:, None, 2:], b[None, :, :2] + b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    union = a[:, 2:].prod(axis=1)[:, None] + b[:, 2:].prod(axis=1)[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
