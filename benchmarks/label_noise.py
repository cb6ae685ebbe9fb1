"""Labels that are wrong in several ways: precision, recall and F1 of our modes, of cleanlab's filters and of plain disagreement.

    python benchmarks/label_noise.py --json

Labels of real data are made wrong (``noisy_sets.noisy``): to any other class (``uniform``) or to the next one (``pair``), as noise is
usually simulated; and where pictures are hard for a weaker model (``hard``, ``vote``), which is how people err. Classifiers are
cross-validated on the wrong labels (five folds), and all contenders judge their probabilities. ``predicted_neq_given`` is "the most
probable class is not the label". Figures are means over seeds and classifiers.

Beside them: AUROC of the order of labels by our score (the margin) and by self-confidence; the error rate as estimated, divided by the
true one (the geometric mean of how far it is off); and, with all classifiers together, our stack of them, the mean of their calibrated
probabilities, and the one that would have been best alone.

Rules were chosen while looking at digits, MNIST and clothing (other pixels, seeds and classifiers among them); the others are tests.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections import defaultdict
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from noisy_sets import CHOSEN_ON, DataSet, cross_validated, data_sets, noisy

CASES = [(kind, rate) for kind in ("uniform", "hard", "vote") for rate in (0.02, 0.1, 0.4)] + [("pair", 0.2)]
OURS = ("balanced", "precision", "recall")
THEIRS = ("prune_by_noise_rate", "prune_by_class", "both", "confident_learning", "predicted_neq_given")
CLASSIFIERS = ("logistic", "forest", "perceptron", "neighbours", "bayes")


def main() -> None:
    options = _options()
    warnings.filterwarnings("ignore")
    results: dict[str, dict[str, list[np.ndarray]]] = defaultdict(lambda: defaultdict(list))
    for data in data_sets(options.shared_data, options.sets):
        for kind, rate in CASES:
            for seed in range(options.first_seed, options.first_seed + options.seeds):
                given = noisy(data, kind, rate, seed)
                if min(np.bincount(given, minlength=int(data.true.max()) + 1)) < 5:
                    continue  # no five folds
                outputs = [out_of_sample(data, given, name, seed) for name in options.classifiers]
                for name, value in measured(outputs, given, given != data.true, with_cleanlab=not options.only_ours):
                    results[f"{data.name} {kind} {rate:g}"][name].append(value)
    report(results, as_json=options.json)


def out_of_sample(data: DataSet, given: np.ndarray, classifier: str, seed: int) -> np.ndarray:
    """Return cross-validated class probabilities, (N, K) float32."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    made = {
        "logistic": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)),
        "forest": lambda: RandomForestClassifier(100, random_state=0),
        "perceptron": lambda: make_pipeline(StandardScaler(), MLPClassifier((64,), max_iter=40, early_stopping=True, random_state=0)),
        "neighbours": lambda: make_pipeline(StandardScaler(), KNeighborsClassifier(15, weights="distance")),
        "bayes": lambda: GaussianNB(var_smoothing=1e-2),
    }
    return cross_validated(made[classifier](), data.features, given, seed).astype(np.float32)


