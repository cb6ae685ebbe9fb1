from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given as given_by
from hypothesis import settings
from hypothesis import strategies as st
from noisy_labels import made_up
from property_tests import examples

from airflow_cv_dataops.core.audit.label_errors.batches import LabelBatch, batches_of, sample_of
from airflow_cv_dataops.core.audit.label_errors.confident_learning import examine
from airflow_cv_dataops.core.audit.label_errors.filters import FILTERS
from airflow_cv_dataops.core.audit.label_errors.noise import estimate_noise
from airflow_cv_dataops.core.audit.label_errors.scores import SCORES

ARRAYS = ("rows", "given", "confidence", "other", "other_confidence", "confident", "thresholds", "joint", "calibrated_joint")


@pytest.fixture(scope="module")
def mnist(shared_data):
    folder = shared_data("labelnoise_mnist")
    candidates = json.loads((folder / "mnist_mturk.json").read_text())
    wrong = [item["id"] for item in candidates if item["mturk"]["given"] < 3]
    given = np.load(folder / "mnist_test_set_original_labels.npy").astype(np.int64)
    return np.load(folder / "mnist_test_set_pyx.npy"), given, np.array(wrong)


def test_the_joint_counts_labels_that_reach_a_threshold():
    probabilities = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.4, 0.6], [0.05, 0.95]])
    evidence = examine(batches_of(probabilities, np.array([0, 0, 1, 1, 0])), 2)
    # Means of 0.9, 0.7, 0.05 and of 0.8, 0.6.
    assert evidence.thresholds == pytest.approx([0.55, 0.7])
    assert evidence.confident.tolist() == [0, 0, 1, -1, 1]
    assert evidence.joint.tolist() == [[2, 1], [0, 1]]
    assert evidence.calibrated_joint.tolist() == [[2, 1], [0, 2]]
    assert evidence.noise_rates == pytest.approx([1 / 3, 0])
    assert evidence.disagrees.tolist() == [False, False, False, False, True]
    for name, chosen in FILTERS.items():
        assert chosen(evidence, batches_of(probabilities, evidence.given)).tolist() == [False, False, False, False, True], name


def test_a_label_that_reaches_several_thresholds_counts_to_the_most_probable_class():
    probabilities = np.array([[0.45, 0.4, 0.15], [0.3, 0.4, 0.3], [0.2, 0.3, 0.5]])
    evidence = examine(batches_of(probabilities, np.array([0, 1, 2])), 3)
    assert evidence.thresholds == pytest.approx([0.45, 0.4, 0.5])
    assert evidence.confident.tolist() == [0, 1, 2]


def test_a_class_that_no_label_names_has_no_confident_labels():
    probabilities = np.array([[0.5, 0.1, 0.4], [0.1, 0.0, 0.9], [0.2, 0.1, 0.7]])
    evidence = examine(batches_of(probabilities, np.array([0, 0, 0])), 3)
    assert evidence.thresholds[1:].tolist() == [2.0, 2.0]
    assert evidence.joint.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert np.isnan(evidence.noise_rates[1:]).all()
    noise = estimate_noise(evidence)
    assert np.isfinite(noise.error_probability).all()
    assert noise.error_probability.argsort().tolist() == [0, 2, 1]


def test_nothing_is_known_of_no_labels_and_nothing_can_be_wrong_with_one_class():
    assert examine([], 3) is None
    evidence = examine(batches_of(np.ones((3, 1)), np.zeros(3, dtype=np.int64)), 1)
    assert not evidence.disagrees.any()
    assert estimate_noise(evidence).error_probability.tolist() == [0, 0, 0]


@given_by(st.integers(1, 60), st.integers(2, 7), st.integers(1, 61), st.integers(0, 99), st.randoms(use_true_random=False))
@settings(max_examples=examples(60), deadline=None)
def test_neither_the_size_nor_the_order_of_batches_changes_anything(labels, classes, size, seed, shuffler):
    _, given, probabilities = made_up(labels, classes, seed=seed)
    # Ties everywhere, as from a forest of a few trees.
    probabilities = np.round(probabilities, 1)
    whole = batches_of(probabilities, given, batch_size=labels)
    order = list(range(labels))
    shuffler.shuffle(order)
    parts = [np.array(order[start : start + size]) for start in range(0, labels, size)]
    mixed = [LabelBatch(part, given[part], probabilities[part]) for part in parts]
    expected, found = examine(whole, classes), examine(mixed, classes)
    for name in ARRAYS:
        assert np.array_equal(getattr(expected, name), getattr(found, name)), name
    for name, chosen in FILTERS.items():
        assert np.array_equal(chosen(expected, whole), chosen(found, mixed)), name
    assert np.array_equal(estimate_noise(expected).error_probability, estimate_noise(found).error_probability)


