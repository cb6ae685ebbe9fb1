"""What came of a sampling, in numbers and in words."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.metrics import Metric
from airflow_cv_dataops.core.sampling.batch.fill import RANDOM, Batch
from airflow_cv_dataops.core.sampling.batch.quotas import UNLIMITED, Quota
from airflow_cv_dataops.core.sampling.batch.room import UnmetMinimum
from airflow_cv_dataops.core.sampling.candidates import Candidates
from airflow_cv_dataops.core.sampling.choosing import Chosen
from airflow_cv_dataops.core.sampling.options import SampleOptions
from airflow_cv_dataops.core.sampling.pooling import Pooled
from airflow_cv_dataops.core.sampling.scores.hardest import finds_boxes
from airflow_cv_dataops.core.summary import Summary
from airflow_cv_dataops.core.wording import counted, few

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

_MOST_TOLD = 10
_MOST_FULL = 3


@dataclass(frozen=True, eq=False)
class Outcome:
    """``images`` = ``candidates`` + all that was left out before (``left_out``), each image once.

    :param weights: of the scores that the images were chosen by. :param left_out: by reason.
    :param notes: what people should know before the batch is sent, in words.
    """

    options: SampleOptions
    strategy: str
    model: str | None
    weights: Mapping[str, float]
    counts: Mapping[str, Any]
    scores: Mapping[str, float | None]
    left_out: Mapping[str, int]
    notes: Sequence[str]
    expected_gain: str = ""

    @staticmethod
    def of(
        pooled: Pooled,
        candidates: Candidates,
        chosen: Chosen,
        entries: Sequence[Mapping[str, Any]],
        options: SampleOptions,
        *,
        missing_partitions: Sequence[str] = (),
        expected_gain: str = "",
    ) -> Outcome:
        left_out = {**pooled.left_out, **candidates.left_out}
        by_category = Counter(entry["category"] or "" for entry in entries)
        scores = [entry["score"] for entry in entries if entry["score"] is not None]
        return Outcome(
            options=options,
            strategy=pooled.plan.name,
            model=pooled.pool.model,
            weights=pooled.plan.weights,
            counts={
                "images": pooled.images,
                "candidates": len(candidates.rows),
                **left_out,
                "declared_empty": pooled.declared_empty,
                "near_duplicates": chosen.batch.near_duplicates,
                "sampled": len(entries),
                "sampled_at_random": chosen.batch.taken_by.count(RANDOM),
                "unmet_minimums": len(chosen.batch.unmet),
                "by_category": dict(sorted(by_category.items())),
            },
            scores={
                "score_max": max(scores, default=None),
                "score_min": min(scores, default=None),
                "score_mean": round(sum(scores) / len(scores), 9) if scores else None,
                "spent": chosen.spent,
            },
            left_out=left_out,
            notes=_notes(pooled, candidates, chosen, options, missing_partitions),
            expected_gain=expected_gain,
        )

    def as_metrics(self) -> list[Metric]:
        totals = [Metric(name, value) for name, value in self.counts.items() if name != "by_category"]
        by_category = [Metric("sampled", count, {"category": name}) for name, count in self.counts["by_category"].items()]
        return totals + by_category + [Metric(name, value) for name, value in self.scores.items() if value is not None]

    def tell(self, dataset: str, partition_key: str, table: str) -> None:
        """Say it in the log."""
        log.info(
            "Sample %s of %s, partition %s: %d of %d candidates by %s; see table %s",
            *(self.options.sample_id, dataset, partition_key, self.counts["sampled"], self.counts["candidates"], self.strategy, table),
        )
        if told := ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in self.left_out.items() if count):
            log.info("Left out: %s", told)
        for note in self.notes:
            log.warning("%s", note)

    def parameters(self, seed: int, manifest_uri: str | None) -> dict[str, Any]:
        """Return what steered the sampling, for lineage: what was asked for beside the defaults."""
        options = self.options
        asked = {
            "strategy": self.strategy,
            "seed": seed,
            "budget": int(options.budget) if float(options.budget).is_integer() else options.budget,
            "budgetUnit": None if options.budget_unit == "images" else options.budget_unit,
            "maxPerClass": options.max_per_class,
            "scores": dict(self.weights) if options.scores else None,
            "explore": options.explore or None,
            "model": self.model,
            "manifestUri": manifest_uri,
        }
        always = ("strategy", "seed", "budget", "maxPerClass", "model", "manifestUri")
        return {name: value for name, value in asked.items() if value is not None or name in always}

    def summary(
        self,
        dataset: str,
        partition_key: str,
        *,
        snapshot_id: str,
        seed: int,
        manifest_uri: str | None,
        report_uri: str | None,
        input_snapshots: Mapping[str, str],
        duration_seconds: float,
    ) -> Summary:
        return Summary(
            dataset=dataset,
            partition_key=partition_key,
            snapshot_id=snapshot_id,
            counts=self.counts,
            metrics=self.scores,
            report_uri=report_uri,
            duration_seconds=duration_seconds,
            details={
                "sample_id": self.options.sample_id,
                "strategy": self.strategy,
                "scores": dict(self.weights),
                "model": self.model,
                "seed": seed,
                "budget": self.options.spending.in_words(),
                "notes": list(self.notes),
                **({"expected_gain": self.expected_gain} if self.expected_gain else {}),
                "manifest_uri": manifest_uri,
                "input_snapshots": {table: snapshot for table, snapshot in input_snapshots.items() if table != "samples"},
            },
        )


def _notes(pooled: Pooled, candidates: Candidates, chosen: Chosen, options: SampleOptions, missing_partitions: Sequence[str]) -> list[str]:
    """Return what people should know: what is absent, limits that do not fit, named images that are not in it, a batch below its budget."""
    notes = []
    if missing_partitions:
        which = _partitions(missing_partitions)
        notes.append(f"Nobody has written to {which}: nothing is chosen from {'it' if len(missing_partitions) == 1 else 'them'}.")
    if since := pooled.labelled_since:
        have, it = ("have labels", "they are") if since > 1 else ("has a label", "it is")
        notes.append(
            f"{counted(since, 'image')} of the batch that this one replaces {have} by now, so {it} no longer in it, and a review will not "
            "count them: give the next batch a sample_id of its own."
        )
    if pooled.unaudited:
        unseen = _partitions(pooled.unaudited)
        notes.append(f"No audit has looked at {unseen}: images there count as if audits had found nothing.")
    if same := _tell_nothing(candidates):
        notes.append(
            f"{few(same, _MOST_TOLD)} says the same of all {len(candidates.rows):,} candidates, and so nothing of which to choose."
        )
    of_boxes = finds_boxes(pooled.pool)
    notes += _told(
        [
            f"Of {_group(found.grouping, found.group, of_boxes)}, {found.taken:,} of at least {found.wanted:,} were taken; there "
            f"{'is' if found.available == 1 else 'are'} {found.available:,}{_fitting(found)}."
            for found in chosen.batch.unmet
        ]
    )
    limited = [
        f"There is no {_group(quota.grouping, quota.groups.names[group], of_boxes, 'image')} in the pool, for which there is a limit: "
        f"there {_there(quota)}."
        for quota in chosen.quotas
        for group in quota.without_image
        if quota.most[group] < UNLIMITED
    ]
    notes += _told(limited)
    if refused := [*pooled.not_in_pool, *_uris(pooled.pool.images, chosen.batch.refused)]:
        told = few(refused, _MOST_TOLD)
        notes.append(f"{len(refused):,} of the preselected images cannot be in the batch (labelled, queued, or against a limit): {told}.")
    notes += _shortfall(pooled, candidates, chosen, options)
    if (without := candidates.left_out.get("without_embedding", 0)) and len(candidates.rows):
        notes.append(f"{without:,} images have no embedding and cannot be chosen: run ImageEmbeddingOperator on them.")
    return notes


def _tell_nothing(candidates: Candidates) -> list[str]:
    """Return the names of scores by which no candidate stands before another."""
    scores = {name: candidates.by_score[name][candidates.rows] for name in candidates.plan.weights} if len(candidates.rows) > 1 else {}
    return [name for name, values in scores.items() if values.min() == values.max()]


def _shortfall(pooled: Pooled, candidates: Candidates, chosen: Chosen, options: SampleOptions) -> list[str]:
    """Say why the batch is smaller than asked for, or has no share at random."""
    count, there = len(chosen.rows), len(candidates.rows)
    if not there:
        left_out = {**pooled.left_out, **candidates.left_out}
        told = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in left_out.items() if number)
        return [f"No image can be chosen: of {pooled.images:,} images, {told or 'none is left'}."]
    notes = []
    unit, most = options.budget_unit, options.spending.amount_in_words
    short = f"The batch has {count:,} of {most}" if unit == "images" else f"The batch takes {chosen.spent:,.10g} of {most}"
    if not count and chosen.cheapest <= options.spending.amount:
        notes.append(f"{candidates.plan.strategy.name} took none of the {there:,} candidates.")
    elif not count:
        notes.append(f"No image fits the budget of {options.spending.in_words()}: the cheapest costs {chosen.cheapest:,g}.")
    elif count < there and (chosen.batch.full or (unit == "images" and count < options.budget)):
        kept_out = _kept_out(chosen.batch, finds_boxes(pooled.pool))
        notes.append(f"{short}: no other of the {there:,} candidates is within the limits.{kept_out}")
    elif count == there and unit == "images" and count < options.budget:
        notes.append(f"{short}: there are no more candidates.")
    if options.explore and count and RANDOM not in chosen.batch.taken_by:
        notes.append("No image was drawn at random: the share of the budget for it is below what an image costs.")
    return notes


def _fitting(group: UnmetMinimum) -> str:
    """Say how many of a group would fit the budget by themselves, where that is not all."""
    return f", of which {group.fitting:,} would fit the budget" if group.fitting < group.available else ""


def _partitions(keys: Sequence[str]) -> str:
    return f"{'partition' if len(keys) == 1 else 'the partitions'} {few(keys, _MOST_TOLD)}"


def _there(quota: Quota) -> str:
    """Say which groups of a grouping have images, those of most first."""
    sizes = quota.groups.sizes().tolist()
    found = sorted((-images, name) for name, images in zip(quota.groups.names, sizes, strict=True) if images and name)
    return f"{'is' if len(found) == 1 else 'are'} {few([repr(name) for _, name in found], 5)}" if found else "is none"


def _kept_out(batch: Batch, of_boxes: bool) -> str:
    """Say which full groups keep out what the budget has room for, those that keep out most first."""
    if not batch.full:
        return ""
    told = [f"{_group(one.grouping, one.group, of_boxes)} ({one.most:,} at most; {one.kept_out:,} more would fit)" for one in batch.full]
    return f" Full groups keep {counted(batch.kept_out, 'image')} out: {few(told, _MOST_FULL)}."


def _group(grouping: str, group: str, of_boxes: bool, images: str = "images") -> str:
    """Name a group. :param of_boxes: an image has categories by its boxes. :param images: whether one is spoken of, or several."""
    if grouping == "category" and of_boxes:
        return f"{images} with {group!r}" if group else f"{images} without a box"
    return f"{grouping.replace('_', ' ')} {group!r}"


def _told(notes: list[str]) -> list[str]:
    more = len(notes) - _MOST_TOLD
    return notes if more <= 0 else [*notes[:_MOST_TOLD], f"The same of {more:,} more groups."]


def _uris(images: pa.Table, rows: Sequence[int]) -> list[str]:
    return list(images["source_uri"].take(list(rows)).to_pylist()) if rows else []
