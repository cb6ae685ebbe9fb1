"""Rows of ``images`` and ``annotations`` as COCO; an import of the result gives the same labels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.labels.formats.image_entries import image_entries, is_label, labels_with_images

if TYPE_CHECKING:
    import pyarrow as pa


def to_coco(images: pa.Table, annotations: pa.Table, *, every_image: bool = False) -> dict[str, Any]:
    """Return a COCO document: every image that has been labelled, and every annotation that has an image.

    An image of which it is said that nothing is in it stands there without annotations. One of which nothing is said is left out, since
    whoever reads the document, to train or to import it, would take it for empty.

    Images are numbered from 1 by ``source_uri``, those that are left out too; categories by name, annotations in the order of the rows. A
    number that JSON does not know (NaN, infinite) is left as it is: pass ``allow_nan=False`` to ``json.dumps`` to be told of it.

    :param images: rows of ``images``.
    :param annotations: rows of ``annotations``.
    :param every_image: also the images of which nothing is said, e.g. for a model to predict, as the ``coco_reference`` of its results.
    """
    entries = image_entries(images)
    said = list(labels_with_images(entries, annotations))
    shown = range(len(entries)) if every_image else sorted({image for image, _ in said})
    labels = [(image, label) for image, label in said if is_label(label)]
    names = sorted({label["category"] for _, label in labels if label["category"] is not None})
    category_ids = {name: number for number, name in enumerate(names, 1)}
    return {
        "images": [{"id": image + 1, **{name: entries[image][name] for name in ("file_name", "width", "height")}} for image in shown],
        "categories": [{"id": number, "name": name} for name, number in category_ids.items()],
        "annotations": [
            {"id": number, "image_id": image + 1, **_coco_label(label, category_ids)} for number, (image, label) in enumerate(labels, 1)
        ],
    }


def _coco_label(label: Mapping[str, Any], category_ids: Mapping[str, int]) -> dict[str, Any]:
    found = {
        "category_id": category_ids.get(label["category"]),
        "bbox": None if label["bbox"] is None else [label["bbox"][side] for side in ("x", "y", "width", "height")],
        "segmentation": None if label["segmentation"] is None else json.loads(label["segmentation"]),
        "area": label["area"],
        "iscrowd": None if label["iscrowd"] is None else int(label["iscrowd"]),
        "keypoints": label["keypoints"],
        "num_keypoints": None if label["keypoints"] is None else sum(1 for seen in label["keypoints"][2::3] if seen > 0),
        "annotator": label["annotator"],
        "attributes": None if label["attributes"] is None else json.loads(label["attributes"]),
    }
    return {name: value for name, value in found.items() if value is not None}
