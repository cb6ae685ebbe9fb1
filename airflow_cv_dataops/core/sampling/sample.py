"""Hard-example sampling of one partition: score, select, write the manifest, then the rows."""

from __future__ import annotations

import hashlib
import logging
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.metrics import Metric, write_metrics
from airflow_cv_dataops.core.sampling.arguments import check_labelled_in, check_seed
from airflow_cv_dataops.core.sampling.candidates import Candidates, likely_classes, score_candidates
from airflow_cv_dataops.core.sampling.manifest import manifest_bytes, manifest_path
from airflow_cv_dataops.core.sampling.reading import Sources, read_sources
from airflow_cv_dataops.core.sampling.scores import check_aggregate, check_strategy
from airflow_cv_dataops.core.sampling.select import check_limits, select
from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.objects import without_credentials
from airflow_cv_dataops.core.store.partition_files import check_written
from airflow_cv_dataops.core.store.partition_keys import check_partition_key
from airflow_cv_dataops.core.summary import StepResult, Summary

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)


def sample_hard_examples(
    dataset: Dataset,
    partition_key: str,
    *,
    strategy: str = "entropy",
    model: str | None = None,
    budget: int = 100,
    max_per_class: int | float | None = None,
    seed: int | None = None,
    sample_id: str = "hard_examples",
    manifest: bool = True,
    aggregate: str = "max",
    empty_score: float | None = 0.0,
    labelled_in: str = "partition",
    recorded_at: datetime | None = None,
) -> StepResult:
    """Choose the partition's unlabelled images that a model is least certain of, and replace this sample's rows and manifest.

    An image that has a label is left out, byte-identical files included; each image is chosen once.

    :param strategy: ``entropy``, ``margin`` or ``least_confidence``.
    :param model: whose predictions; ``None``: the only model that has any in the partition.
    :param budget: how many images at most.
    :param max_per_class: how many images of one predicted category at most: a count (int), or a share of the budget (float).
    :param seed: orders images of equal score; ``None``: derived from dataset, partition key and strategy.
    :param sample_id: which sample owns the rows; samples of different names stand side by side.
    :param manifest: whether to write the JSON lines file for the labelling tool.
    :param aggregate: ``max`` or ``mean`` over the boxes of an image, where the model predicts boxes.
    :param empty_score: score, 0 to 1, of an image in which such a model predicts no box; ``None`` leaves these images out.
    :param labelled_in: ``partition``: only labels of the partition count, so that it may be sampled in any order with others;
        ``dataset``: also labels that a byte-identical image has in another partition, as far as they are there by then.
    :param recorded_at: the ``recorded_at`` of the metrics; default: now.
    :raises ConfigurationError: an argument cannot be used, or the model is not to be told (none named and several there, or not there).
    :raises DatasetNotFoundError: there is no such dataset, or no step has written to this partition of it.
    """
    started = time.monotonic()
    check_partition_key(partition_key)
    check_strategy(strategy)
    check_aggregate(aggregate)
    check_limits(budget, max_per_class)
    path = manifest_path(sample_id, partition_key)
    if empty_score is not None and not 0 <= empty_score <= 1:
        raise ConfigurationError(f"empty_score={empty_score!r} is out of range: expected 0 to 1, or None.")
    check_labelled_in(labelled_in)
    check_seed(seed)
    seed = _seed(dataset.name, partition_key, strategy, seed)
    check_written(dataset, partition_key)
    sources = read_sources(dataset, partition_key, model, labelled_in)
    candidates = score_candidates(
        sources.unlabelled, sources.predictions, strategy=strategy, aggregate=aggregate, empty_score=empty_score if sources.model else None
    )
    ids = candidates.images["image_id"].to_pylist()
    chosen = select(ids, candidates.scores, candidates.categories, budget=budget, seed=seed, max_per_class=max_per_class)
    entries = _entries(dataset.name, partition_key, candidates, chosen, sources, strategy)
    manifest_uri = without_credentials(dataset.objects().write(path, manifest_bytes(entries))) if manifest else None
    rows = _rows(entries, strategy, sources.model, seed)
    samples_snapshot = dataset.replace_partition("samples", partition_key, rows, owner=sample_id)
    numbers = _Numbers.of(sources, candidates, entries)
    metrics_use = write_metrics(dataset, partition_key, f"sampling:{sample_id}", numbers.as_metrics(), recorded_at or datetime.now(UTC))
    summary = Summary(
        dataset=dataset.name,
        partition_key=partition_key,
        snapshot_id=samples_snapshot,
        counts=numbers.counts,
        metrics=numbers.scores,
        duration_seconds=time.monotonic() - started,
        details={
            "sample_id": sample_id,
            "strategy": strategy,
            "model": sources.model,
            "seed": seed,
            "manifest_uri": manifest_uri,
            "input_snapshots": sources.snapshots,
        },
    )
    log.info(
        "Sample %s of %s, partition %s: %d of %d candidates; see table %s",
        *(sample_id, dataset.name, partition_key, len(entries), len(ids), dataset.identifier("samples")),
    )
    parameters = {
        "strategy": strategy,
        "seed": seed,
        "budget": budget,
        "maxPerClass": max_per_class,
        "model": sources.model,
        "manifestUri": manifest_uri,
    }
    output = dataset.table_use("samples", partition_key=partition_key, owner=sample_id, snapshot_id=samples_snapshot, rows=len(entries))
    facts = {"sampleId": sample_id, "candidates": len(ids), "sampled": len(entries), "manifestUri": manifest_uri}
    lineage = StepLineage(
        "sampling",
        sources.uses(dataset, partition_key, candidates.prediction_rows),
        (output, metrics_use),
        facts=facts,
        parameters=parameters,
    )
    return StepResult(summary, lineage)


