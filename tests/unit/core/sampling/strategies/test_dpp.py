from __future__ import annotations

import numpy as np
import pytest
from sampling_choices import choice_of, random_choice, taken

from airflow_cv_dataops.core.sampling.strategies import dpp
from airflow_cv_dataops.core.sampling.strategies.dpp import k_dpp


def greedy(choice, count: int, chosen: list[int] | None = None) -> list[int]:
    """The row that makes the log-determinant of the kernel of all chosen ones largest, by determinants."""
    units = choice.embeddings.astype(float) / np.linalg.norm(choice.embeddings.astype(float), axis=1, keepdims=True)
    quality = np.maximum(choice.scores, 0.001)
    kernel = quality[:, None] * np.exp(-((units[:, None] - units) ** 2).sum(axis=2)) * quality
    rows = list(chosen or [])
    for _ in range(count):
        logs = np.array(
            [_log_determinant(kernel, [*rows, row]) if choice.open[row] and row not in rows else -np.inf for row in range(len(kernel))]
        )
        rows.append(int(logs.argmax()))
    return rows


def _log_determinant(kernel: np.ndarray, rows: list[int]) -> float:
    return float(np.linalg.slogdet(kernel[np.ix_(rows, rows)])[1])


def test_rows_make_the_determinant_largest():
    choice = random_choice(60, dimensions=12, wanted=15)
    expected = greedy(choice, 15)
    assert taken(k_dpp, choice, 15) == expected


def test_more_rows_than_were_expected_go_on_with_the_same_determinant():
    choice = random_choice(60, dimensions=12, wanted=2)
    expected = greedy(choice, 15)
    assert taken(k_dpp, choice, 15) == expected


def test_a_group_that_is_opened_again_is_judged_by_all_that_were_taken():
    choice = random_choice(60, dimensions=12, wanted=10)
    choice.open[:] = np.arange(60) % 3 == 0
    expected = greedy(choice, 5)
    rows, iterator = [], k_dpp(choice)
    for _ in range(5):
        rows.append(next(iterator))
        choice.open[rows[-1]] = False
    assert rows == expected
    choice.open[:] = True
    choice.open[rows] = False
    expected = greedy(choice, 5, rows)
    for _ in range(5):
        rows.append(next(iterator))
        choice.open[rows[-1]] = False
    assert rows == expected


def test_a_copy_of_a_taken_row_comes_after_all_others_whatever_its_score():
    choice = choice_of([[1, 0], [1, 0], [0, 1], [-1, 0]], scores=[1.0, 0.9, 0.1, 0.0])
    assert taken(k_dpp, choice) == [0, 2, 3, 1]


def test_a_short_shortlist_goes_on_with_the_next_best(monkeypatch):
    monkeypatch.setattr(dpp, "_MOST_FLOATS", 10 * (4 + 5))
    choice = random_choice(40, dimensions=4, wanted=5)
    ranks = np.argsort(np.argsort(-choice.scores))
    rows = taken(k_dpp, choice)
    assert sorted(rows) == list(range(40))
    assert max(ranks[rows[:5]]) < 10


def test_a_batch_beyond_the_largest_round_begins_a_new_determinant(monkeypatch):
    monkeypatch.setattr(dpp, "LARGEST_ROUND", 2)
    choice = choice_of([[1, 0], [1, 0], [0, 1], [0, 1]], scores=[1.0, 0.9, 0.5, 0.4], wanted=4)
    assert taken(k_dpp, choice) == [0, 2, 1, 3]


@pytest.mark.parametrize("score", [0.0, 0.5])
def test_equal_scores_leave_it_to_similarity(score):
    choice = choice_of([[1, 0], [0.9, 0.1], [0, 1]], scores=[score] * 3)
    assert taken(k_dpp, choice, 2) == [0, 2]
