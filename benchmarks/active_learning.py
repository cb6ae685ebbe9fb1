"""Active learning with every strategy: how well a small model does after each round of labelling what the strategy chose.

    python benchmarks/active_learning.py --data digits mnist --json

Digits are scikit-learn's 1,797 (8 x 8); cells are the 4,886 boxes of BCCD (three classes, 85 % of them one), 12 x 12 in colour; MNIST is
the test set of 10,000 below ``../shared/data/labelnoise_mnist``, its pixels averaged to 14 x 14. A third of the images is kept for testing.
From 50 labels drawn at random, each of ten rounds labels 50 images more, and the model (logistic regression on the pixels, always the same)
is trained anew. Strategies see the model's probabilities and the embeddings of the built-in descriptor, as sampling gives them. All
strategies of a seed begin with the same labels and are tested on the same images. The default was chosen on digits alone; cells
and MNIST served no choice.

What is compared is the area under the accuracy curve: the mean accuracy of the rounds, the first aside, which is everybody's. Differences
are paired by seed; SE is their standard error.
"""

from __future__ import annotations

import argparse
import gzip
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from measuring import show
from PIL import Image

from airflow_cv_dataops.core.embeddings.descriptor import Descriptor
from airflow_cv_dataops.core.sampling.scores.uncertainty import uncertainty
from airflow_cv_dataops.core.sampling.strategies.built_in import STRATEGIES
from airflow_cv_dataops.core.sampling.strategies.strategy import Choice

MEASURES = ("entropy", "margin", "least_confidence")
# By name, the strategy and the measure of uncertainty that it goes by.
ASKED = {
    "random": ("random", None),
    **{measure: ("top", measure) for measure in MEASURES},
    "k_center": ("k_center", None),
    "badge": ("badge", None),
    "typiclust": ("typiclust", None),
    "max_herding": ("max_herding", None),
    "uncertainty_herding (entropy)": ("uncertainty_herding", "entropy"),
    "uncertainty_herding (margin)": ("uncertainty_herding", "margin"),
    "k_dpp (margin)": ("k_dpp", "margin"),
    "diverse_top (margin)": ("diverse_top", "margin"),
}


def main() -> None:
    options = _options()
    result: dict[str, Any] = {"seeds": options.seeds, "rounds": options.rounds, "first": options.first, "batch": options.batch}
    for name in options.data:
        pixels, labels, pictures = {"digits": digits, "cells": cells, "mnist": mnist}[name]()
        descriptor = Descriptor()
        embeddings = descriptor.embed(np.stack([descriptor.prepare(picture.convert("RGB")) for picture in pictures]))
        curves = {
            asked: np.array([list(curve(pixels, labels, embeddings, asked, seed, options)) for seed in range(options.seeds)])
            for asked in (options.strategies or ASKED)
        }
        result[name] = summary(curves, options.default)
        if options.plot:
            result[f"{name}_curves"] = {asked: found.tolist() for asked, found in curves.items()}
    show(result, as_json=options.json)


def digits() -> tuple[np.ndarray, np.ndarray, list[Image.Image]]:
    from sklearn.datasets import load_digits

    found = load_digits()
    pictures = [Image.fromarray((image * (255 / 16)).astype(np.uint8)).resize((64, 64), Image.Resampling.BICUBIC) for image in found.images]
    return found.data / 16, found.target, pictures


def mnist() -> tuple[np.ndarray, np.ndarray, list[Image.Image]]:
    folder = Path(os.environ.get("CV_DATAOPS_SHARED_DATA", "../shared/data")) / "labelnoise_mnist"
    images = np.frombuffer(gzip.decompress((folder / "t10k-images-idx3-ubyte.gz").read_bytes())[16:], dtype=np.uint8).reshape(-1, 28, 28)
    labels = np.frombuffer(gzip.decompress((folder / "t10k-labels-idx1-ubyte.gz").read_bytes())[8:], dtype=np.uint8).astype(int)
    small = images.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(len(images), -1) / 255
    return small, labels, [Image.fromarray(image) for image in images]


