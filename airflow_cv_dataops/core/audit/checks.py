"""The checks that every audit runs unless told otherwise. A new check is listed here; ``docs/checks.md`` is made from this list."""

from __future__ import annotations

from airflow_cv_dataops.core.audit.boxes import (
    bbox_outside_image,
    bbox_partly_outside,
    duplicate_bbox,
    missing_bbox,
    negative_bbox,
    non_finite_bbox,
    zero_area_bbox,
)
from airflow_cv_dataops.core.audit.check import Check
from airflow_cv_dataops.core.audit.classification import conflicting_labels, disputed_label, suspect_label
from airflow_cv_dataops.core.audit.segmentation import invalid_polygon, invalid_rle
from airflow_cv_dataops.core.audit.structure import duplicate_id, image_without_label, missing_image, size_mismatch, unknown_category

_PROBABILITIES = ("predictions.task", "predictions.probabilities", "predictions.classes")

SUSPECT_LABEL = Check(
    "suspect_label",
    "warning",
    "A classification label that out-of-sample predictions contradict (confident learning); score: probability of the given label.",
    "Look at the picture, lowest score first; relabel, or take the suggested category.",
    suspect_label,
    column="category",
    reads=_PROBABILITIES,
)

BUILT_IN: tuple[Check, ...] = (
    Check(
        "missing_image",
        "error",
        "A label whose image is not in the partition: no file matched its name, or the file has gone or changed since.",
        "Ingest the image, correct the file name in the label file, or import the labels anew after an ingest.",
        missing_image,
        column="image_id",
    ),
    Check(
        "image_without_label",
        "info",
        "An image that no label belongs to.",
        "Have it labelled; where every image must have a label, raise the severity.",
        image_without_label,
        column="file_name",
    ),
    Check(
        "unknown_category",
        "error",
        "A label without a category, or with one that is not in the list of categories.",
        "Correct the spelling (the suggestion names the closest category), or add the category to the list.",
        unknown_category,
        column="category",
    ),
    Check(
        "duplicate_id",
        "error",
        "An id that one label file gives to more than one label.",
        "Number the labels of the file anew; look for a file that was merged or appended twice.",
        duplicate_id,
        column="source_id",
        reads=("annotations.source_id",),
    ),
    Check(
        "size_mismatch",
        "warning",
        "The size that a label file states for an image is not the image's size.",
        "Check whether the image was resized, or turned by its EXIF orientation, after labelling; scale or redraw its labels.",
        size_mismatch,
        column="stated_width",
        reads=("annotations.stated_width", "annotations.stated_height"),
    ),
    Check(
        "missing_bbox",
        "error",
        "A detection label without a box.",
        "Draw the box or remove the label.",
        missing_bbox,
        column="bbox",
    ),
    Check(
        "non_finite_bbox",
        "error",
        "A box with a number that is absent, NaN or infinite.",
        "Look at the tool that exported the box; redraw it.",
        non_finite_bbox,
        column="bbox",
    ),
    Check(
        "negative_bbox",
        "error",
        "A box of negative width or height.",
        "Swap its corners, as the suggestion does; look for a tool that records the direction of drawing.",
        negative_bbox,
        column="bbox",
    ),
    Check(
        "zero_area_bbox",
        "error",
        "A box with a side of at most 0.01 px (`bbox_side_px`).",
        "Remove it (often a stray click) or redraw it.",
        zero_area_bbox,
        column="bbox",
    ),
    Check(
        "bbox_partly_outside",
        "warning",
        "A box that reaches more than 1 px (`bbox_outside_px`) beyond its image.",
        "Clip it, as the suggestion does; many at once hint at a wrong image size or orientation.",
        bbox_partly_outside,
        column="bbox",
    ),
    Check(
        "bbox_outside_image",
        "error",
        "A box without a single pixel in its image.",
        "Check whether the label belongs to another image, or to another size of this one.",
        bbox_outside_image,
        column="bbox",
    ),
    Check(
        "duplicate_bbox",
        "warning",
        "A box that repeats another one of the same image, category, label set and annotator (IoU of at least 0.99, `duplicate_iou`).",
        "Remove one of the two.",
        duplicate_bbox,
        column="bbox",
        reads=("annotations.annotator",),
    ),
    Check(
        "invalid_polygon",
        "error",
        "A polygon with fewer than 3 points, an odd number of coordinates, a coordinate that is no finite number, or no area"
        " (0.01 px², `polygon_area_px`); or a segmentation of no known form.",
        "Redraw the polygon or remove the label.",
        invalid_polygon,
        column="segmentation",
        reads=("annotations.segmentation",),
    ),
    Check(
        "invalid_rle",
        "error",
        "A run-length encoded mask whose runs do not fill its size, or whose size is not the image's.",
        "Export the mask again at the image's size (height first).",
        invalid_rle,
        column="segmentation",
        reads=("annotations.segmentation",),
    ),
    Check(
        "conflicting_labels",
        "error",
        "Classification labels of one image, or of byte-identical images, that name different categories.",
        "Decide on one; where an image may have several categories or several annotators, switch this check off.",
        conflicting_labels,
        column="category",
    ),
    SUSPECT_LABEL,
    Check(
        "disputed_label",
        "info",
        "A classification label that is not suspect, but for which out-of-sample predictions name another class as most probable.",
        "Look at these after the suspect labels; many are hard pictures rather than wrong labels.",
        disputed_label,
        column="category",
        reads=_PROBABILITIES,
    ),
)
