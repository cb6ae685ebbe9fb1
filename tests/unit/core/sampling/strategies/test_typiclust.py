from __future__ import annotations

import numpy as np
from sampling_choices import choice_of, taken

from airflow_cv_dataops.core.sampling.strategies import typiclust as module
from airflow_cv_dataops.core.sampling.strategies.k_means import k_means, nearest
from airflow_cv_dataops.core.sampling.strategies.typiclust import typiclust


def clumps(*sizes: int, spread: float = 0.02) -> tuple[np.ndarray, np.ndarray]:
    """Rows around axes, and the axis of each."""
    of = np.repeat(np.arange(len(sizes)), sizes)
    return np.eye(len(sizes))[of] + np.random.default_rng(0).normal(scale=spread, size=(len(of), len(sizes))), of


def test_the_largest_cluster_comes_first_and_each_once_before_any_comes_twice():
    embeddings, of = clumps(10, 30, 20)
    assert of[taken(typiclust, choice_of(embeddings, wanted=3), 3)].tolist() == [1, 2, 0]


def test_clusters_of_which_something_is_covered_come_later():
    embeddings, of = clumps(10, 30, 20)
    rows = taken(typiclust, choice_of(embeddings, covered=np.eye(3)[[1]], wanted=2), 3)
    assert of[rows].tolist() == [2, 0, 1]


def test_clusters_of_fewer_than_five_come_last():
    embeddings, of = clumps(3, 9, 8)
    rows = taken(typiclust, choice_of(embeddings, wanted=3))
    assert of[rows[:17]].tolist().count(0) == 0
    assert of[rows[17:]].tolist() == [0, 0, 0]


def test_the_most_typical_row_has_the_nearest_neighbours():
    embeddings = np.random.default_rng(2).normal(size=(60, 5)) + 3
    units = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    distances = np.sort(np.linalg.norm(units[:, None] - units, axis=2), axis=1)[:, 1:21].mean(axis=1)
    assert taken(typiclust, choice_of(embeddings, wanted=1), 5) == np.argsort(distances)[:5].tolist()


def test_a_closed_row_stands_for_its_cluster_no_longer():
    embeddings, of = clumps(10, 30)
    choice = choice_of(embeddings, wanted=2)
    choice.open[of == 1] = False
    assert of[taken(typiclust, choice, 2)].tolist() == [0, 0]


def test_large_clusters_are_compared_with_a_sample_of_them(monkeypatch):
    monkeypatch.setattr(module, "MOST_COMPARED", 50)
    rng = np.random.default_rng(0)
    embeddings = rng.normal(scale=np.repeat([[1.0], [0.05]], 300, axis=0), size=(600, 2)) + np.array([10, 0])
    rows = taken(typiclust, choice_of(embeddings, wanted=1), 10)
    angles = np.abs(embeddings[rows, 1])
    assert angles.max() < 0.5


def test_k_means_finds_clumps_and_gives_fewer_centers_where_points_are_fewer():
    embeddings, of = clumps(50, 40, 30)
    centers = k_means(embeddings.astype(np.float32), 3, np.random.default_rng(0))
    found = nearest(embeddings.astype(np.float32), centers)
    assert len({*zip(found.tolist(), of.tolist(), strict=True)}) == 3
    assert np.allclose(centers[found[[0, 50, 90]]], [embeddings[of == axis].mean(axis=0) for axis in range(3)], atol=1e-5)
    assert len(k_means(np.ones((9, 2), dtype=np.float32), 4, np.random.default_rng(0))) == 1
