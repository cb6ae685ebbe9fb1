"""Checks of the arguments of imports of labels and predictions, and of the wait for labels."""

from __future__ import annotations

from typing import Any

from airflow_cv_dataops.common.arguments import as_mapping, as_number


def label_format(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.labels.arguments import check_label_format

    check_label_format(value)


def csv_columns(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.labels.formats.csv_columns import CsvColumns

    CsvColumns.of(as_mapping(name, value) or None)


def label_age(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.labels.arguments import check_label_age

    check_label_age(as_number(name, value))


def prediction_format(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.predictions.arguments import check_prediction_format

    check_prediction_format(value)


def model(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.predictions.arguments import check_model

    check_model(value)


def one_naming(format: Any, coco_reference: Any, classes: Any) -> None:  # noqa: A002 (the word of the operator)
    from airflow_cv_dataops.core.predictions.arguments import check_one_naming

    check_one_naming(format, coco_reference or None, classes or None)
