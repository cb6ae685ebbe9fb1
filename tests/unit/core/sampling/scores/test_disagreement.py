"""How far models, or annotators, disagree on the category of an image."""

from __future__ import annotations

import logging
import math

import numpy as np
import pytest
from unit.core.sampling.pools import InBatches, Listed, classified, images

from airflow_cv_dataops.core.sampling.pool import Pool
from airflow_cv_dataops.core.sampling.scores import members
from airflow_cv_dataops.core.sampling.scores.disagreement import annotator_vote_entropy, bald, consensus_kl, vote_entropy

NAN = math.nan


def near(values):
    return pytest.approx(values, nan_ok=True, abs=1e-7)


def pool_of_models(names, **models):
    return Pool(images(names), {model: Listed("predictions", rows) for model, rows in models.items()}, next(iter(models), None))


CAT, DOG, EVEN = {"cat": 1.0, "dog": 0.0}, {"cat": 0.0, "dog": 1.0}, {"cat": 0.5, "dog": 0.5}


def test_opposite_models_disagree_entirely_and_doubtful_ones_not_at_all():
    one = [classified("a", CAT), classified("b", EVEN), classified("c", CAT), classified("d", CAT)]
    other = [classified("a", DOG), classified("b", EVEN), classified("c", CAT)]
    pool = pool_of_models("abcd", one=one, other=other)
    assert bald(pool).tolist() == near([1, 0, 0, NAN])
    assert consensus_kl(pool).tolist() == near([1, 0, 0, NAN])
    assert vote_entropy(pool).tolist() == near([1, 0, 0, NAN])
    assert bald.in_words(pool, 0, 1.0) == "the models disagree: one says cat (100%), other says dog (100%)"
    assert vote_entropy.in_words(pool, 0, 1.0) == "the models disagree: 1 says 'cat', 1 says 'dog'"


def test_the_divergence_from_the_mean_and_the_mutual_information_follow_their_formulas_and_are_one():
    first, second, third = np.array([0.75, 0.25, 0]), np.array([0.25, 0.25, 0.5]), np.array([0.25, 0.5, 0.25])
    names = ("x", "y", "z")
    rows = [[classified("a", dict(zip(names, p.tolist(), strict=True)))] for p in (first, second, third)]
    pool = pool_of_models("a", one=rows[0], two=rows[1], three=rows[2])
    mean = (first + second + third) / 3

    def divergence(p):
        return sum(x * math.log(x / m) for x, m in zip(p, mean, strict=True) if x > 0)

    def entropy(p):
        return -sum(x * math.log(x) for x in p if x > 0)

    assert consensus_kl(pool)[0] == near(np.mean([divergence(p) for p in (first, second, third)]) / math.log(3))
    assert bald(pool)[0] == near((entropy(mean) - np.mean([entropy(p) for p in (first, second, third)])) / math.log(3))


def test_two_against_one_is_the_entropy_of_two_thirds():
    rows = {"one": CAT, "two": CAT, "three": {"cat": 0.1, "dog": 0.2, "cow": 0.7}}
    pool = pool_of_models("a", **{name: [classified("a", p)] for name, p in rows.items()})
    expected = -(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3)) / math.log(3)
    assert vote_entropy(pool).tolist() == near([expected])
    assert vote_entropy.in_words(pool, 0, expected) == "the models disagree: 2 say 'cat', 1 says 'cow'"
    told = "one says cat (100%), three says cow (70%), two says cat (100%)"
    assert consensus_kl.in_words(pool, 0, 0.5) == f"the models disagree: {told}"


def test_classes_are_told_apart_by_name_and_not_by_place():
    pool = pool_of_models("a", one=[classified("a", {"cat": 0.8, "dog": 0.2})], two=[classified("a", {"dog": 0.2, "cat": 0.8})])
    assert bald(pool).tolist() == near([0])


def test_models_that_say_the_same_are_told_by_how_surely():
    pool = pool_of_models("a", one=[classified("a", {"cat": 0.923, "dog": 0.077})], two=[classified("a", {"cat": 0.55, "dog": 0.45})])
    assert bald.in_words(pool, 0, 0.1) == "the models all say cat: one with 92%, two with 55%"
    assert vote_entropy.in_words(pool, 0, 0.0) == "the models agree: 2 say 'cat'"


