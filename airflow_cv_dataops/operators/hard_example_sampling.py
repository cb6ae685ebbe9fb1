"""From what is known of images to those that are worth labelling next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.common.argument_checks import sampling, sampling_review, shared
from airflow_cv_dataops.common.arguments import as_count, report_limits
from airflow_cv_dataops.common.partition import with_partition_key
from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.links.sample_report import SampleReportLink
from airflow_cv_dataops.operators.base import DatasetOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_cv_dataops.core.sampling.scores.score import Score
    from airflow_cv_dataops.core.sampling.strategies.strategy import Strategy
    from airflow_cv_dataops.core.store.dataset import Dataset
    from airflow_cv_dataops.core.summary import StepResult


class HardExampleSamplingOperator(DatasetOperator):
    """Choose the images that are most worth labelling, within a budget; write ``samples``, a manifest for a labelling tool, and a report.

    :param strategy: a strategy or a score (docs/sampling.md), e.g. ``entropy``; ``auto``: ``uncertainty_herding`` where the images have
        embeddings, else ``margin``. (templated)
    :param scores: weights of scores for a strategy that goes by scores, e.g. ``{"entropy": 2, "novelty": 1}``, also as JSON text; or names,
        which weigh the same. (templated)
    :param model: whose predictions to use; may be left out where there is one model. (templated)
    :param embedding_model: whose embeddings to use; may be left out where there is one. (templated)
    :param budget: how much may be spent, in ``budget_unit``. (templated)
    :param budget_unit: ``images``, ``boxes``, ``minutes`` or ``money``. (templated)
    :param cost: what an ``image`` and a ``box`` cost, in ``minutes`` or ``money``, e.g. ``{"image": 0.1, "box": 0.25}``. (templated)
    :param max_per_class: at most this many images (a count), or this share of the budget (below 1), of one predicted category;
        an image in which a detector sees several categories counts for each. (templated)
    :param max_per: the same by ``category``, ``source``, ``camera``, ``partition`` or ``capture_day``, of every group or by its name, e.g.
        ``{"source": 0.25, "category": {"RBC": 20, "*": 50}}``. (templated)
    :param min_per: likewise, at least this many, e.g. ``{"category": {"Platelets": 10}}``. (templated)
    :param explore: share of the budget that is drawn at random, which the review of the sample compares with. (templated)
    :param near_duplicates: of images whose perceptual hashes differ in at most this many bits, one is chosen at most; ``off``: not looked
        at. (templated)
    :param clusters: Parquet or CSV file with clusters of near duplicates; ``{partition_key}`` is filled in. (templated)
    :param preselected: images that are in the batch first, by id, source URI or file name. (templated)
    :param similar_to: images that the score ``similarity`` compares with, named likewise. (templated)
    :param candidates: ``unlabelled``; or ``labelled``: choose labelled images that should be looked at again. (templated)
    :param partitions: choose from these partitions, or from ``all``; default: the run's own. (templated)
    :param leave_out_issues: quality issues that keep an image out, e.g. ``["blurry", "dark"]``. (templated)
    :param leave_out_queued: leave out images that another sample holds. (templated)
    :param labelled_in: ``partition``: labels of the partitions that are chosen from keep an image out; ``dataset``: also labels that a
        byte-identical image has in another partition. (templated)
    :param aggregate: how an image's boxes make its uncertainty, where the model predicts boxes: ``max``, ``mean``, ``sum`` or
        ``count_normalised``. (templated)
    :param seed: of what is drawn at random, and breaks ties; default: derived from dataset, partition and strategy. (templated)
    :param sample_id: names what this sampling owns: a rerun replaces its own sample. (templated)
    :param manifest: format of the file for the labelling tool: ``jsonl``, ``csv`` or ``coco``. (templated)
    :param custom: scores and strategies of your own beside the built-in ones (docs/sampling.md).
    :param evaluations: how good models were at several label counts, for what the batch would bring: rows such as
        ``{"labels": 100, "value": 0.81}``, JSON text of them, or the URI of a ``.csv`` or ``.json`` file, in which ``{partition_key}`` is
        filled in. (templated)
    :param next_labels: for how many more labels; default: as many as the batch has images. (templated)
    :param report: write a page that shows the batch as pictures. (templated)
    :param report_max_pictures: most images that the report reads and shows. (templated)
    :param report_max_megabytes: largest report, in MB; at least 1. (templated)
    """

    what_it_does = (
        "Chooses the images that are most worth labelling, by what a model, its embeddings and audits say of them, within a budget; writes "
        "`samples`, a manifest for a labelling tool, `metrics` and a report."
    )
    template_fields: Sequence[str] = (
        *DatasetOperator.template_fields,
        *(name for name in sampling.READERS if name != "custom"),
        "evaluations",
        "next_labels",
        "report",
        "report_max_pictures",
        "report_max_megabytes",
    )
    operator_extra_links = (SampleReportLink(), *DatasetOperator.operator_extra_links)
    argument_checks = {
        **DatasetOperator.argument_checks,
        ("custom", "strategy", "scores"): sampling.chosen_by,
        ("budget", "budget_unit", "cost"): sampling.spending,
        ("max_per_class", "max_per"): sampling.limited,
        ("budget_unit", "max_per_class", "max_per", "min_per"): sampling.shared,
        **dict.fromkeys(
            (
                *("max_per_class", "max_per", "min_per", "explore", "near_duplicates", "preselected", "similar_to", "candidates"),
                *("partitions", "leave_out_issues", "leave_out_queued", "labelled_in", "aggregate", "seed", "sample_id", "manifest"),
            ),
            sampling.alone,
        ),
        "clusters": shared.place,
        "evaluations": sampling_review.evaluations,
        "next_labels": sampling_review.at_least_one,
        **shared.PICTURES,
    }
    unchecked_arguments = {
        **DatasetOperator.unchecked_arguments,
        "model": "which models there are, the partition says",
        "embedding_model": "which there are, the partition says",
    }

    def __init__(
        self,
        *,
        strategy: str = "auto",
        scores: Mapping[str, float] | Sequence[str] | str | None = None,
        model: str | None = None,
        embedding_model: str | None = None,
        budget: float | str = 100,
        budget_unit: str = "images",
        cost: Mapping[str, float] | str | None = None,
        max_per_class: float | str | None = None,
        max_per: Mapping[str, Any] | str | None = None,
        min_per: Mapping[str, Any] | str | None = None,
        explore: float | str = 0.0,
        near_duplicates: int | str = 4,
        clusters: str | None = None,
        preselected: Sequence[str] | str = (),
        similar_to: Sequence[str] | str = (),
        candidates: str = "unlabelled",
        partitions: Sequence[str] | str | None = None,
        leave_out_issues: Sequence[str] | str = (),
        leave_out_queued: bool | str = True,
        labelled_in: str = "partition",
        aggregate: str = "max",
        seed: int | str | None = None,
        sample_id: str = "hard_examples",
        manifest: str = "jsonl",
        custom: Sequence[Score | Strategy] = (),
        evaluations: Sequence[Mapping[str, Any]] | str | None = None,
        next_labels: int | str | None = None,
        report: bool | str = True,
        report_max_pictures: int | str = 500,
        report_max_megabytes: float | str = 20,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.strategy = strategy
        self.scores = scores
        self.model = model
        self.embedding_model = embedding_model
        self.budget = budget
        self.budget_unit = budget_unit
        self.cost = cost
        self.max_per_class = max_per_class
        self.max_per = max_per
        self.min_per = min_per
        self.explore = explore
        self.near_duplicates = near_duplicates
        self.clusters = clusters
        self.preselected = preselected
        self.similar_to = similar_to
        self.candidates = candidates
        self.partitions = partitions
        self.leave_out_issues = leave_out_issues
        self.leave_out_queued = leave_out_queued
        self.labelled_in = labelled_in
        self.aggregate = aggregate
        self.seed = seed
        self.sample_id = sample_id
        self.manifest = manifest
        self.custom = custom
        self.evaluations = evaluations
        self.next_labels = next_labels
        self.report = report
        self.report_max_pictures = report_max_pictures
        self.report_max_megabytes = report_max_megabytes

    def run_step(self, dataset: Dataset, partition_key: str, context: Context) -> StepResult:
        from airflow_cv_dataops.core.sampling.clusters import read_clusters
        from airflow_cv_dataops.core.sampling.sample import sample_hard_examples

        asked = {name: sampling.read(name, getattr(self, name)) for name in sampling.READERS}
        if asked["clusters"]:
            asked["clusters"] = read_clusters(*self.hook.storage(with_partition_key(asked["clusters"], partition_key)))
        asked["evaluations"] = sampling_review.given_evaluations(self.evaluations, partition_key, self.hook.storage)
        asked["next_labels"] = as_count("next_labels", self.next_labels)
        limits = report_limits(self.report, self.report_max_megabytes, self.report_max_pictures)
        return sample_hard_examples(dataset, partition_key, **asked, report=limits)

    def planned_lineage(self) -> StepLineage:
        reads = ("images", "predictions", "annotations", "findings", "embeddings")
        return self.planned_step("sampling", reads=reads, writes=("samples", "metrics"))
