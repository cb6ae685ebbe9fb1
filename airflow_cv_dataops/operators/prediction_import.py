"""From model outputs to rows of ``predictions``."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.common.argument_checks import labels, shared
from airflow_cv_dataops.common.arguments import as_flag, as_list, as_pattern, required_number
from airflow_cv_dataops.common.places import is_absent, names_or_place, path_text, place_of
from airflow_cv_dataops.core.step_lineage import DatasetUse, StepLineage
from airflow_cv_dataops.operators.base import SourceOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_cv_dataops.core.store.dataset import Dataset
    from airflow_cv_dataops.core.summary import StepResult


class PredictionImportOperator(SourceOperator):
    """Read COCO results, class probabilities or pixel probabilities, join them to the partition's images, and write ``predictions``.

    In the URIs of ``coco_reference``, ``classes`` and ``ids``, ``{partition_key}`` and a connection are understood as in ``source``.

    :param source: COCO results JSON, class probabilities in Parquet, CSV, ``.npz`` or ``.npy``, or a prefix with pixel probabilities.
        (templated)
    :param model: name of the model; a rerun replaces its own model's predictions. (templated)
    :param model_version: version of the model. (templated)
    :param format: ``auto`` (by file suffix: ``coco`` or ``probabilities``), or one of these two, or ``pixel_probabilities``. (templated)
    :param coco_reference: COCO JSON that says which file and category the ids of COCO results mean, which makes it certain: give it where
        an ``image_id`` is a number, or ``1`` joins any ``1.jpg`` of the partition, with a warning in the log, though it may be another
        image. (templated)
    :param classes: class names in the order of the probabilities (a list, or names separated by commas), or the URI of a file
        with them, where the predictions do not say; of COCO results by category id, from 0, instead of ``coco_reference``. (templated)
    :param ids: file with the image names of a ``.npy``. (templated)
    :param id_column: column with the image name; default: detected. (templated)
    :param pattern: glob that the path of a prediction file below ``source`` has to match; default: every path does. (templated)
    :param exclude: globs of files below ``source`` that are not looked at; default: none. Hidden and house-keeping files never are.
        (templated)
    :param on_findings: ``fail``, ``warn`` or ``skip`` when a record could not be read (severity in ``fail_on``). (templated)
    :param fail_on: severities that count. (templated)
    :param max_unreadable_ratio: share of the source's files (0 to 1) that may be unreadable and become findings; above it the task fails,
        with nothing committed, and may be retried; ``1``: any number of them. (templated)
    :param min_match_ratio: share of the predictions (0 to 1) that has to join an image; below it the task fails, its rows and findings
        written, whatever ``on_findings`` says. (templated)
    :param keep_unmatched: keep the predictions that join no image, with a finding each; ``False`` where the source holds predictions of
        other partitions, too: they are counted and left out, and one that joins is enough where ``min_match_ratio`` is above 0. (templated)
    :param allow_empty: let a source that is absent or without predictions empty a partition that holds predictions of this model, and a
        link behind which nothing is take out what was found there; default: the task fails and may be retried. (templated)
    :param skip_without_source: skip the task where the template of ``source`` renders nothing, as in a DAG whose predictions are a param
        that may be left out; default: the task fails. (templated)
    """

    what_it_does = (
        "Reads a model's outputs, joins each to an image of the partition, and writes `predictions`, `findings` of what "
        "could not be read or joined, and `metrics`."
    )
    template_fields: Sequence[str] = (
        *SourceOperator.template_fields,
        "model",
        "model_version",
        "format",
        "coco_reference",
        "classes",
        "ids",
        "id_column",
        "pattern",
        "exclude",
        "on_findings",
        "fail_on",
        "max_unreadable_ratio",
        "min_match_ratio",
        "keep_unmatched",
        "allow_empty",
        "skip_without_source",
    )
    path_fields: Sequence[str] = (*SourceOperator.path_fields, "coco_reference", "classes", "ids")
    argument_checks = {
        **SourceOperator.argument_checks,
        "model": labels.model,
        "format": labels.prediction_format,
        "coco_reference": shared.place,
        "classes": shared.class_names,
        "ids": shared.place,
        ("format", "coco_reference", "classes"): labels.one_naming,
        **shared.IMPORT,
        "skip_without_source": shared.flag,
    }
    unchecked_arguments = {
        **SourceOperator.unchecked_arguments,
        "model_version": "any text, kept with every row",
        "id_column": "which columns there are, the files say",
    }

    def __init__(
        self,
        *,
        model: str,
        model_version: str | None = None,
        format: str = "auto",  # noqa: A002 (what everyone calls it)
        coco_reference: str | PathLike[str] | None = None,
        classes: Sequence[str] | str | PathLike[str] | None = None,
        ids: str | PathLike[str] | None = None,
        id_column: str | None = None,
        pattern: str | None = None,
        exclude: Sequence[str] | None = None,
        on_findings: str = "fail",
        fail_on: Sequence[str] | str = ("error",),
        max_unreadable_ratio: float | str = 0.0,
        min_match_ratio: float | str = 0.5,
        keep_unmatched: bool | str = True,
        allow_empty: bool | str = False,
        skip_without_source: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.model_version = model_version
        self.format = format
        self.coco_reference: str | None = path_text(coco_reference)
        self.classes: Sequence[str] | str | None = path_text(classes)
        self.ids: str | None = path_text(ids)
        self.id_column = id_column
        self.pattern = pattern
        self.exclude = exclude
        self.on_findings = on_findings
        self.fail_on = fail_on
        self.max_unreadable_ratio = max_unreadable_ratio
        self.min_match_ratio = min_match_ratio
        self.keep_unmatched = keep_unmatched
        self.allow_empty = allow_empty
        self.skip_without_source = skip_without_source

    def run_step(self, dataset: Dataset, partition_key: str, context: Context) -> StepResult:
        from airflow.providers.common.compat.sdk import AirflowSkipException

        from airflow_cv_dataops.core.predictions.importing import import_predictions

        if self._is_to_skip():
            raise AirflowSkipException("No source is given: there are no predictions to import.")
        source, options = self.located_source(partition_key)
        return import_predictions(
            dataset,
            partition_key,
            source,
            model=self.model,
            model_version=self.model_version,
            format=self.format,
            classes=names_or_place("classes", self.classes, partition_key, self.located),
            id_column=self.id_column,
            pattern=as_pattern(self.pattern),
            exclude=as_list("exclude", self.exclude),
            source_options=options,
            on_findings=self.on_findings,
            fail_on=as_list("fail_on", self.fail_on) or (),
            max_unreadable_ratio=required_number("max_unreadable_ratio", self.max_unreadable_ratio),
            min_match_ratio=required_number("min_match_ratio", self.min_match_ratio),
            keep_unmatched=as_flag("keep_unmatched", self.keep_unmatched),
            allow_empty=as_flag("allow_empty", self.allow_empty),
            coco_reference=place_of("coco_reference", self.coco_reference, partition_key, self.located),
            ids=place_of("ids", self.ids, partition_key, self.located),
        )

    def planned_source(self) -> DatasetUse:
        return self.source_use("predictions", "probabilities" if self.format == "auto" else self.format)

    def planned_lineage(self) -> StepLineage:
        if self._is_to_skip():
            return StepLineage("import")
        return self.planned_step(
            "import", sources=(self.planned_source(),), reads=("images",), writes=("predictions", "findings", "metrics")
        )

    def _is_to_skip(self) -> bool:
        return as_flag("skip_without_source", self.skip_without_source) and is_absent(self.source)