def cells() -> tuple[np.ndarray, np.ndarray, list[Image.Image]]:
    """Cut the labelled cells out of BCCD's photographs."""
    from defusedxml.ElementTree import parse

    folder = Path(os.environ.get("CV_DATAOPS_SHARED_DATA", "../shared/data")) / "bccd"
    names, pictures = [], []
    for path in sorted(folder.rglob("*.xml")):
        with Image.open(next(folder.rglob(f"{path.stem}.jpg"))) as photo:
            photo.load()
        for found in parse(path).getroot().iter("object"):
            left, top, right, bottom = (int(found.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax"))
            if right - left > 1 and bottom - top > 1:
                names.append(found.findtext("name"))
                pictures.append(photo.crop((left, top, right, bottom)).convert("RGB"))
    small = np.stack([np.asarray(picture.resize((12, 12)), dtype=float).ravel() / 255 for picture in pictures])
    return small, np.unique(names, return_inverse=True)[1], pictures


def curve(
    pixels: np.ndarray, labels: np.ndarray, embeddings: np.ndarray, asked: str, seed: int, options: argparse.Namespace
) -> Iterator[float]:
    """Yield the accuracy on the test images after each round, the first labels' first."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(pixels))
    test, pool = order[: len(order) // 3], order[len(order) // 3 :]
    labelled = list(rng.permutation(pool)[: options.first])
    for number in range(options.rounds + 1):
        model = trained(pixels[labelled], labels[labelled])
        yield float((model.predict(pixels[test]) == labels[test]).mean())
        if number < options.rounds:
            unlabelled = np.setdiff1d(pool, labelled)
            taken = chosen(model, pixels, embeddings, unlabelled, labelled, asked, 1000 * seed + number, options.batch)
            labelled += unlabelled[taken].tolist()


def trained(pixels: np.ndarray, labels: np.ndarray) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=1.0, max_iter=200).fit(pixels, labels)


def chosen(
    model: Any,
    pixels: np.ndarray,
    embeddings: np.ndarray,
    unlabelled: np.ndarray,
    labelled: list[int],
    asked: str,
    seed: int,
    batch: int,
) -> list[int]:
    """Return which of the unlabelled images the strategy takes."""
    name, measure = ASKED[asked]
    probabilities = model.predict_proba(pixels[unlabelled])
    room = np.ones(len(unlabelled), dtype=bool)
    choice = Choice(
        scores=np.zeros(len(unlabelled)) if measure is None else uncertainty(probabilities, measure),
        ties=np.random.default_rng(seed).permutation(len(unlabelled)).astype(np.uint64),
        open=room,
        wanted=batch,
        seed=seed,
        embeddings=embeddings[unlabelled],
        covered=embeddings[labelled],
        probabilities=probabilities.astype(np.float32),
    )
    taken: list[int] = []
    for row in STRATEGIES[name](choice):
        taken.append(row)
        room[row] = False
        if len(taken) == batch:
            return taken
    return taken


def summary(curves: dict[str, np.ndarray], default: str) -> dict[str, Any]:
    """Return areas, and how the default compares with random and with the best of the others."""
    areas = {name: found[:, 1:].mean(axis=1) for name, found in curves.items()}
    told: dict[str, Any] = {
        name: {"area": round(float(area.mean()), 4), "se": round(_se(area), 4), "last": round(float(curves[name][:, -1].mean()), 4)}
        for name, area in sorted(areas.items(), key=lambda item: -item[1].mean())
    }
    if default in areas:
        others = {name: area for name, area in areas.items() if name != default}
        best = max(others, key=lambda name: others[name].mean())
        for title, other in (("default_above_random", "random"), (f"default_above_best ({best})", best)):
            if other in areas:
                difference = areas[default] - areas[other]
                told[title] = {"difference": round(float(difference.mean()), 4), "se": round(_se(difference), 4)}
    return told


def _se(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", choices=("digits", "cells", "mnist"), default=["digits", "cells", "mnist"])
    parser.add_argument("--strategies", nargs="+", choices=list(ASKED), help="default: all")
    parser.add_argument("--default", default="uncertainty_herding (margin)", help="which is compared with random and with the best")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--first", type=int, default=50, help="labels to begin with")
    parser.add_argument("--batch", type=int, default=50, help="images a round")
    parser.add_argument("--plot", action="store_true", help="print the curves of every seed too")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


if __name__ == "__main__":
    main()
