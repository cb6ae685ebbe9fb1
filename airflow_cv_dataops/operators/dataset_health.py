"""From a partition's tables, and those of the partitions before it, to what is unusual about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.common.argument_checks import audit, shared
from airflow_cv_dataops.common.argument_checks.shared import as_moment
from airflow_cv_dataops.common.arguments import as_count, as_list, as_mapping, as_number, report_limits
from airflow_cv_dataops.common.breach import BreachMixin
from airflow_cv_dataops.common.partition import end_of_backfilled_run
from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.links.dataset_health import DatasetHealthLink
from airflow_cv_dataops.operators.base import DatasetOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_cv_dataops.core.store.dataset import Dataset
    from airflow_cv_dataops.core.summary import StepResult


class DatasetHealthOperator(BreachMixin, DatasetOperator):
    """Judge the partition by five pillars: freshness, volume, schema, distribution, lineage; write ``findings`` and ``metrics``.

    :param as_of: the time that ages are measured against, ISO 8601; without a zone it is UTC. Default: now; of a run of a backfill the end
        of its data interval, when that has a length, else its logical date, so that old days are not found old. (templated)
    :param window: how many trailing partitions say what is usual. (templated)
    :param min_history: so many of them there must be before anything is called unusual; at least 5. (templated)
    :param max_image_age_hours: how old the newest image may be; default: its age is measured and not judged. (templated)
    :param max_label_age_hours: how old the newest label may be; default: as above. (templated)
    :param max_unlabelled_ratio: the share of images, 0 to 1, that may be without label; default: what is usual in the trailing
        partitions. (templated)
    :param max_unlabelled_hours: how long an image may wait for a label; default: it is measured and not judged. (templated)
    :param disabled: ids of checks, or names of pillars, to leave out. (templated)
    :param severities: severity by check id, where the default does not fit. (templated)
    :param thresholds: numbers that checks compare with, by check id and name, e.g. ``{"image_count": {"score": 5}}``. (templated)
    :param on_findings: ``fail``, ``warn`` or ``skip`` when there are findings of a severity in ``fail_on``. (templated)
    :param fail_on: severities that count. (templated)
    :param trends: the metrics that the report shows over partitions, such as ``ingest/images`` or ``label_error_rate``, in place of a
        choice of each step's (docs/metrics.md). (templated)
    :param report: write a page with the five pillars and trends. (templated)
    :param report_max_megabytes: largest report, in MB; at least 1. (templated)
    """

    what_it_does = (
        "Compares the partition's `images`, `annotations` and `predictions` with those of the partitions before it: freshness, volume, "
        "schema, distribution, lineage. Writes `findings`, `metrics` and a profile."
    )
    template_fields: Sequence[str] = (
        *DatasetOperator.template_fields,
        "as_of",
        "window",
        "min_history",
        "max_image_age_hours",
        "max_label_age_hours",
        "max_unlabelled_ratio",
        "max_unlabelled_hours",
        "disabled",
        "severities",
        "thresholds",
        "on_findings",
        "fail_on",
        "trends",
        "report",
        "report_max_megabytes",
    )
    operator_extra_links = (DatasetHealthLink(), *DatasetOperator.operator_extra_links)
    argument_checks = {
        **DatasetOperator.argument_checks,
        "as_of": shared.moment,
        "min_history": audit.min_history,
        ("min_history", "window"): audit.window,
        "max_image_age_hours": shared.hours,
        "max_label_age_hours": shared.hours,
        "max_unlabelled_ratio": shared.ratio,
        "max_unlabelled_hours": shared.hours,
        "disabled": audit.health_disabled,
        "severities": audit.health_severities,
        "thresholds": audit.health_thresholds,
        **shared.POLICY,
        "trends": audit.trends,
        **shared.REPORT,
    }

    def __init__(
        self,
        *,
        as_of: datetime | str | None = None,
        window: int | str = 56,
        min_history: int | str = 14,
        max_image_age_hours: float | str | None = None,
        max_label_age_hours: float | str | None = None,
        max_unlabelled_ratio: float | str | None = None,
        max_unlabelled_hours: float | str | None = None,
        disabled: Sequence[str] | str = (),
        severities: Mapping[str, str] | str | None = None,
        thresholds: Mapping[str, Mapping[str, float | str]] | str | None = None,
        on_findings: str = "fail",
        fail_on: Sequence[str] | str = ("error",),
        trends: Sequence[str] | str | None = None,
        report: bool | str = True,
        report_max_megabytes: float | str = 20,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.as_of = as_of
        self.window = window
        self.min_history = min_history
        self.max_image_age_hours = max_image_age_hours
        self.max_label_age_hours = max_label_age_hours
        self.max_unlabelled_ratio = max_unlabelled_ratio
        self.max_unlabelled_hours = max_unlabelled_hours
        self.disabled = disabled
        self.severities = severities
        self.thresholds = thresholds
        self.on_findings = on_findings
        self.fail_on = fail_on
        self.trends = trends
        self.report = report
        self.report_max_megabytes = report_max_megabytes

    def run_step(self, dataset: Dataset, partition_key: str, context: Context) -> StepResult:
        from airflow_cv_dataops.core.health.health import check_health

        return check_health(
            dataset,
            partition_key,
            as_of=as_moment("as_of", self.as_of) or end_of_backfilled_run(context),
            window=as_count("window", self.window) or 0,
            min_history=as_count("min_history", self.min_history) or 0,
            max_image_age_hours=as_number("max_image_age_hours", self.max_image_age_hours),
            max_label_age_hours=as_number("max_label_age_hours", self.max_label_age_hours),
            max_unlabelled_ratio=as_number("max_unlabelled_ratio", self.max_unlabelled_ratio),
            max_unlabelled_hours=as_number("max_unlabelled_hours", self.max_unlabelled_hours),
            disabled=as_list("disabled", self.disabled) or (),
            severities=as_mapping("severities", self.severities),
            thresholds=as_mapping("thresholds", self.thresholds),
            on_findings=self.on_findings,
            fail_on=as_list("fail_on", self.fail_on) or (),
            trends=as_list("trends", self.trends),
            report=report_limits(self.report, self.report_max_megabytes),
        )

    def planned_lineage(self) -> StepLineage:
        return self.planned_step("health", reads=("images", "annotations", "predictions"), writes=("findings", "metrics", "profiles"))
