"""How often the 95 % interval of a learning curve holds what comes later, on curves that it was not made on.

    python benchmarks/learning_curve.py --seeds 200 --json

Simulated: three known laws, 3, 5 and 16 label counts from 50 on, noise of 0.005 and 0.02 (standard deviation of a value); how often the
law's own value lies in the interval at 1, 2 and 4 times the largest count, and its gain in that of the gain to 2 times. The prior was
chosen on seeds below 100; the seeds here begin at 9,000.

Real: logistic regression and a small network (60 and 300 epochs) on the digits (8 x 8 px) and on MNIST's 10,000 test images (averaged to
7 x 7 px), trained on 50 labels and up, five orders of the images each. The curve knows the first half of the label counts and is asked
for the others: how far off it is (mean of absolute differences), and how often the accuracy that was measured there lies in the interval
of one evaluation. Some 70 s with OMP_NUM_THREADS=1; without it, threads that wait for each other take many times as long.
"""

from __future__ import annotations

import argparse
import gzip
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from measuring import show

from airflow_cv_dataops.core.sampling.evaluations import Evaluation
from airflow_cv_dataops.core.sampling.learning_curve import learning_curve

FIRST_SEED = 9_000
LAWS = {"usual": (0.95, 1.5, 0.4), "steep": (0.9, 3.0, 0.8), "slow": (0.99, 1.0, 0.25)}
COUNTS = {3: (50, 100, 200), 5: (50, 100, 200, 400, 800), 16: tuple(range(50, 850, 50))}
TIMES = (1, 2, 4)
DIGITS = (50, 75, 100, 150, 200, 300, 400, 600, 800, 1_100, 1_400)
MNIST = (50, 75, 100, 150, 200, 300, 400, 600, 800, 1_200)
TESTED = 2_000
ORDERS = 5


def main() -> None:
    options = _options()
    result: dict[str, Any] = {"seeds": options.seeds}
    for name, law in LAWS.items():
        for points, counts in COUNTS.items():
            for noise in (0.005, 0.02):
                result |= {
                    f"{name}_{points}_points_{noise}_{key}": value for key, value in simulated(law, counts, noise, options.seeds).items()
                }
    sets = {"digits": (_digits(), DIGITS)}
    if (options.mnist / "t10k-images-idx3-ubyte.gz").exists():
        sets["mnist"] = (_mnist(options.mnist), MNIST)
    for name, ((images, labels), counts) in sets.items():
        for model in ("logistic", "network_60", "network_300"):
            result |= {f"{name}_{model}_{key}": value for key, value in real(images, labels, counts, model).items()}
    show(result, as_json=options.json)


def simulated(law: tuple[float, float, float], counts: tuple[int, ...], noise: float, seeds: int) -> dict[str, Any]:
    """Return how often the intervals hold the truth, and how wide that at twice the labels is on average."""
    a, b, c = law
    held, wide, told = dict.fromkeys([*map(str, TIMES), "gain"], 0), [], 0
    truth = {times: a - b * (times * counts[-1]) ** -c for times in TIMES}
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        rng = np.random.default_rng(seed)
        values = [min(1.0, a - b * count**-c + rng.normal(0, noise)) for count in counts]
        curve = learning_curve([Evaluation(*point) for point in zip(counts, values, strict=True)])
        if curve.reason:
            continue
        told += 1
        for times in TIMES:
            interval = curve.value(times * counts[-1])
            held[str(times)] += interval.low <= truth[times] <= interval.high
            wide += [interval.high - interval.low] if times == 2 else []
        gain = curve.gain(counts[-1])
        held["gain"] += gain.low <= truth[2] - truth[1] <= gain.high
    shares = {f"held_{key}x" if key != "gain" else "held_gain": round(count / max(told, 1), 3) for key, count in held.items()}
    return {**shares, "width_2x": round(float(np.mean(wide)), 3), "no_estimate": seeds - told}


def real(images: np.ndarray, labels: np.ndarray, counts: tuple[int, ...], model: str) -> dict[str, Any]:
    """Return how far off the second half of each curve is that is told from the first, and how often it is held."""
    half = len(counts) // 2
    off: dict[int, list[float]] = {}
    held: list[tuple[int, bool]] = []
    for order in range(ORDERS):
        values = _curve(images, labels, counts, model, FIRST_SEED + order)
        curve = learning_curve([Evaluation(*point) for point in zip(counts[:half], values[:half], strict=True)])
        for count, value in zip(counts[half:], values[half:], strict=True):
            interval = curve.measured(count)
            off.setdefault(count, []).append(abs(interval.expected - value))
            held.append((count, interval.low <= value <= interval.high))
    near = [is_in for count, is_in in held if count <= 2 * counts[half - 1]]
    return {
        "told_from": counts[half - 1],
        **{f"off_at_{count}": round(float(np.mean(values)), 4) for count, values in off.items()},
        "held": round(float(np.mean([is_in for _, is_in in held])), 3),
        "held_to_2x": round(float(np.mean(near)), 3),
        "of": len(held),
    }


def _curve(images: np.ndarray, labels: np.ndarray, counts: tuple[int, ...], model: str, seed: int) -> list[float]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier

    order = np.random.default_rng(seed).permutation(len(labels))
    tested = order[counts[-1] :][:TESTED]
    values = []
    for count in counts:
        trained = order[:count]
        made = (
            LogisticRegression(max_iter=100, C=0.1)
            if model == "logistic"
            else MLPClassifier((32,), max_iter=int(model.rpartition("_")[2]), random_state=seed, learning_rate_init=0.005)
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # not converged: as good as it is
            values.append(float(made.fit(images[trained], labels[trained]).score(images[tested], labels[tested])))
    return values


def _digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    data = load_digits()
    return data.data / 16, data.target


def _mnist(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    images = np.frombuffer(gzip.decompress((folder / "t10k-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16)
    labels = np.frombuffer(gzip.decompress((folder / "t10k-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8)
    small = images.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)) / 255
    return small.reshape(len(labels), -1), labels


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200, help="of simulated curves")
    parser.add_argument("--mnist", type=Path, default=Path("../shared/data/labelnoise_mnist"), help="folder with MNIST's test images")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
