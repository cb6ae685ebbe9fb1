"""Checks of the arguments of comparisons and exports."""

from __future__ import annotations

from typing import Any

from airflow_cv_dataops.common.arguments import as_count, as_list_or_absent, required_number
from airflow_cv_dataops.common.checking import of_the_whole
from airflow_cv_dataops.core.store.source_names import PLACEHOLDER


def iou_threshold(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.diff.arguments import check_iou_threshold

    check_iou_threshold(required_number(name, value))


def export_option(name: str, value: Any) -> None:
    """A word or a number of ``ExportOptions`` that goes with any other."""
    from airflow_cv_dataops.core.export.options import ExportOptions

    ExportOptions(**{name: value})


def export_format(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.export.exporters import exporter_of
    from airflow_cv_dataops.core.export.options import ExportOptions

    exporter_of(ExportOptions(format=value))


def export_images(format: Any, images: Any) -> None:  # noqa: A002 (the word of the operator)
    from airflow_cv_dataops.core.export.exporters import exporter_of
    from airflow_cv_dataops.core.export.options import ExportOptions

    exporter_of(ExportOptions(format=format, images=images))


def export_names(name: str, value: Any) -> None:
    if (given := as_list_or_absent(name, value, f"all {name.replace('_', ' ')}")) is not None:
        export_option(name, tuple(given))


def export_ratio(name: str, value: Any) -> None:
    export_option(name, required_number(name, value))


def shard_images(name: str, value: Any) -> None:
    export_option(name, as_count(name, value) or 0)


@of_the_whole
def export_size(size: Any, fit: Any, images: Any) -> None:
    from airflow_cv_dataops.core.export.options import check_can_resize
    from airflow_cv_dataops.core.export.transform.placement import Resize

    check_can_resize(images, Resize.of(size, fit))


@of_the_whole
def export_crop(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.export.transform.placement import Resize

    Resize.of(crop=value)


def min_visible(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.export.transform.placement import Resize

    Resize.of(min_visible=value)


@of_the_whole
def crop_without_copy(crop: Any, images: Any) -> None:
    from airflow_cv_dataops.core.export.options import check_can_resize
    from airflow_cv_dataops.core.export.transform.placement import Resize

    check_can_resize(images, Resize.of(crop=crop))


def export_target(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.export.options import RELEASE_PLACEHOLDER, check_target

    check_target(value, value.replace(PLACEHOLDER, "key").replace(RELEASE_PLACEHOLDER, "v1"))
