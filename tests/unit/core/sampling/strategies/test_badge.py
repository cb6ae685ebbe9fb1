from __future__ import annotations

import numpy as np
import pytest
from sampling_choices import choice_of, random_choice, taken

from airflow_cv_dataops.core.sampling.strategies.badge import GradientSpace, badge
from airflow_cv_dataops.core.sampling.strategies.nearest_center import NearestCenter


def gradients(embeddings: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """All K * D numbers of each gradient embedding."""
    errors = probabilities.astype(float)
    errors[np.arange(len(errors)), errors.argmax(axis=1)] -= 1
    return (errors[:, :, np.newaxis] * embeddings.astype(float)[:, np.newaxis, :]).reshape(len(errors), -1)


def test_distances_are_those_of_the_gradient_embeddings_themselves():
    choice = random_choice(200, dimensions=7)
    space = GradientSpace(choice.embeddings, choice.probabilities)
    nearest, whole = NearestCenter(space), gradients(choice.embeddings, choice.probabilities)
    for count, row in enumerate([3, 50, 199, 7], start=1):
        space.add(row)
        expected = ((whole[:, np.newaxis] - whole[[3, 50, 199, 7][:count]]) ** 2).sum(axis=2).min(axis=1)
        scale = space.squared_lengths(np.array([0]))[0] / (whole[0] ** 2).sum()
        assert nearest.distances(np.arange(200)) == pytest.approx(expected * scale, rel=1e-9, abs=1e-9)


def test_the_longest_gradient_embedding_comes_first():
    choice = random_choice(100)
    lengths = (gradients(choice.embeddings, choice.probabilities) ** 2).sum(axis=1)
    assert taken(badge, choice, 1) == [int(lengths.argmax())]


def test_images_of_which_the_model_is_certain_teach_it_the_same_so_all_but_one_come_last():
    probabilities = [[1.0, 0.0], [0.5, 0.5], [1.0, 0.0], [0.6, 0.4]]
    assert taken(badge, choice_of([[1, 0], [0, 1], [5, 5], [1, 1]], probabilities=probabilities))[3] in (0, 2)


def test_rows_are_drawn_in_proportion_to_their_squared_distance():
    embeddings = np.array([[5, 0], [4, 1], [3, 1], [3, 2]], dtype=np.float32)
    probabilities = np.array([[0.5, 0.5]] * 4)
    choice = choice_of(embeddings, probabilities=probabilities)
    whole = gradients(choice.embeddings, choice.probabilities)
    expected = ((whole - whole[0]) ** 2).sum(axis=1)
    counts = np.zeros(4)
    for seed in range(500):
        rows = taken(badge, choice_of(embeddings, probabilities=probabilities, seed=seed), 2)
        assert rows[0] == 0
        counts[rows[1]] += 1
    # Within four standard errors of what is expected; seeds are fixed, so that this passes always or never.
    share = expected / expected.sum()
    assert (np.abs(counts / 500 - share) <= 4 * np.sqrt(share * (1 - share) / 500)).all()
