"""The checks that every audit runs unless told otherwise. A new check is listed here; ``docs/checks.md`` is made from this list."""

from __future__ import annotations

from airflow_cv_dataops.core.audit.boxes.coordinates import (
    bbox_outside_image,
    bbox_partly_outside,
    missing_bbox,
    negative_bbox,
    non_finite_bbox,
    zero_area_bbox,
)
from airflow_cv_dataops.core.audit.boxes.pairs import conflicting_bbox, duplicate_bbox, near_duplicate_bbox
from airflow_cv_dataops.core.audit.boxes.sizes import full_image_bbox, outlying_bbox_shape, outlying_bbox_size, tiny_bbox
from airflow_cv_dataops.core.audit.categories import category_imbalance, rare_category, single_category, unused_category
from airflow_cv_dataops.core.audit.check import Check
from airflow_cv_dataops.core.audit.copies import conflicting_copies
from airflow_cv_dataops.core.audit.detection.checks import badly_located_bbox, overlooked_bbox, spurious_bbox, swapped_category
from airflow_cv_dataops.core.audit.keypoints import invalid_keypoints, keypoint_outside_image, no_labelled_keypoint
from airflow_cv_dataops.core.audit.label_errors.checks import conflicting_labels, disputed_label, suspect_label
from airflow_cv_dataops.core.audit.masks.outlines import bbox_segmentation_mismatch, invalid_polygon, invalid_rle
from airflow_cv_dataops.core.audit.masks.predicted import doubtful_mask, unusable_pixel_probabilities
from airflow_cv_dataops.core.audit.structure import duplicate_id, image_without_label, missing_image, size_mismatch, unknown_category

BUILT_IN_CHECKS: tuple[Check, ...] = (
    # structure: how labels, images and categories belong together
    missing_image,
    image_without_label,
    unknown_category,
    duplicate_id,
    conflicting_copies,
    size_mismatch,
    # categories: the partition's as a whole
    unused_category,
    single_category,
    rare_category,
    category_imbalance,
    # boxes: each by itself, by its image and its category, and by others of its image
    missing_bbox,
    non_finite_bbox,
    negative_bbox,
    zero_area_bbox,
    bbox_partly_outside,
    bbox_outside_image,
    tiny_bbox,
    full_image_bbox,
    outlying_bbox_size,
    outlying_bbox_shape,
    duplicate_bbox,
    near_duplicate_bbox,
    conflicting_bbox,
    # segmentation
    invalid_polygon,
    invalid_rle,
    bbox_segmentation_mismatch,
    # keypoints
    invalid_keypoints,
    keypoint_outside_image,
    no_labelled_keypoint,
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

# The built-in checks whose findings say that the label is probably wrong.
SUSPECTING = frozenset(check.id for check in BUILT_IN_CHECKS if check.suspects)
