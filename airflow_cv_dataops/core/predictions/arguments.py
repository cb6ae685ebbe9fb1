"""What the import of predictions may be asked for; without what reads them, so that a DAG's file may ask."""

from __future__ import annotations

from typing import Any

from airflow_cv_dataops.core.arguments import check_choice
from airflow_cv_dataops.core.errors import ConfigurationError

PREDICTION_FORMATS = ("auto", "coco", "probabilities", "pixel_probabilities")


def check_prediction_format(format: Any) -> None:  # noqa: A002 (the word of the data model)
    """:raises ConfigurationError: there is no such format of predictions."""
    check_choice("format", format, PREDICTION_FORMATS)


def check_model(model: Any) -> None:
    """:raises ConfigurationError: it names no model."""
    if not isinstance(model, str) or not model:
        raise ConfigurationError(f"model={model!r} names none: predictions belong to a model, give its name.")


def check_one_naming(format: str, coco_reference: Any, classes: Any) -> None:  # noqa: A002 (the word of the data model)
    """:raises ConfigurationError: two arguments say what the category ids of COCO results are called."""
    if format == "coco" and coco_reference is not None and classes is not None:
        raise ConfigurationError(
            "`coco_reference` and `classes` both say what the category ids of COCO results are called, and a list of `classes` counts "
            "from 0: give one of them."
        )
