"""A grid of objects in a hundred pictures, and a model.

It scores most of them high, faint ones lower, and makes mistakes that get rarer as scores rise.
"""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa

from airflow_cv_dataops.core.audit.audit_input import AuditInput
from airflow_cv_dataops.core.audit.detection.checks import overlooked_bbox, overlooked_not_judged

IMAGES, SIDE, CELLS = 100, 40, 5


def objects(rng):
    """Return image, box (x, y, width, height) and ease (a logit) of 25 objects in each of 100 pictures of 400 x 400."""
    image = np.repeat(np.arange(IMAGES), CELLS**2)
    column, row = np.tile(np.arange(CELLS), CELLS * IMAGES), np.tile(np.repeat(np.arange(CELLS), CELLS), IMAGES)
    box = np.stack([80 * column, 80 * row, np.full(len(image), SIDE), np.full(len(image), SIDE)], axis=1).astype(float)
    return image, box, rng.normal(3, 1, len(image))


def mistakes(rng, count, ease):
    """Return image, box and score of predictions between the objects."""
    box = np.stack([*(80 * rng.integers(0, CELLS - 1, count) + 42.0 for _ in range(2)), *np.full((2, count), 36.0)], axis=1)
    return rng.integers(0, IMAGES, count), box, 1 / (1 + np.exp(-ease))


def scored(ease):
    return 1 / (1 + np.exp(-ease))


def audit_input(image, box, seen, score, kept, size=400.0, names=("cell", "cell")) -> AuditInput:
    """Return labels of the objects that are kept, and predictions: boxes (image, box) with scores. All are cells, or have names."""
    ids = pa.array([f"{number:064d}" for number in range(IMAGES)])
    files = pa.array([f"s3://photos/{number}.jpg" for number in range(IMAGES)])
    side = pa.array(np.full(IMAGES, size).astype(np.int32))

    def columns(images, boxes, category):
        sides = [pa.array(values) for values in boxes.T]
        place = {
            "image_id": ids.take(pa.array(images)),
            "source_uri": files.take(pa.array(images)),
            "file_name": pa.nulls(len(images), pa.string()),
        }
        bbox = pa.StructArray.from_arrays(sides, ["x", "y", "width", "height"])
        return {
            **place,
            "task": pa.repeat("detection", len(images)),
            "category": pa.array(np.broadcast_to(category, len(images))),
            "bbox": bbox,
        }

    number = pa.array(np.arange(kept.sum())).cast(pa.string())
    more = {"label_set": pa.repeat("default", len(number)), "source": pa.nulls(len(number), pa.string()), "annotation_id": number}
    more["iscrowd"] = pa.repeat(False, len(number))
    given = pa.table({**columns(image[kept], box[kept], names[0]), **more})
    predicted = pa.table({**columns(*seen, names[1]), "model": pa.repeat("m", len(score)), "score": pa.array(score)})
    images = pa.table({"source_uri": files, "image_id": ids, "file_name": files, "width": side, "height": side})
    return AuditInput(images, given, predicted)


def found_of(data, image, box, is_missing):
    """Return precision and recall of the suggested boxes."""
    found = overlooked_bbox(data)
    if found is None:
        return 0.0, 0.0
    suggested = [json.loads(text)["bbox"] for text in found["suggestion"].to_pylist()]
    named = {(int(name), *map(round, place)) for name, place in zip(found["image_id"].to_pylist(), suggested, strict=True)}
    missing = {(int(name), *map(round, place)) for name, place in zip(image[is_missing], box[is_missing], strict=True)}
    return len(named & missing) / len(named), len(named & missing) / len(missing)


def world(is_missing_by, *, seed=0, transform=lambda score: score, wrong=1000):
    """Return precision, recall and what could not be judged, where ``is_missing_by(rng, image, box, ease)`` says what has no label."""
    rng = np.random.default_rng(seed)
    image, box, ease = objects(rng)
    false_image, false_box, false_score = mistakes(rng, wrong, -3 + rng.exponential(0.8, wrong))
    seen = np.concatenate([image, false_image]), np.concatenate([box, false_box])
    score = transform(np.concatenate([scored(ease), false_score]))
    is_missing = is_missing_by(rng, image, box, ease)
    data = audit_input(image, box, seen, score, ~is_missing)
    return *found_of(data, image, box, is_missing), overlooked_not_judged(data)


def at_random(share):
    return lambda rng, image, box, ease: rng.random(len(image)) < share


def at_border(rng, image, box, ease):
    return (box[:, :2].min(axis=1) == 0) & (rng.random(len(image)) < 0.9)


def faint(rng, image, box, ease):
    return (ease < 2.3) & (rng.random(len(image)) < 0.9)


def at_border_or_faint(rng, image, box, ease):
    return at_border(rng, image, box, ease) | faint(rng, image, box, ease)


def of_one_annotator(rng, image, box, ease):
    return (image % 3 == 0) & (rng.random(len(image)) < 0.7)
