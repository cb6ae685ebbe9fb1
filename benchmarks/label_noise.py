"""Labels that are wrong on purpose: precision, recall and F1 of our modes, of cleanlab's filters and of plain disagreement.

    python benchmarks/label_noise.py --clothing ../shared/data/clothing_mini --json

Data: scikit-learn's 1,797 digits (8 x 8 pixels), and the photographs of clothing (17 classes of 20; "Not sure", "Skip" and "Other" left
out) as histograms of gradients and colours. A share of the labels is changed, to any other class (``uniform``) or to the next one
(``pair``); a classifier is cross-validated on the changed labels (five folds); its probabilities are judged by all contenders. Figures
are means over seeds and classifiers. The rule was chosen on other data (parts of MNIST, wine, breast cancer, synthetic classes) and
other seeds.
"""

from __future__ import annotations

import argparse
import csv
import json
import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

RATES = (0.02, 0.05, 0.1, 0.2)
CASES = [("uniform", rate) for rate in RATES] + [("pair", 0.1), ("pair", 0.2)]
OURS = ("balanced", "precision", "recall")
THEIRS = ("prune_by_noise_rate", "prune_by_class", "both", "confident_learning", "predicted_neq_given")


def main() -> None:
    options = _options()
    warnings.filterwarnings("ignore")
    quality: dict[tuple[str, str], list[np.ndarray]] = defaultdict(list)
    estimates: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for name, features, true in data_sets(options.clothing):
        for kind, rate in CASES:
            for seed in range(options.seeds):
                given = flipped(true, rate, kind, seed)
                for model in ("logistic", "forest"):
                    probabilities = out_of_sample(features, given, model, seed)
                    for contender, found, estimated in contenders(probabilities, given):
                        quality[f"{name} {kind} {rate:g}", contender].append(measured(found, given != true))
                        if estimated is not None:
                            estimates[f"{name} {kind} {rate:g}"].append((float((given != true).mean()), *estimated))
    report(quality, estimates, as_json=options.json)


def data_sets(clothing: Path | None) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield name, features and true labels."""
    from sklearn.datasets import load_digits

    yield "digits", *load_digits(return_X_y=True)
    if clothing is not None:
        yield "clothing", *clothing_features(clothing)


def contenders(probabilities: np.ndarray, given: np.ndarray) -> Iterator[tuple[str, np.ndarray, tuple[float, float] | None]]:
    """Yield name, labels found and, once, the error rates estimated by the noise model and by the confident joint."""
    from contextlib import nullcontext

    from cleanlab.filter import find_label_issues

    from airflow_cv_dataops.core.audit.label_errors.batches import batches_of
    from airflow_cv_dataops.core.audit.label_errors.confident_learning import examine
    from airflow_cv_dataops.core.audit.label_errors.noise import estimate_noise
    from airflow_cv_dataops.core.audit.label_errors.suspicion import suspects

    evidence = examine(batches_of(probabilities, given), probabilities.shape[1])
    assert evidence is not None
    noise = estimate_noise(evidence)
    by_joint = 1 - evidence.calibrated_joint.trace() / len(given)
    for mode in OURS:
        estimated = (float(noise.error_probability.mean()), float(by_joint)) if mode == OURS[0] else None
        yield mode, suspects(evidence, noise, mode, lambda: nullcontext(())), estimated
    for name in THEIRS:
        yield f"cleanlab {name}", find_label_issues(given, probabilities, filter_by=name, n_jobs=1), None


def measured(found: np.ndarray, is_wrong: np.ndarray) -> np.ndarray:
    """Return precision, recall and F1."""
    hits = int((found & is_wrong).sum())
    return np.array([hits / max(found.sum(), 1), hits / is_wrong.sum(), 2 * hits / (found.sum() + is_wrong.sum())])


def flipped(true: np.ndarray, rate: float, kind: str, seed: int) -> np.ndarray:
    """Return the labels with a share of them changed."""
    random = np.random.default_rng([seed, int(rate * 100), kind == "pair"])
    classes = int(true.max()) + 1
    given = true.copy()
    at = random.choice(len(true), round(rate * len(true)), replace=False)
    given[at] = (true[at] + (1 if kind == "pair" else random.integers(1, classes, len(at)))) % classes
    return given


def out_of_sample(features: np.ndarray, given: np.ndarray, model: str, seed: int) -> np.ndarray:
    """Return cross-validated class probabilities, (N, K)."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    forest = RandomForestClassifier(100, random_state=0)
    estimator = forest if model == "forest" else make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    found: np.ndarray = cross_val_predict(estimator, features, given, cv=folds, method="predict_proba")
    return found


