"""From annotations (and predictions) to findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.common.argument_checks import audit, shared
from airflow_cv_dataops.common.arguments import as_list, as_mapping, as_number, report_limits
from airflow_cv_dataops.common.breach import BreachMixin
from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.links.audit_report import AuditReportLink
from airflow_cv_dataops.operators.base import DatasetOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_cv_dataops.core.audit.checks import Check
    from airflow_cv_dataops.core.store.dataset import Dataset
    from airflow_cv_dataops.core.summary import StepResult


class LabelAuditOperator(BreachMixin, DatasetOperator):
    """Check the partition's annotations, also against out-of-sample predictions where there are any, and write ``findings``.

    :param audit: names what this audit owns: a rerun replaces its own findings. (templated)
    :param categories: the taxonomy; a label outside it is an ``unknown_category``. Default: whatever occurs. (templated)
    :param label_sets: audit these label sets only. (templated)
    :param models: use the predictions of these models only. (templated)
    :param checks: checks of your own beside the built-in ones (docs/checks.md).
    :param disabled: ids of checks to leave out. (templated)
    :param severities: severity by check id, where the default does not fit. (templated)
    :param on_findings: ``fail``, ``warn`` or ``skip`` when there are findings of a severity in ``fail_on``, or more than ``limits``
        allow. (templated)
    :param fail_on: severities that count. (templated)
    :param max_error_rate: decides in place of ``fail_on``: findings count only if more than this share of the annotations
        (0 to 1) is at fault. (templated)
    :param thresholds: numbers that checks compare with, by check id and name (docs/checks.md), e.g.
        ``{"bbox_partly_outside": {"outside_px": 2}}``. (templated)
    :param limits: how many findings of a check are allowed, by its id: a whole number, or a share of the annotations in percent, e.g.
        ``{"zero_area_bbox": 0, "suspect_label": "2%"}``, also as JSON text. Above it ``on_findings`` applies; a check with a limit no
        longer counts in ``fail_on``. (templated)
    :param report: write a page that shows the findings as pictures (docs/audit-report.md). (templated)
    :param report_max_pictures: most images that the report reads and shows. (templated)
    :param report_max_megabytes: largest report, in MB; at least 1. (templated)
    """

    what_it_does = (
        "Checks the partition's `annotations` by their `images`, by each other and by `predictions`, and writes "
        "`findings`, `metrics` and a report."
    )
    template_fields: Sequence[str] = (
        *DatasetOperator.template_fields,
        "audit",
        "categories",
        "label_sets",
        "models",
        "disabled",
        "severities",
        "on_findings",
        "fail_on",
        "max_error_rate",
        "thresholds",
        "limits",
        "report",
        "report_max_pictures",
        "report_max_megabytes",
    )
    operator_extra_links = (AuditReportLink(), *DatasetOperator.operator_extra_links)
    argument_checks = {
        **DatasetOperator.argument_checks,
        "audit": audit.audit_name,
        "categories": audit.some_names,
        "label_sets": audit.some_names,
        "models": audit.some_names,
        "checks": audit.audit_checks,
        ("checks", "disabled"): audit.audit_disabled,
        ("checks", "severities"): audit.audit_severities,
        ("checks", "thresholds"): audit.audit_thresholds,
        ("checks", "limits"): audit.audit_limits,
        **shared.POLICY,
        "max_error_rate": audit.error_rate,
        **shared.PICTURES,
    }

    def __init__(
        self,
        *,
        audit: str = "label_audit",
        categories: Sequence[str] | str | None = None,
        label_sets: Sequence[str] | str | None = None,
        models: Sequence[str] | str | None = None,
        checks: Sequence[Check] = (),
        disabled: Sequence[str] | str = (),
        severities: Mapping[str, str] | str | None = None,
        on_findings: str = "fail",
        fail_on: Sequence[str] | str = ("error",),
        max_error_rate: float | str | None = None,
        thresholds: Mapping[str, Mapping[str, float | str]] | str | None = None,
        limits: Mapping[str, int | str] | str | None = None,
        report: bool | str = True,
        report_max_pictures: int | str = 500,
        report_max_megabytes: float | str = 20,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.audit = audit
        self.categories = categories
        self.label_sets = label_sets
        self.models = models
        self.checks = checks
        self.disabled = disabled
        self.severities = severities
        self.on_findings = on_findings
        self.fail_on = fail_on
        self.max_error_rate = max_error_rate
        self.thresholds = thresholds
        self.limits = limits
        self.report = report
        self.report_max_pictures = report_max_pictures
        self.report_max_megabytes = report_max_megabytes

    def run_step(self, dataset: Dataset, partition_key: str, context: Context) -> StepResult:
        from airflow_cv_dataops.core.audit.audit import audit_labels
        from airflow_cv_dataops.core.audit.checks import BUILT_IN_CHECKS

        return audit_labels(
            dataset,
            partition_key,
            audit=self.audit,
            categories=as_list("categories", self.categories),
            label_sets=as_list("label_sets", self.label_sets),
            models=as_list("models", self.models),
            checks=(*BUILT_IN_CHECKS, *self.checks),
            disabled=as_list("disabled", self.disabled) or (),
            severities=as_mapping("severities", self.severities),
            on_findings=self.on_findings,
            fail_on=as_list("fail_on", self.fail_on) or (),
            max_error_rate=as_number("max_error_rate", self.max_error_rate),
            thresholds=as_mapping("thresholds", self.thresholds),
            limits=as_mapping("limits", self.limits),
            report=report_limits(self.report, self.report_max_megabytes, self.report_max_pictures),
        )

    def planned_lineage(self) -> StepLineage:
        return self.planned_step("audit", reads=("images", "annotations", "predictions"), writes=("findings", "metrics"))
