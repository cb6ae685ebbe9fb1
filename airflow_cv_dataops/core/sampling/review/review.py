"""Review of one sample: read, judge, compare, write metrics and a page."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.image_places import ImagePlaces
from airflow_cv_dataops.core.metrics import SAMPLING_REVIEW, write_metrics
from airflow_cv_dataops.core.report.limits import ReportLimits
from airflow_cv_dataops.core.sampling.evaluations import Evaluation, read_evaluations
from airflow_cv_dataops.core.sampling.learning_curve import LearningCurve, learning_curve
from airflow_cv_dataops.core.sampling.review.arguments import check_review
from airflow_cv_dataops.core.sampling.review.outcome import (
    RANDOM,
    Comparison,
    Group,
    comparisons,
    gain_metrics,
    group_of,
    groups_of,
    metrics_of,
)
from airflow_cv_dataops.core.sampling.review.reading import ReviewSources, read_review
from airflow_cv_dataops.core.sampling.review.report import Review, write_review_report
from airflow_cv_dataops.core.sampling.review.verdicts import Verdicts, verdicts
from airflow_cv_dataops.core.step_lineage import DatasetUse, StepLineage
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.partition_files import check_written
from airflow_cv_dataops.core.store.partition_keys import check_partition_key
from airflow_cv_dataops.core.summary import StepResult, Summary
from airflow_cv_dataops.core.wording import few

if TYPE_CHECKING:
    import numpy as np

log = logging.getLogger(__name__)

_LIMITS = ReportLimits(max_pictures=100)


def review_sample(
    dataset: Dataset,
    partition_key: str,
    *,
    sample_id: str = "hard_examples",
    compared_with: str | None = None,
    label_sets: Sequence[str] | None = None,
    model: str | None = None,
    min_answered: int = 20,
    min_score: float = 0.5,
    iou: float = 0.5,
    evaluations: Sequence[Any] | str | None = None,
    next_labels: int | None = None,
    report: ReportLimits | None = _LIMITS,
    recorded_at: datetime | None = None,
) -> StepResult:
    """Tell how often a model was wrong on a sample that people have labelled since, beside images drawn at random.

    A classifier is wrong on an image whose label is another category than the one that it finds most likely; a detector on one with a
    miss, a false positive or a confusion; of a detector the errors per image decide whether the sample found more. An image without label
    is never counted as right. Only metrics and the page are written.

    :param sample_id: the sample; its rows of strategy ``random`` are what the others are compared with.
    :param compared_with: another sample of the partition that was drawn at random, in place of those rows.
    :param label_sets: whose labels are answers; default: all.
    :param model: whose predictions are judged; default: the one that the sample was drawn by.
    :param min_answered: with fewer judged images a strategy is not judged, and has no rate.
    :param min_score: boxes of which a detector is less confident, 0 to 1, do not count.
    :param iou: how far a box must agree with a label, above 0, at most 1.
    :param evaluations: how good models were at several label counts, as ``read_evaluations`` takes them.
    :param next_labels: for how many more labels the gain is told; default: as many as the sample has images.
    :param report: how large the page may get; ``None``: no page.
    :param recorded_at: the ``recorded_at`` of the metrics; default: now.
    :raises ConfigurationError: an argument cannot be used, the sample was drawn with several models, or the model has no predictions.
    :raises DatasetNotFoundError: there is no such dataset, or no step has written to this partition of it.
    """
    started = time.monotonic()
    check_partition_key(partition_key)
    check_review(sample_id, compared_with, min_answered, min_score, iou, next_labels)
    measured = None if evaluations is None or evaluations == "" else read_evaluations(evaluations)
    check_written(dataset, partition_key)
    sources = read_review(dataset, partition_key, sample_id, compared_with, label_sets, model)
    judged = verdicts(sources, min_score=min_score, iou=iou)
    places = ImagePlaces(sources.image_ids)
    found = _compared(sources, judged, places, sample_id, compared_with, min_answered)
    groups = groups_of(found) or _alone(sources, judged, places, min_answered)
    curve, more = _curve(measured, next_labels, sources)
    doubts = _doubts(sources)
    said = [*_in_words(found, groups, sources, sample_id, compared_with), *doubts]
    metrics = [*metrics_of(groups, found), *(gain_metrics(curve.gain(more)) if curve else ())]
    metrics_use = write_metrics(dataset, partition_key, f"{SAMPLING_REVIEW}{sample_id}", metrics, recorded_at or datetime.now(UTC))
    review = Review(dataset.name, partition_key, sample_id, sources.model, tuple(found), tuple(groups), said, curve, more, min_answered)
    report_uri = write_review_report(dataset, review, sources, judged, min_score=min_score, limits=report) if report else None
    for sentence in said:
        log.log(logging.WARNING if sentence in doubts else logging.INFO, "%s", sentence)
    summary = Summary(
        dataset=dataset.name,
        partition_key=partition_key,
        snapshot_id=metrics_use.snapshot_id,
        counts=_counts(sources, groups),
        metrics=_numbers(found, groups, curve, more),
        report_uri=report_uri,
        duration_seconds=time.monotonic() - started,
        details={
            "sample_id": sample_id,
            "compared_with": compared_with,
            "model": sources.model,
            "verdicts": said,
            "outcomes": {comparison.group.name: comparison.outcome for comparison in found},
            "gain": curve.in_words(more) if curve else None,
            "input_snapshots": sources.snapshots,
        },
    )
    return StepResult(summary, _lineage(dataset, partition_key, sources, found, groups, metrics_use, sample_id, report_uri))


def _compared(
    sources: ReviewSources, judged: Verdicts, places: ImagePlaces, sample_id: str, compared_with: str | None, min_answered: int
) -> list[Comparison]:
    strategies = sources.sample["strategy"].to_pylist()
    baseline = None if compared_with is None else places.of(sources.baseline["image_id"])
    name = f"sample {compared_with}" if compared_with in strategies else str(compared_with)
    return comparisons(strategies, places.of(sources.sample["image_id"]), baseline, name, judged, min_answered=min_answered)


def _alone(sources: ReviewSources, judged: Verdicts, places: ImagePlaces, min_answered: int) -> list[Group]:
    """Return the group of a sample that was drawn at random as a whole: there is nothing else to compare it with."""
    rows: np.ndarray = places.of(sources.sample["image_id"])
    return [group_of(RANDOM, rows, judged, min_answered)] if len(rows) else []


def _curve(measured: Sequence[Evaluation] | None, next_labels: int | None, sources: ReviewSources) -> tuple[LearningCurve | None, int]:
    more = next_labels or max(sources.sample.num_rows, 1)
    return (None if measured is None else learning_curve(measured)), more


def _in_words(
    found: Sequence[Comparison], groups: Sequence[Group], sources: ReviewSources, sample_id: str, compared_with: str | None
) -> list[str]:
    if not groups:
        return [f"Sample {sample_id} has no images in this partition: there is nothing to review."]
    if not found:
        return [f"Sample {sample_id} was drawn at random as a whole: there is no strategy to compare."]
    said = [comparison.in_words() for comparison in found]
    if found[0].baseline is None:
        where = f"sample {compared_with} has no images in this partition" if compared_with else "the sample has no rows of strategy random"
        said.append(
            f"Whether the sample helped cannot be judged: {where}. Draw a share of the next sample at random, or name such a sample as "
            "compared_with."
        )
    return said


def _doubts(sources: ReviewSources) -> list[str]:
    """Say which of the named label sets are not there: labels that are still to come, or a slip of the pen; the review cannot tell."""
    if not sources.absent_label_sets:
        return []
    absent, there = few(sources.absent_label_sets, 10), few(sources.label_sets_there, 10) or "none"
    only = "these have" if len(sources.absent_label_sets) > 1 else "it has"
    where = f"partition{'s' if len(sources.keys) > 1 else ''} {few(sources.keys, 3)}"
    return [
        f"There is no label of label set {absent} in {where} (label sets there: {there}): where only {only} the answers, images count as "
        "unanswered. Import the labels, or check the spelling in label_sets."
    ]


def _counts(sources: ReviewSources, groups: Sequence[Group]) -> dict[str, Any]:
    own = [group for group in groups if sources.baseline.num_rows == 0 or group is not groups[-1]]
    names = ("images", "answered", "unanswered", "unclear", "without_prediction", "judged", "wrong")
    whole = {name: sum(getattr(group, name) for group in own) for name in names}
    by_strategy = {f"{name}_by_strategy": {group.name: getattr(group, name) for group in groups} for name in ("judged", "wrong")}
    return {**whole, **by_strategy}


def _numbers(found: Sequence[Comparison], groups: Sequence[Group], curve: LearningCurve | None, more: int) -> dict[str, float | None]:
    numbers: dict[str, float | None] = {f"wrong_rate.{group.name}": group.wrong_rate.expected for group in groups}
    numbers |= {f"errors_per_image.{group.name}": group.errors_per_image.expected for group in groups if group.errors}
    for comparison in found:
        difference = comparison.difference
        numbers |= {
            f"wrong_rate_difference.{comparison.group.name}": difference.expected,
            f"wrong_rate_difference_low.{comparison.group.name}": difference.low,
            f"wrong_rate_difference_high.{comparison.group.name}": difference.high,
        }
        if comparison.is_of_detector:
            errors = comparison.errors_difference
            numbers |= {
                f"errors_per_image_difference.{comparison.group.name}": errors.expected,
                f"errors_per_image_difference_low.{comparison.group.name}": errors.low,
                f"errors_per_image_difference_high.{comparison.group.name}": errors.high,
            }
    if curve is not None:
        gain = curve.gain(more)
        numbers |= {"expected_gain": gain.expected, "expected_gain_low": gain.low, "expected_gain_high": gain.high}
    return numbers


def _lineage(
    dataset: Dataset,
    partition_key: str,
    sources: ReviewSources,
    found: Sequence[Comparison],
    groups: Sequence[Group],
    metrics_use: DatasetUse,
    sample_id: str,
    report_uri: str | None,
) -> StepLineage:
    rows = {
        "samples": sources.sample.num_rows + sources.baseline.num_rows,
        "annotations": sources.labels.num_rows,
        "predictions": sources.predictions.num_rows,
    }
    inputs = tuple(
        dataset.table_use(table, partition_key=partition_key, snapshot_id=snapshot_id, rows=rows.get(table))
        for table, snapshot_id in sources.snapshots.items()
    )
    facts = {
        "sampleId": sample_id,
        "model": sources.model,
        "judged": {group.name: group.judged for group in groups},
        "wrong": {group.name: group.wrong for group in groups},
        "outcomes": {comparison.group.name: comparison.outcome for comparison in found},
        "reportUri": report_uri,
    }
    return StepLineage("sampling_review", inputs, (metrics_use,), facts=facts)
