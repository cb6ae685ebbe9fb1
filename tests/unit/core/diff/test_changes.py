"""Invariants of the matching: nothing is lost, nothing counts twice, and the order of rows decides nothing."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_cv_dataops.core.diff.changes import changed_between, spilled_schema
from airflow_cv_dataops.core.diff.label_columns import statement_hashes
from airflow_cv_dataops.core.diff.matching import BOX, Candidates, ious, match
from airflow_cv_dataops.core.store.hashing import hashes_of_texts, mixed

BOXES = st.tuples(*[st.integers(0, 3)] * 2, *[st.integers(0, 4)] * 2) | st.none()
LABELS = st.lists(
    st.fixed_dictionaries(
        {
            "image_id": st.sampled_from(["a" * 64, "b" * 64]),
            "label_set": st.sampled_from(["default", "second"]),
            "task": st.sampled_from(["detection", "classification", "background"]),
            "category": st.sampled_from(["cat", "dog", None]),
            "box": BOXES,
            "attributes": st.sampled_from([None, "{}"]),
            "annotation_id": st.sampled_from([f"{number:032x}" for number in range(4)]),
        }
    ),
    max_size=12,
)


def rows_of(labels: list[dict[str, Any]]) -> pa.Table:
    rows = []
    for given_label in labels:
        row = {name: value for name, value in given_label.items() if name != "box"}
        box = None if row["task"] == "background" else given_label["box"]
        if row["task"] == "background":
            row |= {"category": None, "attributes": None}
        row["bbox"] = None if box is None else dict(zip(("x", "y", "width", "height"), map(float, box), strict=True))
        rows.append({**row, "partition_key": "2026-11-05", "source_uri": f"s3://{row['image_id'][:1]}.png"})
    table = pa.Table.from_pylist(rows, schema=spilled_schema().remove(spilled_schema().get_field_index("statement")))
    subjects = mixed(hashes_of_texts(table["image_id"]), hashes_of_texts(table["label_set"]))
    return table.append_column("statement", pa.array(statement_hashes(table, subjects)))


def counts_of(labels: pa.Table) -> Counter[tuple[Any, ...]]:
    return Counter((row["image_id"], row["label_set"], row["task"] == "background") for row in labels.to_pylist())


@settings(max_examples=40)
@given(LABELS, LABELS, st.randoms(use_true_random=False))
def test_for_every_image_what_was_there_and_was_added_less_what_was_removed_is_what_is_there(
    before: list[dict[str, Any]], after: list[dict[str, Any]], random: Any
) -> None:
    old, new = rows_of(before), rows_of(after)
    found = changed_between(old, new, 0.5)
    left = counts_of(old)
    for row in found.to_pylist():
        place = (row["image_id"], row["label_set"], not row["is_label"])
        left[place] += ("added" in row["changes"]) - ("removed" in row["changes"])
        assert row["changes"]
        assert ("added" in row["changes"]) == (row["annotation_id_before"] is None)
        assert ("removed" in row["changes"]) == (row["annotation_id_after"] is None)
    assert +left == counts_of(new)
    for side, labels in (("before", old), ("after", new)):
        named = Counter(row[f"annotation_id_{side}"] for row in found.to_pylist() if row[f"annotation_id_{side}"] is not None)
        assert named <= Counter(labels["annotation_id"].to_pylist())
    shuffled = [rows_of(random.sample(labels, len(labels))) for labels in (before, after)]
    assert changed_between(*shuffled, 0.5).equals(found)
    assert changed_between(old, old, 0.5).num_rows == 0


def candidates(boxes: Any, categories: Any, ids: Any, groups: Any) -> Candidates:
    count = len(boxes)
    return Candidates(
        np.array(groups, int), np.full(count, BOX), np.array(categories, int), np.array(ids, int), np.array(boxes, float).reshape(count, 4)
    )


def plainly(before: Candidates, after: Candidates, threshold: float) -> list[int]:
    """Pair boxes as the rules say, one pair after the other."""
    partner, taken = [-1] * len(before.group), set()
    overlap = {
        (at, to): float(ious(before.boxes[[at]], after.boxes[[to]])[0]) for at in range(len(partner)) for to in range(len(after.group))
    }
    pairs = sorted((pair for pair in overlap if before.group[pair[0]] == after.group[pair[1]]), key=lambda pair: (-overlap[pair], pair))
    for rule in (
        lambda at, to: before.annotation[at] == after.annotation[to] and overlap[at, to] >= threshold,
        lambda at, to: before.category[at] == after.category[to] and overlap[at, to] >= threshold,
        lambda at, to: overlap[at, to] >= threshold,
        lambda at, to: before.annotation[at] == after.annotation[to] and overlap[at, to] > 0,
    ):
        for at, to in pairs:
            if partner[at] < 0 and to not in taken and rule(at, to):
                partner[at] = to
                taken.add(to)
    return partner


@pytest.mark.parametrize("seed", range(20))
def test_boxes_are_paired_as_one_would_who_takes_the_best_pair_first(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sides = []
    for count in rng.integers(0, 25, 2):
        boxes = np.concatenate([rng.uniform(0, 10, (count, 2)), rng.uniform(5, 10, (count, 2))], axis=1)
        sides.append(candidates(boxes, rng.integers(0, 2, count), rng.permutation(30)[:count], rng.integers(0, 2, count)))
    threshold = float(rng.choice([0.1, 0.5, 0.9]))
    assert match(*sides, threshold).tolist() == plainly(*sides, threshold)


def test_of_a_crowd_each_box_finds_the_one_it_was() -> None:
    rng = np.random.default_rng(0)
    boxes = np.concatenate([rng.uniform(0, 5_000, (500, 2)), np.full((500, 2), 20.0)], axis=1)
    order = rng.permutation(500)
    same = np.zeros(500, int)
    found = match(candidates(boxes, same, order, same), candidates((boxes + np.array([1, 0, 0, 0]))[order], same, order + 1_000, same), 0.8)
    assert (order[found] == np.arange(500)).mean() > 0.99
