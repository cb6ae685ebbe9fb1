"""Data sets for ``label_noise.py``, and ways in which labels go wrong."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from defusedxml import ElementTree

# Rules and thresholds of ``suspect_label`` were chosen while looking at these; on the other sets they were not.
CHOSEN_ON = ("digits", "mnist", "clothing")


@dataclass(frozen=True, eq=False)
class DataSet:
    """:param features: (N, F), what the judging models see. :param crude: (N, C), what whoever errs sees. :param true: (N,) classes."""

    name: str
    features: np.ndarray
    crude: np.ndarray
    true: np.ndarray


def data_sets(shared: Path, names: list[str]) -> Iterator[DataSet]:
    """Yield those of these names (all, if there are none)."""
    makers = {"digits": _digits, "mnist": _mnist, "clothing": _clothing, "cells": _cells, "wine": _wine, "embeddings": _embeddings}
    for name in names or makers:
        yield makers[name](shared)


def noisy(data: DataSet, kind: str, rate: float, seed: int) -> np.ndarray:
    """Return given labels of which about this share is wrong.

    - ``uniform``: any other class; ``pair``: the next class. The errors know nothing of the pictures.
    - ``hard``: the harder a picture is for a weaker model, which sees ``crude``, the more probably; the class is what that model
      takes for likely.
    - ``vote``: the label is what the weaker model thinks, drawn at the temperature that gives the rate.
    """
    random = np.random.default_rng([seed, int(rate * 1000), ("uniform", "pair", "hard", "vote").index(kind)])
    classes = int(data.true.max()) + 1
    if kind in ("uniform", "pair"):
        given = data.true.copy()
        at = random.choice(len(given), round(rate * len(given)), replace=False)
        given[at] = (given[at] + (1 if kind == "pair" else random.integers(1, classes, len(at)))) % classes
        return given
    opinion = np.maximum(weaker_opinion(data, seed), 1e-6)
    return _hard(data.true, opinion, rate, random) if kind == "hard" else _vote(data.true, opinion, rate, random)


def weaker_opinion(data: DataSet, seed: int) -> np.ndarray:
    """Return out-of-sample class probabilities by a naive model that sees less, (N, K)."""
    from sklearn.naive_bayes import GaussianNB

    return cross_validated(GaussianNB(var_smoothing=1e-2), data.crude, data.true, seed + 1_000)


def cross_validated(model: object, features: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """Return out-of-sample class probabilities, (N, K); five folds."""
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    found: np.ndarray = cross_val_predict(model, features, labels, cv=folds, method="predict_proba")
    return found


def _hard(true: np.ndarray, opinion: np.ndarray, rate: float, random: np.random.Generator) -> np.ndarray:
    everyone = np.arange(len(true))
    doubt = (1.01 - opinion[everyone, true]) ** 0.6
    factor = _bisected(lambda factor: float(np.minimum(factor * doubt, 0.8).mean()) < rate, 0.0, 100.0)
    others = np.sqrt(opinion)
    others[everyone, true] = 0
    return np.where(random.random(len(true)) < np.minimum(factor * doubt, 0.8), _drawn(others, random), true)


def _vote(true: np.ndarray, opinion: np.ndarray, rate: float, random: np.random.Generator) -> np.ndarray:
    everyone = np.arange(len(true))

    def tempered(log_temperature: float) -> np.ndarray:
        odds = opinion ** np.exp(-log_temperature)
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    found = tempered(_bisected(lambda at: 1 - float(tempered(at)[everyone, true].mean()) < rate, -4.0, 4.0))
    errors = 1 - float(found[everyone, true].mean())
    if errors > 1.1 * rate:  # the weaker model is weaker than that: it is asked of some pictures only
        found *= rate / errors
        found[everyone, true] += 1 - rate / errors
    return _drawn(found, random)


def _bisected(is_too_low: object, low: float, high: float) -> float:
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if is_too_low(middle) else (low, middle)  # type: ignore[operator]
    return (low + high) / 2


def _drawn(chances: np.ndarray, random: np.random.Generator) -> np.ndarray:
    summed = (chances / chances.sum(axis=1, keepdims=True)).cumsum(axis=1)
    drawn: np.ndarray = np.minimum((summed < random.random(len(chances))[:, None]).sum(axis=1), chances.shape[1] - 1)
    return drawn


def _digits(_: Path) -> DataSet:
    from sklearn.datasets import load_digits

    features, true = load_digits(return_X_y=True)
    return DataSet("digits", features, features.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(len(features), -1), true)


def _mnist(shared: Path) -> DataSet:
    from sklearn.decomposition import PCA

    folder = shared / "labelnoise_mnist"
    with gzip.open(folder / "t10k-images-idx3-ubyte.gz") as file:
        pictures = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)[:4_000] / 255
    with gzip.open(folder / "t10k-labels-idx1-ubyte.gz") as file:
        true = np.frombuffer(file.read(), np.uint8, offset=8)[:4_000].astype(int)
    crude = pictures.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(len(true), -1)
    return DataSet("mnist", PCA(50, random_state=0).fit_transform(pictures.reshape(len(true), -1)), crude, true)


def _clothing(shared: Path) -> DataSet:
    from PIL import Image

    folder, features, labels = shared / "clothing_mini", [], []
    with open(folder / "images.csv", newline="") as file:
        for row in csv.DictReader(file):
            path = folder / "images" / f"{row['image']}.jpg"
            if row["label"] not in ("Not sure", "Skip", "Other") and path.exists():
                features.append(_described(Image.open(path).convert("RGB").resize((64, 80))))
                labels.append(row["label"])
    table = np.array(features)
    return DataSet("clothing", table, table[:, -80:], np.unique(labels, return_inverse=True)[1])


def _cells(shared: Path) -> DataSet:
    """Blood cells cut out of BCCD: all platelets and white cells, and 1,500 of the red ones."""
    from PIL import Image

    folder, features, labels, red = shared / "bccd" / "BCCD", [], [], 0
    for path in sorted((folder / "Annotations").glob("*.xml")):
        picture = Image.open(folder / "JPEGImages" / f"{path.stem}.jpg").convert("RGB")
        for found in ElementTree.parse(path).getroot().iter("object"):
            box = [int(found.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")]
            name = found.findtext("name")
            red += name == "RBC"
            if box[2] > box[0] and box[3] > box[1] and (name != "RBC" or red <= 1_500):
                features.append(_described(picture.crop(box).resize((64, 80))))
                labels.append(name)
    table = np.array(features)
    return DataSet("cells", table, table[:, -80:], np.unique(labels, return_inverse=True)[1])


def _wine(_: Path) -> DataSet:
    from sklearn.datasets import load_wine

    features, true = load_wine(return_X_y=True)
    return DataSet("wine", features, features[:, :3], true)


def _embeddings(shared: Path) -> DataSet:
    """300 photos of cats, dogs and bears; what is taken for true is what their WordNet number says."""
    stored = np.load(shared / "embeddings_300" / "embeddings_300.npz", allow_pickle=False)
    numbers = np.array([int(one[1:]) for one in stored["wnid"].tolist()])
    true = np.searchsorted([2_120_000, 2_130_000], numbers)  # dogs, then cats, then bears
    return DataSet("embeddings", stored["X"], stored["X"][:, :4], true)


def _described(picture: object) -> np.ndarray:
    """Return gradients (8 x 8 cells, 9 orientations), colours (8 bins a channel) and a picture of 8 x 10 pixels."""
    pixels = np.asarray(picture, dtype=float) / 255
    colours = np.concatenate([np.histogram(pixels[..., channel], 8, (0, 1))[0] for channel in range(3)]) / pixels[..., 0].size
    small = np.asarray(picture.convert("L").resize((8, 10)), dtype=float).ravel() / 255  # type: ignore[attr-defined]
    return np.concatenate([5 * _gradients(pixels.mean(axis=2)), colours, small])


def _gradients(grey: np.ndarray, cells: int = 8, orientations: int = 9) -> np.ndarray:
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
