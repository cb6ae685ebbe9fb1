from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sampling_choices import choice_of, random_choice, shuffled, taken

from airflow_cv_dataops.core.sampling.strategies.built_in import STRATEGIES

ALL = pytest.mark.parametrize("name", STRATEGIES)
SPATIAL = [name for name, strategy in STRATEGIES.items() if "embeddings" in strategy.needs]


def test_each_stands_under_its_name_and_says_what_it_takes():
    assert list(STRATEGIES) == [
        *("top", "random", "diverse_top", "k_center", "badge"),
        *("typiclust", "max_herding", "uncertainty_herding", "k_dpp"),
    ]
    assert all(strategy.name == name and strategy.meaning for name, strategy in STRATEGIES.items())


@ALL
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_only_open_rows_come_none_twice_whatever_is_closed_and_opened_again(name, data):
    count = data.draw(st.integers(1, 25))
    seed = data.draw(st.integers(0, 3))
    choice = random_choice(count, dimensions=data.draw(st.sampled_from([1, 3])), covered=data.draw(st.integers(0, 3)), seed=seed)
    choice.embeddings[data.draw(st.lists(st.integers(0, count - 1)))] = data.draw(st.sampled_from([0.0, 1.0]))
    groups = np.random.default_rng(seed).integers(0, 3, count)
    closed_for_a_while: set[int] = set(data.draw(st.sets(st.integers(0, 2))))
    never_again: set[int] = set()

    def set_open():
        choice.open[:] = ~np.isin(groups, list(closed_for_a_while))
        choice.open[list(never_again)] = False

    set_open()
    rows = []
    for row in STRATEGIES[name](choice):
        assert choice.open[row]
        rows.append(row)
        never_again |= {row, *data.draw(st.sets(st.integers(0, count - 1), max_size=2))}
        closed_for_a_while = set(data.draw(st.sets(st.integers(0, 2), max_size=2)))
        set_open()
    assert not choice.open.any()
    assert len(set(rows)) == len(rows)


@ALL
@pytest.mark.parametrize("covered", [0, 7])
def test_the_order_of_the_rows_changes_nothing(name, covered):
    choice = random_choice(300, dimensions=5, covered=covered, wanted=20)
    choice.embeddings[::7] = choice.embeddings[0]
    choice.scores[::5] = 0.5
    choice.probabilities[::7] = choice.probabilities[0]
    order = np.random.default_rng(3).permutation(300)
    expected = choice.ties[taken(STRATEGIES[name], shuffled(choice, np.arange(300)), 120)]
    assert shuffled(choice, order).ties[taken(STRATEGIES[name], shuffled(choice, order), 120)].tolist() == expected.tolist()


@ALL
def test_the_order_of_the_rows_changes_nothing_where_they_are_looked_at_in_blocks_and_samples(name):
    choice = random_choice(2_600, dimensions=9, covered=40, wanted=100)
    choice.embeddings[::50] = choice.embeddings[0]
    order = np.random.default_rng(3).permutation(2_600)
    expected = choice.ties[taken(STRATEGIES[name], shuffled(choice, np.arange(2_600)), 40)]
    assert shuffled(choice, order).ties[taken(STRATEGIES[name], shuffled(choice, order), 40)].tolist() == expected.tolist()


@ALL
def test_none_covered_is_as_good_as_an_empty_table(name):
    first, second = random_choice(40, wanted=4), replace(random_choice(40, wanted=4), covered=None)
    assert taken(STRATEGIES[name], first, 10) == taken(STRATEGIES[name], second, 10)


@ALL
def test_equal_images_come_by_their_ties(name):
    choice = choice_of(np.ones((6, 3)), scores=np.full(6, 0.5), ties=[5, 3, 0, 4, 1, 2], wanted=3)
    rows = taken(STRATEGIES[name], choice)
    assert sorted(rows) == list(range(6))
    if name != "random":
        assert rows == [2, 4, 5, 1, 3, 0]


@ALL
@pytest.mark.parametrize("value", [0.0, 1.0, 1e30, 1e-30])
@pytest.mark.parametrize("covered", [0, 2])
def test_vectors_of_zeros_and_of_any_size_can_be_taken(name, value, covered):
    embeddings = np.array([[value, 0], [0, value], [-value, 0], [0, 0], [0, 0]])
    choice = choice_of(embeddings, scores=[0.1, 0.2, 0.3, 0, 0], covered=embeddings[:covered], wanted=9)
    with np.errstate(all="raise", under="ignore"):
        assert sorted(taken(STRATEGIES[name], choice)) == [0, 1, 2, 3, 4]


@ALL
def test_one_image_is_taken_and_of_none_that_is_open_none(name):
    choice = random_choice(1, dimensions=1)
    assert taken(STRATEGIES[name], choice) == [0]
    assert taken(STRATEGIES[name], choice) == []


@ALL
def test_equal_seeds_give_equal_batches(name):
    first, second = (taken(STRATEGIES[name], random_choice(60, wanted=10, seed=4), 30) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("name", ["random", "badge"])
def test_another_seed_draws_another_batch(name):
    first, second = (taken(STRATEGIES[name], replace(random_choice(60, wanted=10), seed=seed), 10) for seed in (1, 2))
    assert first != second


@pytest.mark.parametrize("name", sorted(set(SPATIAL) - {"badge"}))
def test_of_three_clumps_each_gives_one_before_any_gives_two(name):
    clumps = np.repeat(np.eye(3), 10, axis=0) + np.random.default_rng(0).normal(scale=0.01, size=(30, 3))
    rows = taken(STRATEGIES[name], choice_of(clumps, scores=np.full(30, 0.5), wanted=3), 3)
    assert sorted(row // 10 for row in rows) == [0, 1, 2]


@pytest.mark.parametrize("name", sorted(set(SPATIAL) - {"badge", "k_dpp"}))
def test_what_is_covered_is_not_taken_first(name):
    clumps = np.repeat(np.eye(3), 10, axis=0) + np.random.default_rng(0).normal(scale=0.01, size=(30, 3))
    choice = choice_of(clumps, scores=np.full(30, 0.5), covered=np.eye(3)[:2], wanted=3)
    assert [row // 10 for row in taken(STRATEGIES[name], choice, 1)] == [2]
