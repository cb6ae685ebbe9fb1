from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sampling_choices import choice_of, random_choice, taken

from airflow_cv_dataops.core.sampling.strategies.built_in import STRATEGIES
from airflow_cv_dataops.core.sampling.strategies.euclidean import EuclideanSpace
from airflow_cv_dataops.core.sampling.strategies.nearest_center import NearestCenter

k_center, diverse_top = STRATEGIES["k_center"], STRATEGIES["diverse_top"]


def plain(embeddings: np.ndarray, covered: np.ndarray, count: int) -> list[int]:
    """Farthest-first with all distances, in float64."""
    embeddings, covered = embeddings.astype(float), covered.astype(float)
    if len(covered):
        rows, nearest = [], ((embeddings[:, None] - covered) ** 2).sum(axis=2).min(axis=1)
    else:
        rows = [int(((embeddings - embeddings.mean(axis=0)) ** 2).sum(axis=1).argmin())]
        nearest = ((embeddings - embeddings[rows[0]]) ** 2).sum(axis=1)
    while len(rows) < count:
        rows.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, ((embeddings - embeddings[rows[-1]]) ** 2).sum(axis=1))
    return rows


def test_on_a_line_the_middle_comes_first_then_the_ends_then_the_largest_gap():
    assert taken(k_center, choice_of([0, 1, 2, 5, 6, 10]), 4) == [3, 0, 5, 2]


def test_what_is_covered_is_where_distances_begin():
    assert taken(k_center, choice_of([0, 1, 2, 5, 6, 10], covered=[0, 10]), 2) == [3, 2]


@pytest.mark.parametrize("covered", [0, 5, 1_100])
@pytest.mark.parametrize("clumps", [1, 30])
def test_rows_are_those_of_the_plain_loop(covered, clumps):
    rng = np.random.default_rng(clumps)
    means = rng.normal(size=(clumps, 6)) * 10
    embeddings = (means[rng.integers(0, clumps, 800)] + rng.normal(size=(800, 6))).astype(np.float32)
    known = rng.normal(size=(covered, 6)).astype(np.float32)
    assert taken(k_center, choice_of(embeddings, covered=known), 300) == plain(embeddings, known, 300)


def test_rows_are_those_of_the_plain_loop_far_from_zero_and_close_together():
    embeddings = (1_000 + np.random.default_rng(0).normal(scale=0.01, size=(500, 8))).astype(np.float32)
    assert taken(k_center, choice_of(embeddings), 100) == plain(embeddings, np.zeros((0, 8)), 100)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=30))
def test_on_a_grid_ties_fall_to_the_first(points):
    embeddings = np.array(points, dtype=np.float32)
    covered = np.array([[0, 0]], dtype=np.float32)
    different = len({*points} - {(0, 0)})
    assert taken(k_center, choice_of(embeddings, covered=covered), different) == plain(embeddings, covered, different)


def test_a_group_that_is_closed_for_a_while_keeps_its_distances():
    choice = random_choice(400, dimensions=3, covered=2)
    embeddings, nearest = choice.embeddings.astype(float), None
    nearest = ((embeddings[:, None] - choice.covered.astype(float)) ** 2).sum(axis=2).min(axis=1)
    used = np.zeros(400, dtype=bool)
    for step, row in enumerate(k_center(choice)):
        assert row == np.where(choice.open, nearest, -1).argmax()
        nearest = np.minimum(nearest, ((embeddings - embeddings[row]) ** 2).sum(axis=1))
        used[row] = True
        if step == 150:
            break
        choice.open[:] = ~used & (np.arange(400) % 4 != step // 10 % 5)


def test_equal_embeddings_are_at_distance_0():
    embeddings = np.random.default_rng(0).normal(size=(50, 33)).astype(np.float32) * 1_000
    space = EuclideanSpace(np.concatenate([embeddings, embeddings]), None)
    for row in range(50):
        space.add(row)
    assert NearestCenter(space).distances(np.arange(100)).tolist() == [0.0] * 100


def test_of_the_best_ten_times_as_many_the_farthest_come():
    choice = choice_of(np.arange(40), scores=[1.0] * 20 + [0.5] * 20, covered=[0], wanted=2)
    assert taken(diverse_top, choice, 3) == [19, 9, 14]


def test_a_shortlist_that_is_used_up_goes_on_with_the_next_best():
    choice = choice_of(np.arange(40), scores=np.linspace(1, 0.5, 40), covered=[0], wanted=1)
    rows = taken(diverse_top, choice)
    assert sorted(rows[:10]) == list(range(10))
    assert sorted(rows[10:20]) == list(range(10, 20))


def test_the_best_that_is_opened_again_is_on_the_shortlist():
    choice = choice_of(np.arange(40), scores=np.linspace(1, 0.5, 40), covered=[0], wanted=1)
    choice.open[:10] = False
    rows = diverse_top(choice)
    assert next(rows) == 19
    choice.open[19] = False
    choice.open[:10] = True
    assert next(rows) == 8  # the farthest of the nine best
