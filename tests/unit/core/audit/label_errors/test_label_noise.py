from __future__ import annotations

import numpy as np
import pytest
from noisy_labels import flipped, hard_ones_wrong, made_up, out_of_sample

from airflow_cv_dataops.core.audit.label_errors.batches import LabelBatch, batches_of
from airflow_cv_dataops.core.audit.label_errors.confident_learning import examine
from airflow_cv_dataops.core.audit.label_errors.filters import FILTERS
from airflow_cv_dataops.core.audit.label_errors.noise import estimate_noise
from airflow_cv_dataops.core.audit.label_errors.suspicion import suspects
from airflow_cv_dataops.core.audit.label_errors.temperature import fit_temperature, tempered

MODES = ("precision", "balanced", "recall")


def quality(found, is_wrong):
    """Return precision, recall and F1."""
    hits = (found & is_wrong).sum()
    return np.array([hits / max(found.sum(), 1), hits / is_wrong.sum(), 2 * hits / max(found.sum() + is_wrong.sum(), 1)])


def judged(probabilities, given):
    evidence = examine(batches_of(probabilities, given), probabilities.shape[1])
    return evidence, estimate_noise(evidence)


def by_mode(probabilities, given):
    evidence, noise = judged(probabilities, given)
    return {mode: suspects(evidence, noise, mode, lambda: None) for mode in MODES}


@pytest.fixture(scope="module")
def digits():
    datasets = pytest.importorskip("sklearn.datasets")
    return datasets.load_digits(return_X_y=True)


@pytest.fixture(scope="module")
def noisy_digits(digits):
    """Eight noisy versions of scikit-learn's digits with out-of-sample probabilities: labels changed to any other class."""
    features, true = digits
    versions = []
    for seed in range(2):
        for rate in (0.02, 0.05, 0.1, 0.2):
            given = flipped(true, rate, seed=[seed, int(rate * 100)])
            versions.append((out_of_sample(features, given, seed=seed), given, given != true))
    return versions


@pytest.fixture(scope="module")
def hard_digits(digits):
    """The same of labels that are wrong where pictures are hard, for a model that sees them at a quarter of their size."""
    features, true = digits
    small = features.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(len(features), -1)
    opinion = out_of_sample(small, true, seed=9)
    versions = []
    for seed in range(2):
        for rate in (0.02, 0.05, 0.1, 0.2):
            given = hard_ones_wrong(true, opinion, rate, seed=seed)
            versions.append((out_of_sample(features, given, seed=seed), given, given != true))
    return versions


@pytest.mark.parametrize(("versions", "least"), [("noisy_digits", 0.86), ("hard_digits", 0.78)])
def test_balanced_beats_every_filter_of_cleanlab_whatever_the_kind_of_noise(versions, least, request):
    versions = request.getfixturevalue(versions)
    filters = pytest.importorskip("cleanlab.filter")
    ours = np.mean([quality(by_mode(probabilities, given)["balanced"], wrong) for probabilities, given, wrong in versions], axis=0)
    for name in FILTERS:
        theirs = np.mean(
            [
                quality(filters.find_label_issues(given, probabilities, filter_by=name, n_jobs=1), wrong)
                for probabilities, given, wrong in versions
            ],
            axis=0,
        )
        assert ours[2] > theirs[2], f"F1 of {name}"
    assert ours[2] > least


def test_modes_lean_as_they_are_called_and_each_holds_the_next(noisy_digits):
    means = {mode: np.zeros(3) for mode in MODES}
    for probabilities, given, wrong in noisy_digits:
        found = by_mode(probabilities, given)
        assert not (found["precision"] & ~found["balanced"]).any()
        assert not (found["balanced"] & ~found["recall"]).any()
        for mode in MODES:
            means[mode] += quality(found[mode], wrong) / len(noisy_digits)
    assert means["precision"][0] > means["balanced"][0] > means["recall"][0]
    assert means["precision"][1] < means["balanced"][1] < means["recall"][1]


@pytest.mark.parametrize("versions", ["noisy_digits", "hard_digits"])
def test_the_estimated_error_rate_is_near_the_true_one_whatever_the_kind_of_noise(versions, request):
    for probabilities, given, wrong in request.getfixturevalue(versions):
        _, noise = judged(probabilities, given)
        assert noise.error_probability.mean() == pytest.approx(wrong.mean(), abs=0.04)