def measured(
    outputs: list[np.ndarray], given: np.ndarray, is_wrong: np.ndarray, *, with_cleanlab: bool
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name of what was measured, and its numbers."""
    alone = []
    for probabilities in outputs:
        found = dict(our_findings(probabilities, given, is_wrong))
        alone.append(found)
        yield from found.items()
        for name in THEIRS if with_cleanlab else THEIRS[-1:]:
            yield f"cleanlab {name}", quality(their_findings(probabilities, given, name), is_wrong)
    if len(outputs) > 1:
        best = max(alone, key=lambda found: found["balanced"][2])
        for how, pooled in (("stack", stacked(outputs, given)), ("mean", averaged(outputs, given))):
            together = dict(our_findings(pooled, given, is_wrong))
            yield f"{how} of models: balanced", together["balanced"]
            yield f"{how} of models: AUROC, estimate", together["AUROC by margin, by self-confidence, estimate off by"]
        yield "best model alone: balanced", best["balanced"]
        yield "best model alone: AUROC, estimate", best["AUROC by margin, by self-confidence, estimate off by"]


def our_findings(probabilities: np.ndarray, given: np.ndarray, is_wrong: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    from sklearn.metrics import roc_auc_score

    from airflow_cv_dataops.core.audit.label_errors.batches import batches_of
    from airflow_cv_dataops.core.audit.label_errors.confident_learning import examine
    from airflow_cv_dataops.core.audit.label_errors.noise import estimate_noise
    from airflow_cv_dataops.core.audit.label_errors.suspicion import suspects

    evidence = examine(batches_of(probabilities, given), probabilities.shape[1])
    assert evidence is not None
    noise = estimate_noise(evidence)
    for mode in OURS:
        yield mode, quality(suspects(evidence, noise, mode, lambda: nullcontext(())), is_wrong)
    orders = [float(roc_auc_score(is_wrong, order)) for order in (evidence.log_margin, -evidence.confidence)]
    off_by = abs(np.log(noise.error_probability.mean() / is_wrong.mean()))
    yield "AUROC by margin, by self-confidence, estimate off by", np.array([*orders, off_by])


def their_findings(probabilities: np.ndarray, given: np.ndarray, name: str) -> np.ndarray:
    """Return what cleanlab's filter finds; plain disagreement needs no cleanlab."""
    if name == THEIRS[-1]:
        return np.asarray(probabilities.argmax(axis=1) != given)
    from cleanlab.filter import find_label_issues

    return np.asarray(find_label_issues(given, probabilities, filter_by=name, n_jobs=1))


def stacked(outputs: list[np.ndarray], given: np.ndarray) -> np.ndarray:
    """Return what the audit makes of several models' probabilities."""
    from airflow_cv_dataops.core.audit.label_errors.batches import batches_of, common_samples
    from airflow_cv_dataops.core.audit.label_errors.stacking import weights_of_images
    from airflow_cv_dataops.core.audit.label_errors.temperature import logarithms

    samples = common_samples([batches_of(one, given) for one in outputs], 20_000)
    weights = weights_of_images(np.ones((1, len(outputs)), dtype=bool), samples)[0]
    logs = sum(weight * logarithms(one) for weight, one in zip(weights, outputs, strict=True))
    odds = np.exp(logs - np.max(logs, axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def averaged(outputs: list[np.ndarray], given: np.ndarray) -> np.ndarray:
    """Return the mean of the models' probabilities, each at the temperature that fits the labels: what the audit did before."""
    from airflow_cv_dataops.core.audit.label_errors.batches import batches_of, sample_of
    from airflow_cv_dataops.core.audit.label_errors.temperature import fit_temperature, tempered

    samples = [sample_of(batches_of(one, given), 2_000) for one in outputs]
    return np.mean([tempered(one, fit_temperature(sample)) for one, sample in zip(outputs, samples, strict=True) if sample], axis=0)


def quality(found: np.ndarray, is_wrong: np.ndarray) -> np.ndarray:
    """Return precision, recall and F1."""
    hits = int((found & is_wrong).sum())
    return np.array([hits / max(found.sum(), 1), hits / max(is_wrong.sum(), 1), 2 * hits / max(found.sum() + is_wrong.sum(), 1)])


def report(results: dict[str, dict[str, list[np.ndarray]]], *, as_json: bool) -> None:
    """Print the means of each case, then of each data set for noise that knows nothing of pictures and for noise that follows them."""
    means: dict[str, dict[str, Any]] = {
        case: {name: np.mean(value, axis=0) for name, value in found.items()} for case, found in results.items()
    }
    for name in dict.fromkeys(case.split()[0] for case in results):
        for what, kinds in (("classes", ("uniform", "pair")), ("pictures", ("hard", "vote"))):
            cases = [means[case] for case in results if case.split()[0] == name and case.split()[1] in kinds]
            role = "chosen on" if name in CHOSEN_ON else "test"
            if cases:
                means[f"{name} ({role}): errors follow {what}"] = {one: np.mean([case[one] for case in cases], axis=0) for one in cases[0]}
    if as_json:
        print(json.dumps({case: {name: np.round(value, 4).tolist() for name, value in found.items()} for case, found in means.items()}))
        return
    for case, found in means.items():
        print(case)
        for name, value in found.items():
            print(f"    {name:54}" + "  ".join(f"{number:.3f}" for number in value))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared-data", type=Path, default=Path("../shared/data"), help="folder of the data sets")
    parser.add_argument("--sets", nargs="*", default=[], help="names of data sets; default: all")
    parser.add_argument("--classifiers", nargs="*", default=list(CLASSIFIERS))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--only-ours", action="store_true", help="leave cleanlab's filters out")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


if __name__ == "__main__":
    main()