def _seed(dataset: str, partition_key: str, strategy: str, seed: int | None) -> int:
    """Return the seed; one that is derived has 48 bits, so that it passes through any JSON reader unharmed."""
    if seed is None:
        return int.from_bytes(hashlib.sha256("\0".join([dataset, partition_key, strategy]).encode()).digest()[:6])
    return seed


def _entries(
    dataset: str, partition_key: str, candidates: Candidates, chosen: Any, sources: Sources, strategy: str
) -> list[dict[str, Any]]:
    """Return the manifest's entries, hardest first; a loop over the chosen images only, at most the budget."""
    entries: list[dict[str, Any]] = []
    images = candidates.images.take(chosen).to_pylist()
    probabilities = likely_classes(sources.predictions, {name for at in chosen if (name := candidates.prediction_ids[at]) is not None})
    for rank, (candidate, image) in enumerate(zip(chosen.tolist(), images, strict=True), start=1):
        score = float(candidates.scores[candidate])
        prediction = candidates.prediction_ids[candidate]
        reason = f"{strategy} {score:.3f} by model {sources.model}" if prediction else f"model {sources.model} predicted no box"
        entries.append(
            {
                "rank": rank,
                "image_id": image["image_id"],
                "source_uri": image["source_uri"],
                "storage_uri": image["storage_uri"],
                "score": score,
                "category": candidates.categories[candidate],
                "probabilities": probabilities.get(prediction or "", {}),
                "reasons": [reason, *(f"finding: {check}" for check in sources.findings.get(image["image_id"], ()))],
                "dataset": dataset,
                "partition_key": partition_key,
            }
        )
    return entries


def _rows(entries: list[dict[str, Any]], strategy: str, model: str | None, seed: int) -> pa.Table:
    import pyarrow as pa

    from airflow_cv_dataops.core.store.schema import arrow_schema

    schema = arrow_schema("samples")
    of_entry = ("rank", "image_id", "source_uri", "storage_uri", "score", "reasons", "category")
    columns: dict[str, list[Any]] = {name: [entry[name] for entry in entries] for name in of_entry}
    columns |= {name: [value] * len(entries) for name, value in (("strategy", strategy), ("model", model), ("seed", seed))}
    return pa.table({name: pa.array(values, schema.field(name).type) for name, values in columns.items()})


@dataclass(frozen=True)
class _Numbers:
    """What a sample counts. ``images`` = ``already_labelled`` + ``without_prediction`` + ``candidates``, each image once."""

    counts: Mapping[str, Any]
    scores: Mapping[str, float | None]

    @staticmethod
    def of(sources: Sources, candidates: Candidates, entries: list[dict[str, Any]]) -> _Numbers:
        by_category = Counter(entry["category"] or "" for entry in entries)
        scores = [entry["score"] for entry in entries]
        return _Numbers(
            counts={
                "images": sources.unlabelled.num_rows + sources.already_labelled,
                "candidates": candidates.images.num_rows,
                "already_labelled": sources.already_labelled,
                "without_prediction": candidates.without_prediction,
                "sampled": len(entries),
                "by_category": dict(sorted(by_category.items())),
            },
            scores={
                "score_max": max(scores, default=None),
                "score_min": min(scores, default=None),
                "score_mean": round(sum(scores) / len(scores), 9) if scores else None,
            },
        )

    def as_metrics(self) -> list[Metric]:
        totals = [Metric(name, value) for name, value in self.counts.items() if name != "by_category"]
        by_category = [Metric("sampled", count, {"category": name}) for name, count in self.counts["by_category"].items()]
        return totals + by_category + [Metric(name, value) for name, value in self.scores.items() if value is not None]