def test_what_a_sure_model_contradicts_tells_whether_errors_follow_pictures():
    random = np.random.default_rng(7)
    true, _, probabilities = made_up(20_000, 6, seed=7, sureness=5.0)
    is_wrong = random.random(20_000) < 0.15
    at_random = np.where(is_wrong, (true + random.integers(1, 6, 20_000)) % 6, true)
    alike = np.where(is_wrong, np.argsort(probabilities, axis=1)[:, -2], true)
    next_class = np.where(is_wrong, (true + 1) % 6, true)
    weights = [judged(probabilities, given)[1].weight for given in (at_random, next_class, alike)]
    assert weights == [0.4, 0.4, 0.8]


def test_classes_that_resemble_each_other_are_no_evidence_that_errors_follow_pictures():
    """Every picture of a class is as every other one: there is nothing in it to follow, though labels go to the class that is alike."""
    random = np.random.default_rng(3)
    true = random.integers(0, 50, 4_000)
    probabilities = np.full((4_000, 50), 0.01 / 48)
    probabilities[np.arange(4_000), true], probabilities[np.arange(4_000), true ^ 1] = 0.95, 0.04
    given = np.where(random.random(4_000) < 0.1, true ^ 1, true)
    assert judged(probabilities, given)[1].weight == 0.4


def test_two_classes_or_hardly_a_contradicted_label_tell_nothing_of_how_people_err():
    _, given, probabilities = made_up(500, 2, seed=1)
    assert judged(probabilities, given)[1].weight == 0.4
    _, _, probabilities = made_up(50, 4, seed=1, sureness=6.0)
    assert judged(probabilities, probabilities.argmax(axis=1))[1].weight == 0.4


def test_labels_given_as_the_next_class_are_found_too(digits):
    features, true = digits
    given = flipped(true, 0.1, seed=5, pairwise=True)
    probabilities = out_of_sample(features, given, seed=5)
    evidence, noise = judged(probabilities, given)
    assert quality(suspects(evidence, noise, "balanced", lambda: None), given != true)[2] > 0.8
    # One in ten labels of each true class is given as the next one.
    following = noise.by_class.transition[(np.arange(10) + 1) % 10, np.arange(10)]
    assert following.mean() == pytest.approx(0.1, abs=0.03)


def test_a_noise_transition_is_a_distribution_over_given_classes():
    _, given, probabilities = made_up(300, 5, seed=3)
    _, noise = judged(probabilities, given)
    assert noise.by_class.transition.sum(axis=0) == pytest.approx(np.ones(5))
    assert ((noise.error_probability >= 0) & (noise.error_probability <= 1)).all()


def test_suspects_are_labels_with_which_the_model_disagrees():
    _, given, probabilities = made_up(400, 3, seed=4, sureness=1.0)
    evidence, _ = judged(probabilities, given)
    for mode, found in by_mode(probabilities, given).items():
        assert not (found & ~evidence.disagrees).any(), mode


def test_no_label_is_suspect_where_the_model_agrees_with_all():
    probabilities = np.array([[0.9, 0.1]] * 50 + [[0.2, 0.8]] * 50)
    found = by_mode(probabilities, np.array([0] * 50 + [1] * 50))
    assert not any(mask.any() for mask in found.values())


def test_a_class_of_two_labels_does_not_hide_a_wrong_one():
    probabilities = np.array([[0.95, 0.03, 0.02]] * 40 + [[0.03, 0.95, 0.02]] * 40 + [[0.02, 0.02, 0.96], [0.97, 0.02, 0.01]])
    given = np.array([0] * 40 + [1] * 40 + [2, 2])
    assert np.flatnonzero(by_mode(probabilities, given)["balanced"]).tolist() == [81]


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_a_temperature_is_found_again(temperature):
    random = np.random.default_rng(1)
    calibrated = random.dirichlet(np.full(5, 0.4), 20_000)
    given = (random.random(20_000)[:, None] > calibrated.cumsum(axis=1)).sum(axis=1).clip(max=4)
    odds = np.maximum(calibrated, 1e-12) ** temperature
    distorted = odds / odds.sum(axis=1, keepdims=True)
    sample = LabelBatch(np.arange(20_000), given, distorted)
    assert fit_temperature(sample) == pytest.approx(temperature, rel=0.06)
    assert np.abs(tempered(distorted, temperature) - calibrated).mean() < 0.01


def test_a_temperature_keeps_the_order_of_classes_and_one_leaves_them_as_they_are():
    _, _, probabilities = made_up(50, 6, seed=2)
    assert np.array_equal(tempered(probabilities, 5.0).argsort(axis=1), probabilities.argsort(axis=1))
    assert np.abs(tempered(probabilities, 1.0) - probabilities).max() < 1e-6
    assert tempered(probabilities, 0.1).sum(axis=1) == pytest.approx(np.ones(50))
