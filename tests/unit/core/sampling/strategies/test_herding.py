from __future__ import annotations

import numpy as np
import pytest
from sampling_choices import choice_of, random_choice, taken

from airflow_cv_dataops.core.sampling.strategies.bandwidth import smallest_distance
from airflow_cv_dataops.core.sampling.strategies.herding import max_herding, uncertainty_herding


def similarities(ones: np.ndarray, others: np.ndarray, bandwidth: float) -> np.ndarray:
    ones, others = (each.astype(float) / np.linalg.norm(each, axis=1, keepdims=True) for each in (ones, others))
    return np.exp(-((ones[:, np.newaxis] - others) ** 2).sum(axis=2) / bandwidth**2)


def greedy(choice, weights: np.ndarray, bandwidth: float, count: int) -> list[int]:
    """Greedy maximisation of coverage by the whole matrix of similarities."""
    similar = similarities(choice.embeddings, choice.embeddings, bandwidth)
    covered = similarities(choice.embeddings, choice.covered, bandwidth).max(axis=1, initial=0.0)
    rows: list[int] = []
    for _ in range(count):
        totals = (np.maximum(similar, covered[np.newaxis]) * weights).sum(axis=1)
        totals[rows] = -1
        rows.append(int(totals.argmax()))
        covered = np.maximum(covered, similar[rows[-1]])
    return rows


@pytest.mark.parametrize("covered", [0, 6])
def test_max_herding_is_greedy_maximisation_of_coverage(covered):
    choice = random_choice(400, dimensions=8, covered=covered, wanted=40)
    expected = greedy(choice, np.ones(400), 1.0, 40)
    assert taken(max_herding, choice, 40) == expected


@pytest.mark.parametrize("covered", [0, 6])
def test_uncertainty_herding_weighs_by_scores_and_takes_the_smallest_distance_for_bandwidth(covered):
    choice = random_choice(400, dimensions=8, covered=covered, wanted=40)
    bandwidth = smallest_distance(choice.covered, 0) or 1.0
    expected = greedy(choice, choice.scores, bandwidth, 40)
    assert taken(uncertainty_herding, choice, 40) == expected


def test_the_bandwidth_is_the_smallest_distance_of_directions_without_copies():
    assert smallest_distance(np.array([[1, 0], [5, 0], [0, 2], [-1, 0]], dtype=np.float32), 0) == pytest.approx(2**0.5)


@pytest.mark.parametrize("covered", [None, np.zeros((0, 2)), np.ones((1, 2)), np.ones((5, 2))])
def test_without_two_different_ones_there_is_no_smallest_distance(covered):
    assert smallest_distance(covered, 0) is None


def test_scores_that_are_all_0_count_as_none():
    choice, other = (random_choice(50, wanted=5) for _ in range(2))
    choice.scores[:] = 0
    assert taken(uncertainty_herding, choice, 10) == taken(max_herding, other, 10)


def test_closed_rows_are_to_be_covered_too():
    # Nine closed rows lie at the second axis: the open row beside them stands for more than the two of the first axis.
    embeddings = np.array([[1, 0], [1, 0.01], [0.01, 1], *[[0, 1]] * 9])
    choice = choice_of(embeddings, wanted=1)
    choice.open[3:] = False
    assert taken(max_herding, choice, 1) == [2]


def test_of_many_rows_a_sample_is_as_good_as_all_but_for_little():
    rng = np.random.default_rng(0)
    embeddings = np.eye(20)[rng.integers(0, 20, 2_000)] + rng.normal(scale=0.05, size=(2_000, 20))
    rows = taken(max_herding, choice_of(embeddings, wanted=20), 20)
    assert sorted(embeddings[rows].argmax(axis=1)) == list(range(20))