def test_a_class_that_a_model_does_not_know_has_probability_0_from_it():
    pool = pool_of_models("a", one=[classified("a", {"cow": 1.0, "cat": 0.0})], two=[classified("a", {"cat": 1.0, "dog": 0.0})])
    assert bald(pool).tolist() == near([math.log(2) / math.log(3)])


def test_probabilities_that_are_no_distribution_are_no_opinion():
    pool = pool_of_models("a", one=[classified("a", CAT)], two=[classified("a", {"cat": -1.0, "dog": 2.0})])
    assert bald(pool).tolist() == near([NAN])


def test_two_distributions_of_one_model_are_not_told_apart(caplog):
    twice = [classified("a", CAT), classified("a", DOG), classified("b", CAT)]
    with caplog.at_level(logging.WARNING):
        assert bald(pool_of_models("ab", one=twice, two=[classified("a", CAT), classified("b", DOG)])).tolist() == near([NAN, 1])
    assert "1 images have several distributions" in caplog.text


@pytest.mark.parametrize("size", [1, 100])
def test_a_distribution_that_is_there_twice_counts_once(size):
    one, other = [classified("a", CAT), classified("b", CAT), classified("a", CAT)], [classified("a", DOG), classified("b", CAT)]
    pool = Pool(images("ab"), {"one": InBatches("predictions", one, size), "other": Listed("predictions", other)})
    assert bald(pool).tolist() == near([1, 0])


def test_without_class_probabilities_votes_count_and_nothing_else():
    rows = [classified("a", category="cat", score=0.9)], [classified("a", category="dog", score=0.9)]
    pool = pool_of_models("a", one=rows[0], two=rows[1])
    assert vote_entropy(pool).tolist() == near([1])
    assert bald(pool).tolist() == near([NAN])


def test_nothing_is_said_of_a_pool_without_models():
    for score in (vote_entropy, consensus_kl, bald, annotator_vote_entropy):
        assert score(Pool(images("ab"))).tolist() == near([NAN, NAN])


@pytest.mark.parametrize("size", [1, 4, 100])
def test_neither_batches_nor_orders_nor_blocks_of_images_matter(size, monkeypatch):
    random = np.random.default_rng(1)
    rows = {
        model: [
            classified(name, dict(zip(classes, p.tolist(), strict=True)))
            for name, p in zip("abcdefg", random.dirichlet([1, 1, 1], 7), strict=True)
        ]
        for model, classes in (("one", "xyz"), ("two", "zyx"), ("three", "xyw"))
    }
    pool = pool_of_models("abcdefg", **rows)
    expected = bald(pool), vote_entropy(pool)
    monkeypatch.setattr(members, "_MOST_VALUES", size * 4)
    shuffled = {model: InBatches("predictions", rows[model][::-1], size) for model in reversed(rows)}
    found = Pool(images("gfedcba"), shuffled, "one")
    assert bald(found)[::-1].tolist() == expected[0].tolist()
    assert vote_entropy(found)[::-1].tolist() == expected[1].tolist()


def label(image, category, annotator, task="classification"):
    return {"image_id": image, "category": category, "annotator": annotator, "task": task}


def test_annotators_disagree_by_image_and_those_without_a_name_do_not_count():
    labels = [
        *(label("a", "cat", "ann"), label("a", "dog", "bob")),
        *(label("b", "cat", "ann"), label("b", "cat", "bob"), label("b", "cat", "bob")),
        *(label("c", "cat", "ann"), label("c", "dog", None)),
        *(label("d", "cat", "ann"), label("d", "dog", "bob", "detection")),
    ]
    pool = Pool(images("abcd"), annotations=Listed("annotations", labels))
    assert annotator_vote_entropy(pool).tolist() == near([1, 0, NAN, NAN])
    assert annotator_vote_entropy.in_words(pool, 0, 1.0) == "the annotators disagree: 1 says 'cat', 1 says 'dog'"
    assert annotator_vote_entropy.in_words(pool, 1, 0.0) == "the annotators agree: 2 say 'cat'"


def test_an_annotator_with_two_categories_has_one_vote():
    labels = [label("a", "cat", "ann"), label("a", "dog", "ann"), label("a", "cat", "bob")]
    pool = Pool(images("a"), annotations=Listed("annotations", labels))
    expected = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25)) / math.log(2)
    assert annotator_vote_entropy(pool).tolist() == near([expected])
