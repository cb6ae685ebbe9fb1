"""Hard-example sampling: read a pool, score it, fill a batch, show it, hand it over."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.arguments import check_whole_number
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.metrics import PREDICTION_IMPORT, write_metrics
from airflow_cv_dataops.core.report.limits import ReportLimits
from airflow_cv_dataops.core.report.location import has_place
from airflow_cv_dataops.core.sampling.batch.quotas import Amount
from airflow_cv_dataops.core.sampling.candidates import check_needs, find_candidates
from airflow_cv_dataops.core.sampling.choosing import choose
from airflow_cv_dataops.core.sampling.clusters import clusters_of, read_clusters
from airflow_cv_dataops.core.sampling.entries import entries_of, sample_rows
from airflow_cv_dataops.core.sampling.evaluations import read_evaluations
from airflow_cv_dataops.core.sampling.learning_curve import learning_curve
from airflow_cv_dataops.core.sampling.manifest import manifest_path
from airflow_cv_dataops.core.sampling.manifest_formats import encode_manifest
from airflow_cv_dataops.core.sampling.options import SampleOptions
from airflow_cv_dataops.core.sampling.outcome import Outcome
from airflow_cv_dataops.core.sampling.pooling import make_pool
from airflow_cv_dataops.core.sampling.reading import Scope, check_scope
from airflow_cv_dataops.core.sampling.report.write import write_sample_report
from airflow_cv_dataops.core.sampling.reporting import report_of
from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.objects import without_credentials
from airflow_cv_dataops.core.store.partition_keys import check_partition_key
from airflow_cv_dataops.core.summary import StepResult
from airflow_cv_dataops.core.wording import few

if TYPE_CHECKING:
    from airflow_cv_dataops.core.sampling.scores.score import Score
    from airflow_cv_dataops.core.sampling.strategies.strategy import Strategy

log = logging.getLogger(__name__)

READS = ("images", "predictions", "annotations", "findings", "embeddings")
_REPORT = ReportLimits()


def sample_hard_examples(
    dataset: Dataset,
    partition_key: str,
    *,
    strategy: str = "auto",
    scores: Mapping[str, float] | Sequence[str] | None = None,
    model: str | None = None,
    embedding_model: str | None = None,
    budget: float = 100,
    budget_unit: str = "images",
    cost: Mapping[str, float] | None = None,
    max_per_class: Amount | None = None,
    max_per: Mapping[str, Any] | None = None,
    min_per: Mapping[str, Any] | None = None,
    explore: float = 0.0,
    near_duplicates: int | None = 4,
    clusters: str | Mapping[str, str] | None = None,
    preselected: Sequence[str] = (),
    similar_to: Sequence[str] = (),
    candidates: str = "unlabelled",
    partitions: str | Sequence[str] | None = None,
    leave_out_issues: Collection[str] = (),
    leave_out_queued: bool = True,
    labelled_in: str = "partition",
    aggregate: str = "max",
    empty_score: float | None = 0.0,
    seed: int | None = None,
    sample_id: str = "hard_examples",
    manifest: str | None = "jsonl",
    custom: Sequence[Score | Strategy] = (),
    evaluations: Any = None,
    next_labels: int | None = None,
    report: ReportLimits | None = _REPORT,
    recorded_at: datetime | None = None,
) -> StepResult:
    """Choose the images that are most worth labelling, within a budget, and replace this sample's rows and manifest.

    An image that has a label, or waits for one in another sample, is left out, byte-identical files included; each image is chosen once.


    :param strategy: a strategy (docs/sampling.md), or a score, of which the highest are taken then; ``auto``: ``uncertainty_herding`` where
        images have embeddings, else ``margin``.

    :param scores: weights of scores, on their ranks, for a strategy that goes by scores; or names, which weigh the same; default:
        ``margin`` alone.

    :param model: whose predictions; ``None``: the only model that has any.

    :param embedding_model: whose embeddings; ``None``: the only ones that there are.

    :param budget: how much may be spent, in ``budget_unit``.
    :param budget_unit: ``images``, ``boxes``, ``minutes`` or ``money``.

    :param cost: what an ``image`` and a ``box`` cost, of ``minutes`` or ``money``.

    :param max_per_class: how many images of one predicted category at most: a count (int), or a share of the budget (float); an image in
        which a detector sees several categories counts for each.

    :param max_per: the same by grouping: ``category``, ``source`` (folder), ``camera``, ``partition``, ``capture_day``; of every group,
        or by its name with ``*`` for all others.
    :param min_per: likewise, how many at least.

    :param explore: which share of the budget is drawn at random.

    :param near_duplicates: two images whose perceptual hashes differ in at most so many bits are never both chosen; ``None``: any.

    :param clusters: of near duplicates, of each of which one image is chosen at most: a Parquet or CSV file, or the cluster of each image
        by id, source URI or file name.

    :param preselected: images, by id, source URI or file name, that are in the batch first.
    :param similar_to: images for ``similarity``.

    :param candidates: ``unlabelled``, or ``labelled``: choose among labelled images those to be looked at again.

    :param partitions: choose from these partitions, or from ``all``; ``None``: from the run's own.

    :param leave_out_issues: quality issues (docs/image-measures.md) that keep an image out.

    :param leave_out_queued: images that another sample holds are no candidates.

    :param labelled_in: ``partition``: only labels of the partitions that are chosen from count; ``dataset``: also labels and samples that a
        byte-identical image has in another partition, as far as they are there by then.

    :param aggregate: how the boxes of an image make its uncertainty: ``max``, ``mean``, ``sum`` or ``count_normalised``.

    :param empty_score: uncertainty, 0 to 1, of an image in which a detector predicts no box; ``None`` leaves these images out.

    :param seed: of whatever is drawn, and orders images of equal score; ``None``: derived from dataset, partition key and strategy.

    :param sample_id: which sample owns the rows; samples of different names stand side by side.

    :param manifest: ``jsonl``, ``csv`` or ``coco``, for the labelling tool; ``None``: no file.

    :param custom: scores and strategies of your own.
    :param evaluations: how good models were at several label counts, for what the batch would bring: rows such as
        ``{"labels": 100, "value": 0.81}``, JSON text of them, or the URI of a ``.csv`` or ``.json`` file.
    :param next_labels: for how many more labels; ``None``: as many as the batch has images.
    :param report: how large the page that shows the batch may get; ``None``: no page, nor where the warehouse is only a name.

    :param recorded_at: the ``recorded_at`` of the metrics; default: now.
    :raises ConfigurationError: an argument cannot be used, a score or the strategy lacks what it goes by, or the model is not to be told.
    :raises DatasetNotFoundError: there is no such dataset, or no step has written to any of the partitions that are chosen from.
    """
    started = time.monotonic()
    check_partition_key(partition_key)
    options = SampleOptions(
        strategy=strategy,
        scores=scores if scores is None or isinstance(scores, Mapping) else _same_weights(scores),
        model=model,
        embedding_model=embedding_model,
        budget=budget,
        budget_unit=budget_unit,
        cost=cost,
        max_per_class=max_per_class,
        max_per=max_per,
        min_per=min_per,
        explore=explore,
        near_duplicates=near_duplicates,
        preselected=preselected,
        similar_to=similar_to,
        candidates=candidates,
        partitions=partitions,
        leave_out_issues=leave_out_issues,
        leave_out_queued=leave_out_queued,
        labelled_in=labelled_in,
        aggregate=aggregate,
        empty_score=empty_score,
        seed=seed,
        sample_id=sample_id,
        manifest=manifest,
        custom=custom,
    )
    if next_labels is not None:
        check_whole_number("next_labels", next_labels, 1)
    keys = options.partitions or [partition_key]
    where = f"table {dataset.identifier('predictions')}, " + ("all partitions" if keys == "all" else f"partition {few(list(keys), 5)}")
    curve = None if evaluations is None else learning_curve(read_evaluations(evaluations, dataset.config.object_options))
    near = read_clusters(clusters, dataset.config.object_options) if isinstance(clusters, str) else clusters or {}
    scope = Scope.of(dataset, partition_key, options)
    missing = check_scope(scope)
    pooled = make_pool(scope, (partition_key, sample_id), options, where)
    check_needs(pooled)
    found = find_candidates(pooled.pool, pooled.plan, options)
    seed = _seed(dataset.name, partition_key, pooled.plan.name, seed)
    chosen = choose(found, options, seed, pooled.preselected, clusters_of(pooled.files, near) if near else {})
    entries = entries_of(dataset.name, found, chosen)
    gain = curve.in_words(next_labels or max(len(entries), 1)) if curve else ""
    outcome = Outcome.of(pooled, found, chosen, entries, options, missing_partitions=missing, expected_gain=gain)
    manifest_uri = _write_manifest(dataset, options, partition_key, entries)
    rows = sample_rows(entries, pooled.pool.model, seed)
    snapshot_id = dataset.replace_partition("samples", partition_key, rows, owner=sample_id)
    metrics_use = write_metrics(
        dataset, partition_key, f"sampling:{sample_id}", outcome.as_metrics(), recorded_at or datetime.now(UTC), after=PREDICTION_IMPORT
    )
    shown = report_of(outcome, found, chosen, entries, where=(dataset.name, partition_key), seed=seed)
    report_uri = None
    if report is not None and has_place(dataset):
        report_uri = write_sample_report(dataset, shown, limits=report, images_snapshot_id=scope.snapshots.get("images"))
    outcome.tell(dataset.name, partition_key, dataset.identifier("samples"))
    summary = outcome.summary(
        dataset.name,
        partition_key,
        snapshot_id=snapshot_id,
        seed=seed,
        manifest_uri=manifest_uri,
        report_uri=report_uri,
        input_snapshots=scope.snapshots,
        duration_seconds=time.monotonic() - started,
    )
    output = dataset.table_use("samples", partition_key=partition_key, owner=sample_id, snapshot_id=snapshot_id, rows=len(entries))
    return StepResult(
        summary,
        StepLineage(
            "sampling",
            # All that were planned, as far as they are there: an event that names others would change the job's edges.
            tuple(scope.use(table, pooled.rows.get(table)) for table in READS if table in scope.snapshots),
            (output, metrics_use),
            facts={
                "sampleId": sample_id,
                "candidates": len(found.rows),
                "sampled": len(entries),
                "manifestUri": manifest_uri,
                **({"reportUri": report_uri} if report_uri else {}),
            },
            parameters=outcome.parameters(seed, manifest_uri),
        ),
    )


def _same_weights(names: Sequence[str]) -> Mapping[str, float]:
    """Return weights of scores that are only named. :raises ConfigurationError: it is a text."""
    if isinstance(names, str):
        raise ConfigurationError(f"scores={names!r} cannot be used: expected weights by score, or a list of scores.")
    return dict.fromkeys(names, 1.0)


def _seed(dataset: str, partition_key: str, strategy: str, seed: int | None) -> int:
    """Return the seed; one that is derived has 48 bits, so that it passes through any JSON reader unharmed."""
    if seed is None:
        return int.from_bytes(hashlib.sha256("\0".join([dataset, partition_key, strategy]).encode()).digest()[:6])
    return seed


def _write_manifest(dataset: Dataset, options: SampleOptions, partition_key: str, entries: Sequence[Mapping[str, Any]]) -> str | None:
    if options.manifest is None:
        return None
    path = manifest_path(options.sample_id, partition_key, options.manifest)
    return without_credentials(dataset.objects().write(path, encode_manifest(entries, options.manifest)))
