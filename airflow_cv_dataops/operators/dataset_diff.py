"""What changed between two releases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.common.argument_checks import export, shared
from airflow_cv_dataops.common.arguments import as_flag, report_limits, required_number
from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.links.diff_report import DiffReportLink
from airflow_cv_dataops.operators.base import DatasetOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_cv_dataops.core.store.dataset import Dataset
    from airflow_cv_dataops.core.summary import StepResult


class DatasetDiffOperator(DatasetOperator):
    """Compare two releases and write a report: images added, removed and moved between splits, labels that changed, category shares.

    :param before: the release to compare with, by its name (``v3``), by the stage that points to it, or by a time: what ``production`` was
        then; default: the release that the stage held before ``after``, and where it held none, nothing: everything is new. (templated)
    :param after: the release that is compared; the same. (templated)
    :param iou_threshold: from this intersection over union on, above 0 and at most 1, a box of one release may be a box of the other.
        (templated)
    :param allow_missing_before: whether a ``before`` that there is not (yet) stands for nothing, so that everything is new; else the task
        fails. (templated)
    :param report: write a page with pictures of what changed. (templated)
    :param report_max_pictures: most images that the report reads and shows. (templated)
    :param report_max_megabytes: largest report, in MB; at least 1. (templated)
    """

    what_it_does = (
        "Compares two releases of the dataset: which images were added, removed or moved to another split, and which labels changed; "
        "writes a report with pictures."
    )
    template_fields: Sequence[str] = (
        *DatasetOperator.template_fields,
        "before",
        "after",
        "iou_threshold",
        "allow_missing_before",
        "report",
        "report_max_pictures",
        "report_max_megabytes",
    )
    operator_extra_links = (DiffReportLink(), *DatasetOperator.operator_extra_links)
    # A template that names no release must not compare another one in its place.
    never_absent = ("before", "after")
    argument_checks = {
        **DatasetOperator.argument_checks,
        "before": shared.release_or_time,
        "after": shared.release_or_time,
        "iou_threshold": export.iou_threshold,
        "allow_missing_before": shared.flag,
        **shared.PICTURES,
    }

    def __init__(
        self,
        *,
        before: str | None = None,
        after: str = "production",
        iou_threshold: float | str = 0.5,
        allow_missing_before: bool | str = False,
        report: bool | str = True,
        report_max_pictures: int | str = 200,
        report_max_megabytes: float | str = 20,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.before = before
        self.after = after
        self.iou_threshold = iou_threshold
        self.allow_missing_before = allow_missing_before
        self.report = report
        self.report_max_pictures = report_max_pictures
        self.report_max_megabytes = report_max_megabytes

    def run_step(self, dataset: Dataset, partition_key: str, context: Context) -> StepResult:
        from airflow_cv_dataops.core.diff.step import report_diff

        return report_diff(
            dataset,
            self.before,
            self.after,
            iou_threshold=required_number("iou_threshold", self.iou_threshold),
            allow_missing_before=as_flag("allow_missing_before", self.allow_missing_before),
            report=report_limits(self.report, self.report_max_megabytes, self.report_max_pictures),
            partition_key=partition_key,
        )

    def planned_lineage(self) -> StepLineage:
        from airflow_cv_dataops.core.diff.step import LINEAGE_INPUTS, reports_use

        plan = self.planned_step("diff", reads=LINEAGE_INPUTS, writes=())
        return replace(plan, outputs=(reports_use(self.hook.dataset(self.dataset)),)) if as_flag("report", self.report) else plan
