"""From labels that came back to whether the sample was worth labelling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.common.argument_checks import sampling_review, shared
from airflow_cv_dataops.common.arguments import as_count, as_list_or_absent, report_limits, required_number
from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.links.sampling_review import SamplingReviewLink
from airflow_cv_dataops.operators.base import DatasetOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_cv_dataops.core.store.dataset import Dataset
    from airflow_cv_dataops.core.summary import StepResult


class SamplingReviewOperator(DatasetOperator):
    """Compare how often the model was wrong on a sample and on images drawn at random, by strategy, once labels came back.

    Of a detector the errors per image are compared.

    :param sample_id: the sample; its rows of strategy ``random`` are what the others are compared with. (templated)
    :param compared_with: another sample of the partition that was drawn at random, in place of those rows. (templated)
    :param label_sets: whose labels are answers; default: all. (templated)
    :param model: whose predictions are judged; default: the one that the sample was drawn by. (templated)
    :param min_answered: with fewer judged images a strategy is not judged, and has no rate. (templated)
    :param min_score: boxes of which a detector is less confident, 0 to 1, do not count. (templated)
    :param iou: how far a box must agree with a label, above 0, at most 1. (templated)
    :param evaluations: how good models were at several label counts, for what more labels would bring: rows such as
        ``{"labels": 100, "value": 0.81}``, JSON text of them, or the URI of a ``.csv`` or ``.json`` file, in which ``{partition_key}`` is
        filled in. (templated)
    :param next_labels: for how many more labels; default: as many as the sample has images. (templated)
    :param report: write a page with rates, intervals and the model's mistakes as pictures. (templated)
    :param report_max_megabytes: largest page, in MB; at least 1. (templated)
    :param report_max_pictures: most pictures on the page. (templated)
    """

    what_it_does = (
        "Compares the labels that came back for a sample of the partition with a model's `predictions`, and says how often the model was "
        "wrong on it, by strategy, beside images drawn at random; of a detector also how many errors it made an image. Writes `metrics` "
        "and a page."
    )
    template_fields: Sequence[str] = (
        *DatasetOperator.template_fields,
        "sample_id",
        "compared_with",
        "label_sets",
        "model",
        "min_answered",
        "min_score",
        "iou",
        "evaluations",
        "next_labels",
        "report",
        "report_max_megabytes",
        "report_max_pictures",
    )
    operator_extra_links = (SamplingReviewLink(), *DatasetOperator.operator_extra_links)
    argument_checks = {
        **DatasetOperator.argument_checks,
        "sample_id": sampling_review.sample_id,
        "compared_with": sampling_review.sample_id,
        ("sample_id", "compared_with"): sampling_review.compared_with,
        "label_sets": shared.names_or_absent("all label sets"),
        "min_answered": sampling_review.at_least_one,
        "min_score": shared.ratio,
        "iou": sampling_review.iou,
        "evaluations": sampling_review.evaluations,
        "next_labels": sampling_review.at_least_one,
        **shared.PICTURES,
    }
    unchecked_arguments = {
        **DatasetOperator.unchecked_arguments,
        "model": "which models there are, the partition says",
    }

    def __init__(
        self,
        *,
        sample_id: str = "hard_examples",
        compared_with: str | None = None,
        label_sets: Sequence[str] | str | None = None,
        model: str | None = None,
        min_answered: int | str = 20,
        min_score: float | str = 0.5,
        iou: float | str = 0.5,
        evaluations: Sequence[Mapping[str, Any]] | str | None = None,
        next_labels: int | str | None = None,
        report: bool | str = True,
        report_max_megabytes: float | str = 20,
        report_max_pictures: int | str = 100,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sample_id = sample_id
        self.compared_with = compared_with
        self.label_sets = label_sets
        self.model = model
        self.min_answered = min_answered
        self.min_score = min_score
        self.iou = iou
        self.evaluations = evaluations
        self.next_labels = next_labels
        self.report = report
        self.report_max_megabytes = report_max_megabytes
        self.report_max_pictures = report_max_pictures

    def run_step(self, dataset: Dataset, partition_key: str, context: Context) -> StepResult:
        from airflow_cv_dataops.core.sampling.review.review import review_sample

        return review_sample(
            dataset,
            partition_key,
            sample_id=self.sample_id,
            compared_with=self.compared_with or None,
            label_sets=as_list_or_absent("label_sets", self.label_sets, "all label sets"),
            model=self.model or None,
            min_answered=as_count("min_answered", self.min_answered) or 0,
            min_score=required_number("min_score", self.min_score),
            iou=required_number("iou", self.iou),
            evaluations=sampling_review.given_evaluations(self.evaluations, partition_key, self.hook.storage),
            next_labels=as_count("next_labels", self.next_labels),
            report=report_limits(self.report, self.report_max_megabytes, self.report_max_pictures),
        )

    def planned_lineage(self) -> StepLineage:
        return self.planned_step("sampling_review", reads=("samples", "images", "annotations", "predictions"), writes=("metrics",))
