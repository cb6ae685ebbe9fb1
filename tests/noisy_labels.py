"""Labels with injected noise and out-of-sample probabilities for them."""

from __future__ import annotations

import numpy as np


def flipped(labels, rate, *, seed, pairwise=False):
    """Return the labels with this share of them changed: to any other class alike, or to the next one (``pairwise``)."""
    random = np.random.default_rng(seed)
    classes = labels.max() + 1
    noisy = labels.copy()
    at = random.choice(len(labels), round(rate * len(labels)), replace=False)
    step = 1 if pairwise else random.integers(1, classes, len(at))
    noisy[at] = (labels[at] + step) % classes
    return noisy


def hard_ones_wrong(labels, opinion, rate, *, seed):
    """Return the labels with this share of them changed where pictures are hard, as people do, and to what they resemble.

    :param opinion: (N, K) class probabilities of a model that sees less than the one that is to judge the labels: how hard each picture is.
    """
    random = np.random.default_rng(seed)
    everyone = np.arange(len(labels))
    doubt = (1.01 - opinion[everyone, labels]) ** 0.6
    low, high = 0.0, 100.0
    for _ in range(50):
        factor = (low + high) / 2
        low, high = (factor, high) if np.minimum(factor * doubt, 0.8).mean() < rate else (low, factor)
    others = np.sqrt(np.maximum(opinion, 1e-6))
    others[everyone, labels] = 0
    others /= others.sum(axis=1, keepdims=True)
    chosen = np.minimum((others.cumsum(axis=1) < random.random(len(labels))[:, None]).sum(axis=1), others.shape[1] - 1)
    return np.where(random.random(len(labels)) < np.minimum(factor * doubt, 0.8), chosen, labels)


def made_up(labels, classes, *, seed, sureness=3.0):
    """Return true classes, given labels (one in ten wrong) and (N, K) probabilities of a model that is right most of the time."""
    random = np.random.default_rng(seed)
    true = random.integers(0, classes, labels)
    given = np.where(random.random(labels) < 0.1, random.integers(0, classes, labels), true)
    logits = random.normal(size=(labels, classes))
    logits[np.arange(labels), true] += sureness
    odds = np.exp(logits)
    return true, given, odds / odds.sum(axis=1, keepdims=True)


def out_of_sample(features, given, *, seed):
    """Return (N, K) probabilities by three-fold cross-validation of a small random forest that is trained on the given labels."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    model = RandomForestClassifier(20, random_state=seed, n_jobs=1)
    folds = StratifiedKFold(3, shuffle=True, random_state=seed)
    return cross_val_predict(model, features, given, cv=folds, method="predict_proba")
