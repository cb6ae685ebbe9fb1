"""What is said of each image of a batch: in the manifest, in ``samples``, in the report."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.predictions.batches import stored_classes
from airflow_cv_dataops.core.sampling.batch.fill import NAMED, RANDOM
from airflow_cv_dataops.core.sampling.candidates import Candidates
from airflow_cv_dataops.core.sampling.choosing import Chosen
from airflow_cv_dataops.core.sampling.pool import Pool
from airflow_cv_dataops.core.sampling.scores.combining import reasons
from airflow_cv_dataops.core.sampling.scores.faults import finding
from airflow_cv_dataops.core.sampling.scores.rows import rows_at_once

if TYPE_CHECKING:
    import pyarrow as pa

_TOP = 5
_MOST_BOXES = 300  # of an image: what COCO's evaluation looks at three times over
_WORDS = {NAMED: "named by a person", RANDOM: "drawn at random"}
# True of every image that is sampled, so no reason to choose one.
_NO_REASON = "image_without_label"


def entries_of(dataset: str, candidates: Candidates, chosen: Chosen) -> list[dict[str, Any]]:
    """Return the manifest's entries in order of rank; a loop over the chosen images only, at most the budget."""
    pool, scored = candidates.pool, bool(candidates.plan.scores)
    images = pool.images.take(chosen.rows).to_pylist()
    rows = chosen.rows.tolist()
    ids = {candidates.prediction_ids[row] for row in rows} - {None}
    probabilities, boxes, checks = likely_classes(pool, ids), boxes_of(pool, rows), findings_of(pool, rows)
    words = reasons(pool, candidates.plan.scores, candidates.by_score, candidates.plan.weights, rows) if scored else [[]] * len(rows)
    entries: list[dict[str, Any]] = []
    for at, (row, image) in enumerate(zip(rows, images, strict=True)):
        prediction = candidates.prediction_ids[row]
        entries.append(
            {
                "rank": at + 1,
                **{name: image[name] for name in ("image_id", "source_uri", "storage_uri", "file_name", "width", "height")},
                "score": float(chosen.scores[at]) if scored else None,
                "category": candidates.categories[row],
                "probabilities": probabilities.get(prediction or "", {}),
                "boxes": boxes.get(row, []),
                "strategy": chosen.taken_by[at],
                "reasons": _reasons(chosen, at, candidates, words[at], checks.get(row, ())),
                "dataset": dataset,
                "partition_key": image["partition_key"],
            }
        )
    return entries


def sample_rows(entries: Sequence[Mapping[str, Any]], model: str | None, seed: int) -> pa.Table:
    """Return the rows of ``samples``, without its key columns."""
    import pyarrow as pa

    from airflow_cv_dataops.core.store.schema import arrow_schema

    schema = arrow_schema("samples")
    of_entry = ("rank", "image_id", "source_uri", "storage_uri", "score", "reasons", "category", "strategy")
    columns: dict[str, list[Any]] = {name: [entry[name] for entry in entries] for name in of_entry}
    columns["image_partition"] = [entry["partition_key"] for entry in entries]
    columns |= {name: [value] * len(entries) for name, value in (("model", model), ("seed", seed))}
    return pa.table({name: pa.array(values, schema.field(name).type) for name, values in columns.items()})


def _reasons(chosen: Chosen, at: int, candidates: Candidates, words: Sequence[str], checks: Sequence[str]) -> list[str]:
    """Return why an image is in the batch: who or what took it where no strategy did, its scores, the strategy, what audits found."""
    strategy, taken_by = candidates.plan.strategy, chosen.taken_by[at]
    meaning = "" if words else f"{strategy.meaning[:1].lower()}{strategy.meaning[1:].rstrip('.')}"
    first, last = (_WORDS[taken_by], "") if taken_by in _WORDS else ("", strategy.words or meaning)
    if chosen.for_minimum[at]:  # what a strategy takes of these few is not what it would take of all
        first, last = "taken to meet a minimum", ""
    # The score that goes by findings has named them.
    found = "" if "label_issues" in candidates.plan.weights or not checks else f"audits found: {', '.join(map(finding, checks))}"
    return [reason for reason in (first, *words, last, found) if reason]


def likely_classes(pool: Pool, prediction_ids: Collection[str]) -> dict[str, Mapping[str, float]]:
    """Return for some predictions the five largest class probabilities by class, largest first; not for those that have none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found: dict[str, Mapping[str, float]] = {}
    if not prediction_ids:
        return found
    wanted = pa.array(sorted(prediction_ids), pa.string())
    batch_rows = rows_at_once(pool.predictions.get(pool.model or ""))
    for part in pool.outputs(("prediction_id", "probabilities", "classes"), batch_rows=batch_rows):
        rows = part.table.filter(pc.is_in(part.table["prediction_id"], value_set=wanted))
        for number, name in enumerate(rows["prediction_id"].to_pylist()):
            names, values = stored_classes(rows["classes"][number].as_py()), rows["probabilities"][number].values
            if names and values is not None and len(values) == len(names):
                found[name] = _largest(names, values)
    return found


def _largest(names: Sequence[str], probabilities: pa.Array) -> dict[str, float]:
    """Return the five largest by class, of equal ones the first names; without a loop over all of what may be thousands of classes."""
    import numpy as np

    values = probabilities.to_numpy(zero_copy_only=False)
    known = np.flatnonzero(~np.isnan(values))
    least = np.partition(values[known], -_TOP)[-_TOP] if len(known) > _TOP else -np.inf
    of_those = [(-float(values[at]), names[at]) for at in known[values[known] >= least].tolist()]
    return {name: round(-value, 6) for value, name in sorted(of_those)[:_TOP]}


def boxes_of(pool: Pool, rows: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """Return the predicted boxes of some images, most confident first, at most 300 of one."""
    import numpy as np
    import pyarrow as pa

    wanted = np.array(sorted(rows), dtype=np.int64)
    found: dict[int, list[dict[str, Any]]] = {}
    for part in pool.outputs(("prediction_id", "category", "score", "bbox")):
        mask = np.isin(part.image, wanted) & np.asarray(part.table["bbox"].is_valid())
        for image, row in zip(part.image[mask].tolist(), part.table.filter(pa.array(mask)).to_pylist(), strict=True):
            box = [row["bbox"][side] for side in ("x", "y", "width", "height")]
            if all(side is not None and np.isfinite(side) for side in box):
                told = {"id": row["prediction_id"], "category": row["category"], "score": row["score"], "bbox": box}
                found.setdefault(image, []).append(told)
    for boxes in found.values():
        boxes.sort(key=lambda box: (-(box["score"] or 0.0), box["id"]))
        del boxes[_MOST_BOXES:]
    return found


def findings_of(pool: Pool, rows: Sequence[int]) -> dict[int, list[str]]:
    """Return the checks that found something at each of some images, sorted."""
    import numpy as np
    import pyarrow as pa

    wanted = np.array(sorted(rows), dtype=np.int64)
    found: dict[int, set[str]] = {}
    for part in pool.found(("check",)):
        mask = np.isin(part.image, wanted)
        for image, check in zip(part.image[mask].tolist(), part.table["check"].filter(pa.array(mask)).to_pylist(), strict=True):
            if check != _NO_REASON:
                found.setdefault(image, set()).add(check)
    return {image: sorted(checks) for image, checks in found.items()}
