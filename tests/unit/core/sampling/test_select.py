from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.sampling.select import select, unique_images

CANDIDATE = st.tuples(st.sampled_from([0.0, 0.5, 1.0, float("nan")]) | st.floats(0, 1), st.sampled_from(["cat", "dog", None]))
CAP = st.none() | st.integers(1, 5) | st.floats(0.01, 1)


def choose(candidates, **more):
    """Return the chosen ids; a candidate is (id, score, category)."""
    ids = [candidate[0] for candidate in candidates]
    rows = select(
        ids, np.array([candidate[1] for candidate in candidates], dtype=float), [candidate[2] for candidate in candidates], **more
    )
    return [ids[row] for row in rows]


def test_the_hardest_images_are_chosen_first():
    assert choose([("a", 0.1, "cat"), ("b", 0.9, "cat"), ("c", 0.5, "cat")], budget=2, seed=0) == ["b", "c"]


def test_a_cap_makes_room_for_other_categories():
    candidates = [("a", 0.9, "cat"), ("b", 0.8, "cat"), ("c", 0.7, "cat"), ("d", 0.1, "dog"), ("e", 0.2, None)]
    assert choose(candidates, budget=4, seed=0, max_per_class=1) == ["a", "e", "d"]
    assert choose(candidates, budget=4, seed=0, max_per_class=0.5) == ["a", "b", "e", "d"]
    assert choose(candidates, budget=4, seed=0, max_per_class=0.01) == ["a", "e", "d"], "a share is at least one image"


def test_the_seed_orders_ties():
    candidates = [(f"{number}", 0.5, "cat") for number in range(50)]
    assert choose(candidates, budget=5, seed=1) != choose(candidates, budget=5, seed=2)
    assert choose(candidates, budget=5, seed=1) == choose(candidates, budget=5, seed=1)


def test_the_smallest_source_uri_stands_for_byte_identical_files():
    images = pa.table({"image_id": ["x", "y", "x"], "source_uri": ["c", "b", "a"]})
    assert unique_images(images).to_pylist() == [{"image_id": "x", "source_uri": "a"}, {"image_id": "y", "source_uri": "b"}]


@pytest.mark.parametrize(
    "limits", [{"budget": 0}, {"budget": True}, {"budget": 1.5}, {"budget": 5, "max_per_class": 0}, {"budget": 5, "max_per_class": 1.5}]
)
def test_limits_out_of_range_are_refused(limits):
    with pytest.raises(ConfigurationError, match="cannot be used"):
        choose([("a", 0.1, None)], seed=0, **limits)


@given(st.lists(CANDIDATE, max_size=30), st.integers(1, 10), CAP, st.integers(0, 2**63 - 1), st.randoms(use_true_random=False))
def test_a_selection_keeps_to_budget_and_cap_and_does_not_depend_on_the_order_of_rows(candidates, budget, cap, seed, random):
    named = [(f"image{number}", *candidate) for number, candidate in enumerate(candidates)]
    chosen = choose(named, budget=budget, seed=seed, max_per_class=cap)
    facts = {name: (score, category) for name, score, category in named}
    assert len(chosen) == len(set(chosen)) <= budget
    scores = [facts[name][0] for name in chosen]
    assert scores == sorted(scores, reverse=True), "NaN would break the order"
    limit = budget if cap is None else cap if isinstance(cap, int) else max(1, int(cap * budget))
    per_category = Counter(facts[name][1] for name in chosen)
    assert all(count <= limit for count in per_category.values())
    if len(chosen) < budget:
        passed_over = [name for name, (score, _) in facts.items() if score == score and name not in chosen]
        assert all(per_category[facts[name][1]] == limit for name in passed_over), "no room is left while an image would fit"
    shuffled = random.sample(named, len(named))
    assert choose(shuffled, budget=budget, seed=seed, max_per_class=cap) == chosen
