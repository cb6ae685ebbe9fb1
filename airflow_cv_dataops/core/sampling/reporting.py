"""From a batch to the values of its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_cv_dataops.core.sampling.batch.groups import Groups
from airflow_cv_dataops.core.sampling.batch.quotas import UNLIMITED, Quota
from airflow_cv_dataops.core.sampling.candidates import Candidates
from airflow_cv_dataops.core.sampling.choosing import Chosen
from airflow_cv_dataops.core.sampling.grouping import groups_of
from airflow_cv_dataops.core.sampling.outcome import Outcome
from airflow_cv_dataops.core.sampling.report.values import BatchImage, Distribution, LeftOut, PredictedBox, SampleReport
from airflow_cv_dataops.core.sampling.scores.hardest import finds_boxes
from airflow_cv_dataops.core.sampling.units import Plan

_COMPARED = {"category": "category", "source": "source", "camera": "camera", "capture_day": "capture day", "partition": "partition"}
_BY_BOXES = (
    "An image counts for every category of which the model predicts a box with a confidence of at least 0.5, so shares may add up to more "
    "than 100%; where there is no such box, for that of its most uncertain box."
)
_ORDERED = ("capture_day", "partition")
_LEFT_OUT = {
    "already_labelled": ("It has a label already", "an image that is marked empty counts as labelled"),
    "not_labelled": ("It has no label", "the batch is chosen among labelled images"),
    "queued": ("Another sample holds it", "leave_out_queued=False would keep it"),
    "poor_quality": ("It has a quality issue of leave_out_issues", ""),
    "without_embedding": ("It has no embedding", "ImageEmbeddingOperator makes them"),
    "without_prediction": ("The model says nothing of it", "import its predictions"),
    "without_score": ("A score cannot be told of it", ""),
    "near_duplicates": ("It shows the same as an image of the batch", "near_duplicates and clusters say what that is"),
}


def report_of(
    outcome: Outcome, candidates: Candidates, chosen: Chosen, entries: Sequence[Mapping[str, Any]], *, where: tuple[str, str], seed: int
) -> SampleReport:
    """Return what the page shows. :param where: dataset and partition key."""
    dataset, partition_key = where
    counted = {**outcome.left_out, "near_duplicates": outcome.counts["near_duplicates"]}
    budget = outcome.options.spending
    spent = {f"Expected cost, of {budget.amount_in_words}": f"{outcome.scores['spent']:,.1f}"} if budget.unit != "images" else {}
    return SampleReport(
        dataset=dataset,
        partition_key=partition_key,
        sample_id=outcome.options.sample_id,
        strategy=f"{outcome.strategy}: {_how(candidates.plan)}",
        model=outcome.model if candidates.plan.needs & {"predictions", "probabilities", "models"} else None,
        seed=seed,
        budget=outcome.options.spending.in_words(),
        images=[_image(entry) for entry in entries],
        left_out=[LeftOut(_LEFT_OUT[name][0], images, _LEFT_OUT[name][1]) for name, images in counted.items() if images],
        distributions=_distributions(candidates, chosen),
        numbers=spent,
        notes=outcome.notes,
        expected_gain=outcome.expected_gain,
        candidates=len(candidates.rows),
    )


def _how(plan: Plan) -> str:
    """Return what the strategy takes, in words."""
    if len(plan.scores) == 1:
        meaning = plan.scores[0].meaning.rstrip(".")
        return meaning[:1].lower() + meaning[1:] if plan.strategy.name == "top" else f"{plan.strategy.meaning}, by {plan.scores[0].name}"
    weights = ", ".join(f"{name} ({weight:g})" for name, weight in plan.weights.items())
    return f"{plan.strategy.meaning}, by the ranks of {weights}" if weights else plan.strategy.meaning


def _image(entry: Mapping[str, Any]) -> BatchImage:
    return BatchImage(
        rank=entry["rank"],
        image_id=entry["image_id"],
        source_uri=entry["source_uri"],
        storage_uri=entry["storage_uri"],
        score=float("nan") if entry["score"] is None else entry["score"],
        strategy=entry["strategy"],
        category=entry["category"],
        reasons=entry["reasons"],
        partition_key=entry["partition_key"],
        boxes=[PredictedBox(box["category"], box["score"] or 0.0, tuple(box["bbox"])) for box in entry["boxes"]],
        probabilities=entry["probabilities"],
    )


def _distributions(candidates: Candidates, chosen: Chosen) -> list[Distribution]:
    """Return the batch against its pool, of groupings that tell images apart or have a quota."""
    quotas = {quota.grouping: quota for quota in chosen.quotas}
    found = []
    for grouping, title in _COMPARED.items():
        groups = groups_of(grouping, candidates.pool, candidates.categories)
        pool, batch = groups.take(candidates.rows), groups.take(chosen.rows)
        if grouping not in quotas and (pool.sizes() > 0).sum() < 2:
            continue
        names = _short_names(groups.names) if grouping == "source" else {}
        found.append(
            Distribution(
                title,
                _counts(pool, names),
                _counts(batch, names),
                _limits(quotas.get(grouping), names),
                images=(len(pool), len(batch)) if groups.overlap else None,
                note=_BY_BOXES if grouping == "category" and finds_boxes(candidates.pool) else "",
                is_ordered=grouping in _ORDERED,
            )
        )
    return found


def _short_names(names: Sequence[str]) -> dict[str, str]:
    """Return folders without those above them that all have in common, by folder; where there is but one, its name."""
    folders = sorted(name for name in names if name)
    parts = [folder.split("/") for folder in folders]
    least = min(map(len, parts), default=0)
    same = next((at for at in range(least) if len({part[at] for part in parts}) > 1), least)
    start = same if len(folders) > 1 else max(least - 1, 0)
    return {folder: "/".join(part[start:]) or "." for folder, part in zip(folders, parts, strict=True)}


def _counts(groups: Groups, names: Mapping[str, str]) -> dict[str, int]:
    """Return how many images each group has, of those that have any. :param names: what some groups are called on the page."""
    found: dict[str, int] = {}
    for name, images in zip(groups.names, groups.sizes().tolist(), strict=True):
        if images:  # a group may itself be called unknown
            found[_shown(name, names)] = found.get(_shown(name, names), 0) + images
    return found


def _shown(name: str, names: Mapping[str, str]) -> str:
    return names.get(name, name) or "unknown"


def _limits(quota: Quota | None, names: Mapping[str, str]) -> dict[str, str]:
    if quota is None:
        return {}
    told: dict[str, str] = {}
    for name, most, least in zip(quota.groups.names, quota.most.tolist(), quota.least.tolist(), strict=True):
        words = [f"at least {least:,}"] if least else []
        words += [f"at most {most:,}"] if most < UNLIMITED else []
        if words:
            told[_shown(name, names)] = ", ".join(words)
    return told