@given_by(st.integers(1, 80), st.integers(1, 90), st.integers(1, 81), st.randoms(use_true_random=False))
@settings(max_examples=examples(60), deadline=None)
def test_the_sample_is_the_same_whatever_the_batches(labels, limit, size, shuffler):
    order = list(range(labels))
    shuffler.shuffle(order)
    numbers = np.array(order)
    whole = [LabelBatch(np.arange(labels), np.arange(labels), np.arange(labels)[:, None])]
    mixed = [LabelBatch(part, part, part[:, None]) for part in np.split(numbers, range(size, labels, size))]
    expected, found = sample_of(whole, limit), sample_of(mixed, limit)
    assert len(expected.rows) == min(limit, labels)
    assert expected.rows.tolist() == found.rows.tolist() == found.given.tolist() == found.probabilities[:, 0].tolist()


@pytest.mark.parametrize("name", list(SCORES))
def test_scores_are_cleanlabs(mnist, name):
    rank = pytest.importorskip("cleanlab.rank")
    metrics = pytest.importorskip("sklearn.metrics")
    probabilities, given, wrong = mnist
    ours, theirs = SCORES[name](probabilities, given), rank.get_label_quality_scores(given, probabilities, method=name)
    assert np.abs(ours - theirs).max() < 1e-6
    is_wrong = np.isin(np.arange(len(given)), wrong)
    for metric in (metrics.roc_auc_score, metrics.average_precision_score):
        assert round(metric(is_wrong, -ours), 4) == round(metric(is_wrong, -theirs), 4)
    if name != "confidence_weighted_entropy":  # which gives the surest of all labels a score of nearly 0, here as in cleanlab
        assert metrics.roc_auc_score(is_wrong, -ours) > 0.99


def test_scores_of_certain_labels_stay_within_0_and_1():
    probabilities = np.array([[1.0, 0.0], [1.0, 0.0], [0.5, 0.5]])
    given = np.array([0, 1, 0])
    for name, score in SCORES.items():
        found = score(probabilities, given)
        assert (found >= 0).all(), name
        assert (found <= 1).all(), name


@pytest.mark.parametrize("name", list(FILTERS))
def test_filters_are_cleanlabs_on_mnist(mnist, name):
    filters = pytest.importorskip("cleanlab.filter")
    probabilities, given, _ = mnist
    batches = batches_of(probabilities, given, batch_size=999)
    ours = FILTERS[name](examine(batches, 10), batches)
    theirs = filters.find_label_issues(given, probabilities, filter_by=name, n_jobs=1)
    assert np.flatnonzero(ours).tolist() == np.flatnonzero(theirs).tolist()


@pytest.mark.parametrize(("labels", "classes"), [(60, 2), (500, 4), (900, 12)])
def test_joint_and_filters_are_cleanlabs_on_many_wrong_labels(labels, classes):
    """But for which of two equal candidates is taken: of equal remainders in rounding the joint, cleanlab's choice is arbitrary."""
    filters, count = pytest.importorskip("cleanlab.filter"), pytest.importorskip("cleanlab.count")
    for seed in range(5):
        _, given, probabilities = made_up(labels, classes, seed=seed, sureness=2.0)
        batches = batches_of(probabilities, given, batch_size=77)
        evidence = examine(batches, classes)
        assert np.array_equal(evidence.joint, count.compute_confident_joint(given, probabilities, calibrate=False))
        assert np.abs(count.estimate_joint(given, probabilities) - evidence.calibrated_joint / labels).max() < 1 / labels
        for name, chosen in FILTERS.items():
            ours = chosen(evidence, batches)
            theirs = filters.find_label_issues(given, probabilities, filter_by=name, n_jobs=1)
            differing = 0 if name in ("confident_learning", "predicted_neq_given") else 0.02 * labels
            assert (ours != theirs).sum() <= differing, (name, seed)


def test_the_15_labels_of_mnist_that_people_found_wrong_are_among_the_100_least_confident(mnist):
    probabilities, given, wrong = mnist
    evidence = examine(batches_of(probabilities, given), 10)
    worst = evidence.rows[np.argsort(evidence.confidence, kind="stable")[:100]]
    assert len(wrong) == 15
    assert set(wrong.tolist()) <= set(worst.tolist())