def clothing_features(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return gradients (8 x 8 cells, 9 orientations), colours (8 bins a channel) and a picture of 8 x 10 pixels, and the labels."""
    from PIL import Image

    features, labels = [], []
    with open(folder / "images.csv", newline="") as file:
        for row in csv.DictReader(file):
            path = folder / "images" / f"{row['image']}.jpg"
            if row["label"] in ("Not sure", "Skip", "Other") or not path.exists():
                continue
            picture = Image.open(path).convert("RGB").resize((64, 80))
            pixels = np.asarray(picture, dtype=float) / 255
            colours = np.concatenate([np.histogram(pixels[..., channel], 8, (0, 1))[0] for channel in range(3)]) / pixels[..., 0].size
            small = np.asarray(picture.convert("L").resize((8, 10)), dtype=float).ravel() / 255
            features.append(np.concatenate([5 * gradients(pixels.mean(axis=2)), colours, small]))
            labels.append(row["label"])
    return np.array(features), np.unique(labels, return_inverse=True)[1]


def gradients(grey: np.ndarray, cells: int = 8, orientations: int = 9) -> np.ndarray:
    """Return a histogram of the gradients' orientations in each cell, weighted by their strength, of length 1."""
    vertical, horizontal = np.gradient(grey)
    angle = np.mod(np.arctan2(vertical, horizontal), np.pi)
    orientation = np.minimum((angle / np.pi * orientations).astype(int), orientations - 1)
    row, column = (np.arange(side) * cells // side for side in grey.shape)
    place = (row[:, None] * cells + column) * orientations + orientation
    weights = np.hypot(vertical, horizontal).ravel()
    histogram = np.sqrt(np.bincount(place.ravel(), weights=weights, minlength=cells * cells * orientations))
    found: np.ndarray = histogram / (np.linalg.norm(histogram) + 1e-9)
    return found


def report(
    quality: dict[tuple[str, str], list[np.ndarray]], estimates: dict[str, list[tuple[float, float, float]]], *, as_json: bool
) -> None:
    """Print precision, recall and F1 of each contender on each case and on each data set."""
    means: dict[str, dict[str, Any]] = defaultdict(dict)
    for (case, contender), values in quality.items():
        means[case][contender] = np.mean(values, axis=0)
    for name in sorted({case.split()[0] for case in means}):
        cases = [by_contender for case, by_contender in means.items() if case.split()[0] == name]
        means[f"{name} all"] = {contender: np.mean([case[contender] for case in cases], axis=0) for contender in cases[0]}
    rates = {case: np.round(np.mean(values, axis=0), 4).tolist() for case, values in estimates.items()}
    if as_json:
        rounded = {case: {name: np.round(value, 4).tolist() for name, value in found.items()} for case, found in means.items()}
        print(json.dumps({"precision_recall_f1": rounded, "error_rate_true_noise_model_confident_joint": rates}))
        return
    for case, found in means.items():
        print(f"{case}  (error rate: true, by the noise model, by the confident joint: {rates.get(case, '')})")
        for contender, values in found.items():
            print("    {:32} precision {:.3f}  recall {:.3f}  F1 {:.3f}".format(contender, *values))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clothing", type=Path, help="folder with images/ and images.csv; default: digits only")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


if __name__ == "__main__":
    main()
