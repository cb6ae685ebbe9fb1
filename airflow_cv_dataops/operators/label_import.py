"""From label files to rows of ``annotations``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.common.argument_checks import labels, shared
from airflow_cv_dataops.common.arguments import as_flag, as_list, as_mapping, as_pattern, required_number
from airflow_cv_dataops.common.places import names_or_place, path_text
from airflow_cv_dataops.core.step_lineage import DatasetUse, StepLineage
from airflow_cv_dataops.operators.base import SourceOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_cv_dataops.core.store.dataset import Dataset
    from airflow_cv_dataops.core.summary import StepResult


class LabelImportOperator(SourceOperator):
    """Read COCO, Pascal VOC, YOLO or CSV labels, join them to the partition's images by file name, and write ``annotations``.

    A label that joins no image is kept, with a finding that says why; so does a record that cannot be read leave one.

    :param source: a label file, or a prefix with label files; ``{partition_key}`` in it is filled in. (templated)
    :param format: ``coco``, ``voc``, ``yolo`` or ``csv``. (templated)
    :param label_set: names what this import owns: a rerun replaces its own label set, other label sets stay. (templated)
    :param classes: YOLO's class names in order (a list, or names separated by commas), or the URI of a file with them,
        in which ``{partition_key}`` and a connection are understood as in ``source``; default: the class file above each label. (templated)
    :param csv_columns: CSV's column names by meaning (``file``, ``label``, ``xmin``, …), or positions from 0 where the CSV has no header;
        default: detected. (templated)
    :param pattern: glob that the path of a label file below ``source`` has to match; default: every path does. (templated)
    :param exclude: globs of files below ``source`` that are not looked at; default: none. Hidden and house-keeping files never are.
        (templated)
    :param on_findings: ``fail``, ``warn`` or ``skip`` when a record could not be read (severity in ``fail_on``). (templated)
    :param fail_on: severities that count. (templated)
    :param max_unreadable_ratio: share of the source's files (0 to 1) that may be unreadable and become findings; above it the task fails,
        with nothing committed, and may be retried; ``1``: any number of them. (templated)
    :param min_match_ratio: share of the labels (0 to 1) that has to join an image; below it the task fails, its rows and findings
        written, whatever ``on_findings`` says. (templated)
    :param keep_unmatched: keep the labels that join no image, with a finding each; ``False`` where the source holds labels of other
        partitions, too: they are counted and left out, and one that joins is enough where ``min_match_ratio`` is above 0. (templated)
    :param allow_empty: let a source that is absent or without labels empty a partition that holds labels of this label set, and a link
        behind which nothing is take out what was found there; default: the task fails and may be retried. (templated)
    """

    what_it_does = (
        "Reads label files, joins each label to an image of the partition, and writes `annotations`, `findings` of what "
        "could not be read or joined, and `metrics`."
    )
    template_fields: Sequence[str] = (
        *SourceOperator.template_fields,
        "format",
        "label_set",
        "classes",
        "csv_columns",
        "pattern",
        "exclude",
        "on_findings",
        "fail_on",
        "max_unreadable_ratio",
        "min_match_ratio",
        "keep_unmatched",
        "allow_empty",
    )
    path_fields: Sequence[str] = (*SourceOperator.path_fields, "classes")
    argument_checks = {
        **SourceOperator.argument_checks,
        "format": labels.label_format,
        "label_set": shared.owner_name("default"),
        "classes": shared.class_names,
        "csv_columns": labels.csv_columns,
        **shared.IMPORT,
    }

    def __init__(
        self,
        *,
        format: str,  # noqa: A002 (what everyone calls it)
        label_set: str = "default",
        classes: Sequence[str] | str | PathLike[str] | None = None,
        csv_columns: Mapping[str, str | int] | str | None = None,
        pattern: str | None = None,
        exclude: Sequence[str] | None = None,
        on_findings: str = "fail",
        fail_on: Sequence[str] = ("error",),
        max_unreadable_ratio: float | str = 0.0,
        min_match_ratio: float | str = 0.5,
        keep_unmatched: bool | str = True,
        allow_empty: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.format = format
        self.label_set = label_set
        self.classes: Sequence[str] | str | None = path_text(classes)
        self.csv_columns = csv_columns
        self.pattern = pattern
        self.exclude = exclude
        self.on_findings = on_findings
        self.fail_on = fail_on
        self.max_unreadable_ratio = max_unreadable_ratio
        self.min_match_ratio = min_match_ratio
        self.keep_unmatched = keep_unmatched
        self.allow_empty = allow_empty

    def run_step(self, dataset: Dataset, partition_key: str, context: Context) -> StepResult:
        from airflow_cv_dataops.core.labels.importing import import_labels

        source, options = self.located_source(partition_key)
        return import_labels(
            dataset,
            partition_key,
            source,
            format=self.format,
            label_set=self.label_set,
            classes=names_or_place("classes", self.classes, partition_key, self.located),
            csv_columns=as_mapping("csv_columns", self.csv_columns) or None,
            pattern=as_pattern(self.pattern),
            exclude=as_list("exclude", self.exclude),
            source_options=options,
            on_findings=self.on_findings,
            fail_on=as_list("fail_on", self.fail_on) or (),
            max_unreadable_ratio=required_number("max_unreadable_ratio", self.max_unreadable_ratio),
            min_match_ratio=required_number("min_match_ratio", self.min_match_ratio),
            keep_unmatched=as_flag("keep_unmatched", self.keep_unmatched),
            allow_empty=as_flag("allow_empty", self.allow_empty),
        )

    def planned_source(self) -> DatasetUse:
        return self.source_use("labels", self.format)

    def planned_lineage(self) -> StepLineage:
        return self.planned_step(
            "import", sources=(self.planned_source(),), reads=("images",), writes=("annotations", "findings", "metrics")
        )
