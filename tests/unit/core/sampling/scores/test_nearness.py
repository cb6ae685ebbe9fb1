"""How new an image is, and how like named ones."""

from __future__ import annotations

import logging
import math

import numpy as np
import pytest
from unit.core.sampling.pools import images

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.sampling.pool import Known, Pool
from airflow_cv_dataops.core.sampling.scores import nearness
from airflow_cv_dataops.core.sampling.scores.nearness import novelty, similarity

NAN = math.nan
EMBEDDINGS = np.array([[2, 0], [0, 3], [-1, 0], [1, 1], [NAN, NAN], [0, 0]], dtype=np.float32)


def near(values):
    return pytest.approx(values, nan_ok=True, abs=1e-7)


def pool_of(embeddings=EMBEDDINGS, **arguments):
    return Pool(images([str(number) for number in range(6)]), embeddings=embeddings, **arguments)


def labelled(*vectors):
    return Known(embeddings=np.array(vectors, dtype=np.float32))


def test_novelty_is_the_distance_to_the_nearest_labelled_image():
    pool = pool_of(known=labelled([5, 0]))
    assert novelty(pool).tolist() == near([0, 0.5, 1, (1 - 0.5**0.5) / 2, NAN, NAN])
    assert novelty.in_words(pool, 1, 0.5) == "farther from what is labelled than 50% of the pool (distance 0.50 of 1)"
    assert novelty.in_words(pool, 0, 0.0) == "nearer to what is labelled than 75% of the pool (distance 0.00 of 1)"
    assert novelty(pool_of(known=labelled([5, 0], [0, 1], [NAN, 1], [0, 0]))).tolist() == near([0, 0, 0.5, (1 - 0.5**0.5) / 2, NAN, NAN])


@pytest.mark.parametrize("known", [Known(), Known(embeddings=np.empty((0, 2), np.float32)), labelled([NAN, NAN])])
def test_where_nothing_is_labelled_all_images_are_equally_new(known, caplog):
    with caplog.at_level(logging.WARNING):
        assert novelty(pool_of(known=known)).tolist() == near([1, 1, 1, 1, NAN, NAN])
    assert "equally new" in caplog.text
    assert novelty.in_words(pool_of(known=known), 0, 1.0) == "nothing is labelled yet, so that all images are equally new"


def test_similarity_is_the_cosine_to_the_nearest_named_image():
    pool = pool_of(similar_to=np.array([[1, 0], [-1, 0]], dtype=np.float32))
    assert similarity(pool).tolist() == near([1, 0.5, 1, (1 + 0.5**0.5) / 2, NAN, NAN])
    assert similarity.in_words(pool, 1, 0.5) == "farther from the images that were named than 75% of the pool (distance 0.50 of 1)"
    assert similarity.in_words(pool, 0, 1.0) == "nearer to the images that were named than 50% of the pool (distance 0.00 of 1)"


def test_what_is_as_far_as_all_others_is_no_farther():
    pool = Pool(images("a"), embeddings=EMBEDDINGS[1:2], known=labelled([1, 0]))
    assert novelty.in_words(pool, 0, 0.5) == "as far from what is labelled as all of the pool (distance 0.50 of 1)"


def test_without_embeddings_nothing_can_be_told():
    for pool in (pool_of(None, known=labelled([1, 0])), pool_of(None)):
        assert novelty(pool).tolist() == near([NAN] * 6)
    assert similarity(pool_of()).tolist() == near([NAN] * 6)
    assert similarity(pool_of(similar_to=np.empty((0, 2), np.float32))).tolist() == near([NAN] * 6)


def test_embeddings_of_another_model_are_refused():
    with pytest.raises(ConfigurationError, match="of 2 numbers, those they are compared with of 3: both must come from the same model"):
        novelty(pool_of(known=labelled([1, 0, 0])))


def test_blocks_and_the_order_of_rows_do_not_matter(monkeypatch):
    random = np.random.default_rng(6)
    own, known = random.normal(size=(200, 33)).astype(np.float32), random.normal(size=(150, 33)).astype(np.float32)
    names = [f"{number:03}" for number in range(200)]
    expected = novelty(Pool(images(names), embeddings=own, known=Known(embeddings=known)))
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (own.astype(float), known.astype(float))]
    np.testing.assert_allclose(expected, (1 - (unit[0] @ unit[1].T).max(axis=1)) / 2, atol=1e-9)
    monkeypatch.setattr(nearness, "_POOL_ROWS", 7)
    monkeypatch.setattr(nearness, "_OTHER_ROWS", 11)
    found = novelty(Pool(images(names[::-1]), embeddings=own[::-1], known=Known(embeddings=known[::-1])))
    assert found[::-1].tolist() == expected.tolist()


def test_many_labelled_images_that_are_all_but_the_same_do_not_change_the_last_digits():
    random = np.random.default_rng(7)
    own = random.normal(size=(40, 16)).astype(np.float32)
    known = (own[0] + 1e-7 * random.normal(size=(300, 16))).astype(np.float32)
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (own.astype(float), known.astype(float))]
    for others in (known, known[:3]):
        found = novelty(Pool(images([str(number) for number in range(40)]), embeddings=own, known=Known(embeddings=others)))
        of = (1 - (unit[0] @ unit[1][: len(others)].T).max(axis=1)) / 2
        np.testing.assert_allclose(found, of, atol=1e-9)
        assert found[0] < 1e-9
