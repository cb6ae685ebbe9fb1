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
from airflow_cv_dataops.core.audit.detection import badly_located_bbox, overlooked_bbox, spurious_bbox, swapped_category
from airflow_cv_dataops.core.audit.mask_checks import doubtful_mask, unusable_pixel_probabilities
from airflow_cv_dataops.core.audit.segmentation import invalid_polygon, invalid_rle
from airflow_cv_dataops.core.audit.structure import duplicate_id, image_without_label, missing_image, size_mismatch, unknown_category

BUILT_IN: tuple[Check, ...] = (
    # structure: how labels, images and categories belong together
    missing_image,
    image_without_label,
    unknown_category,
    duplicate_id,
    size_mismatch,
    # boxes
    missing_bbox,
    non_finite_bbox,
    negative_bbox,
    zero_area_bbox,
    bbox_partly_outside,
    bbox_outside_image,
    duplicate_bbox,
    # segmentation
    invalid_polygon,
    invalid_rle,
    # classification: by other labels, and by what models predict
    conflicting_labels,
    suspect_label,
    disputed_label,
    # detection: by what models predict
    overlooked_bbox,
    badly_located_bbox,
    swapped_category,
    spurious_bbox,
    # masks: by what models predict
    doubtful_mask,
    unusable_pixel_probabilities,
)
