from __future__ import annotations

import numpy as np
from sampling_choices import choice_of, random_choice, shuffled, taken

from airflow_cv_dataops.core.sampling.strategies.built_in import STRATEGIES
from airflow_cv_dataops.core.sampling.strategies.keys import exponentials, order_by_content, random_keys

top, random = STRATEGIES["top"], STRATEGIES["random"]


def test_the_highest_score_comes_first_and_of_equal_ones_the_smallest_tie():
    choice = choice_of(np.zeros(4), scores=[0.2, 0.9, 0.9, 0.5], ties=[0, 7, 3, 1])
    assert taken(top, choice) == [2, 1, 3, 0]


def test_a_better_row_that_is_opened_again_comes_next():
    choice = choice_of(np.zeros(4), scores=[0.9, 0.8, 0.7, 0.6])
    choice.open[0] = False
    rows = top(choice)
    assert next(rows) == 1
    choice.open[:] = [True, False, True, True]
    assert next(rows) == 0


def test_scores_and_embeddings_are_nothing_to_chance():
    first, second = random_choice(50), random_choice(50)
    second.scores[:] = 0
    second.embeddings[:] = 0
    assert taken(random, first) == taken(random, second)


def test_each_image_is_as_likely_to_come_first():
    counts = np.zeros(5)
    for seed in range(2_000):
        counts[taken(random, choice_of(np.zeros(5), seed=seed), 1)[0]] += 1
    assert abs(counts - 400).max() < 4 * (2_000 * 0.2 * 0.8) ** 0.5


def test_the_chances_of_an_image_do_not_depend_on_where_it_stands():
    choice, order = random_choice(30), np.arange(30)[::-1]
    expected = choice.ties[taken(random, shuffled(choice, np.arange(30)))]
    assert shuffled(choice, order).ties[taken(random, shuffled(choice, order))].tolist() == expected.tolist()


def test_exponentials_have_their_mean_and_are_above_0():
    drawn = exponentials(random_keys(np.arange(100_000, dtype=np.uint64), 1))
    assert drawn.min() > 0
    assert abs(drawn.mean() - 1) < 0.02
    assert abs((drawn > 2).mean() - np.exp(-2)) < 0.005


def test_vectors_are_ordered_by_what_is_in_them():
    vectors = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    order = np.random.default_rng(1).permutation(40)
    assert np.array_equal(vectors[order_by_content(vectors, 5)], vectors[order][order_by_content(vectors[order], 5)])
    assert order_by_content(vectors, 5).tolist() != order_by_content(vectors, 6).tolist()
