"""Scores of rarity: images of categories that are rare among the labels, and images that look unlike the rest of the pool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.sampling.scores.categories import frequencies, numbers_of, weights
from airflow_cv_dataops.core.sampling.scores.doubt import NO_BOX
from airflow_cv_dataops.core.sampling.scores.hardest import finds_boxes
from airflow_cv_dataops.core.sampling.scores.score import score
from airflow_cv_dataops.core.sampling.scores.uncertainty import DIGITS, billionths
from airflow_cv_dataops.core.wording import percent

if TYPE_CHECKING:
    import numpy as np

    from airflow_cv_dataops.core.sampling.pool import Pool

MEASURES = ("brightness", "contrast", "sharpness", "entropy", "colourfulness", "aspect_ratio", "bytes")
# What the lowest and the highest values are, where the measure's own name does not say it.
_ENDS = {
    "entropy": ("least detail", "most detail"),
    "colourfulness": ("palest colours", "strongest colours"),
    "aspect_ratio": ("narrowest shape, width by height", "widest shape, width by height"),
    "bytes": ("smallest files", "largest files"),
}


@score(
    meaning="The model sees a category of which there are few labels.",
    needs=("predictions",),
    words=lambda pool, row, value: _category_words(pool, row),
)
def category_rarity(pool: Pool) -> np.ndarray:
    """Return how rare the rarest category is that the model sees in an image, (N,), 0 (the only one) to 1 (never labelled).

    The highest of confidence times rarity over the image's predictions, so that a doubtful box of a rare category does not outweigh all
    that is certain. The rarity of a category with n_c of n labels and K categories is ``-log((n_c + 1) / (n + K)) / log(n + K)``. Where
    nothing is labelled yet, the sum of the confidences with which the model predicts the category in the pool stands for n_c.

    An image in which a model that predicts boxes found none is 0; a classifier's image without a prediction is NaN, and so is one whose
    predictions name no category.
    """
    import numpy as np

    highest, is_predicted = _rarest(pool)
    result = np.where(highest >= 0, np.round(highest // _stride(pool) / 10**DIGITS, DIGITS), np.nan)
    if finds_boxes(pool):
        result[~is_predicted] = 0
    return result


@score(
    meaning="The image's measures (brightness, sharpness, shape, …) are unlike those of the pool.",
    images=MEASURES,
    words=lambda pool, row, value: _measure_words(pool, row),
)
def image_rarity(pool: Pool) -> np.ndarray:
    """Return how far out an image's measures lie among those of the pool, (N,), 0 (in the middle of all) to 1 (alone at the end of each).

    Of each measure the two-sided tail probability ``t = min(1, 2 min(share of images at most as high, share at least as high))``, taken as
    ``-log t`` by the largest that is possible, ``log(N / 2)`` of N images; the mean over the measures that the image has. Tail
    probabilities of each measure by itself, as in ECOD (Li et al., arXiv 2201.00382), which sums their logarithms. NaN for an image
    without any measure. A measure that is equal throughout counts nothing, whatever its value.
    """
    import numpy as np

    # Measures that some image lacks are averaged without it.
    total, measured = np.zeros(len(pool), dtype=np.int64), np.zeros(len(pool), dtype=np.int64)
    for rarity in _tails(pool).values():
        known = ~np.isnan(rarity)
        total[known] += billionths(rarity[known])
        measured += known
    return np.round(np.where(measured > 0, total / 10**DIGITS, np.nan) / np.maximum(measured, 1), DIGITS)


def _stride(pool: Pool) -> int:
    return max(len(frequencies(pool).names), 1)


def _rarest(pool: Pool) -> tuple[np.ndarray, np.ndarray]:
    """Return each image's highest confidence times rarity in billionths, with its category in what is left (-1: none); who is predicted.

    One whole number holds both, so that the highest is the same whatever the order: of equal ones the first category by name.
    """
    return pool.kept("rarest", lambda: _gathered(pool))


def _gathered(pool: Pool) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    counted, stride = frequencies(pool), _stride(pool)
    everything = counted.total + stride
    rarity = -np.log((counted.counts + 1) / everything) / np.log(everything) if everything > 1 else np.zeros(len(counted.names))
    highest, is_predicted = np.full(len(pool), -1, dtype=np.int64), np.zeros(len(pool), dtype=bool)
    for found in pool.outputs(("category", "score")):
        is_predicted[found.image] = True
        number = numbers_of(found.table["category"], counted.names)
        known = number >= 0
        value = billionths(np.clip(weights(found.table)[known] * rarity[number[known]], 0, 1))
        np.maximum.at(highest, found.image[known], value * stride + stride - 1 - number[known])
    return highest, is_predicted


def _category_words(pool: Pool, row: int) -> str:
    """Say which category, and how rare: ``the model sees Platelets, of which there are few labels: 3 of 400``."""
    counted, highest = frequencies(pool), int(_rarest(pool)[0][row])
    if highest < 0:
        return "the model names no category" if _rarest(pool)[1][row] else NO_BOX
    number = _stride(pool) - 1 - highest % _stride(pool)
    name, count, total = counted.names[number], float(counted.counts[number]), counted.total
    if highest < _stride(pool) and count + 1 < total + _stride(pool):  # its rarity is above 0, so the confidence is not
        return f"the model names {name}, with no confidence at all"
    is_rare = count * _stride(pool) < total
    if not counted.is_labelled:
        what = "objects" if finds_boxes(pool) else "images"
        told = f"it expects {_about(count)} among {_about(total)} {what} of the pool"
        return f"the model sees {name}{', which is rare' if is_rare else ''}: {told}"
    if not count:
        return f"the model sees {name}, of which there is no label yet"
    few_of = "of which there are few labels" if is_rare else "of which there are labels"
    return f"the model sees {name}, {few_of}: {count:,.0f} of {total:,.0f}"


def _about(number: float) -> str:
    return f"{number:,.0f}" if number >= 9.95 else f"{number:.2g}"


def _tails(pool: Pool) -> Mapping[str, np.ndarray]:
    return pool.kept("tails", lambda: {name: _tail(_values(pool, name)) for name in MEASURES if name in pool.images.column_names})


def _values(pool: Pool, name: str) -> np.ndarray:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    values: np.ndarray = pc.fill_null(pool.images[name].cast(pa.float64()), float("nan")).to_numpy()
    return np.where(np.isfinite(values), values, np.nan)


def _tail(values: np.ndarray) -> np.ndarray:
    """Return ``-log t / log(N / 2)`` of each value, 0 to 1, NaN where there is none."""
    import numpy as np

    known = np.flatnonzero(~np.isnan(values))
    result = np.full(len(values), np.nan)
    order = known[np.argsort(values[known])]
    ordered, many = values[order], len(known)
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if many else known
    equal = np.diff(np.append(starts, many))
    # Of each run of equal values how many images are at most as high, and how many at least.
    tail = np.minimum(1, 2 * np.minimum(starts + equal, many - starts) / max(many, 1))
    rarity = np.clip(-np.log(tail) / np.log(many / 2), 0, 1) if many > 2 else np.zeros(len(starts))
    result[order] = np.repeat(rarity, equal)
    return result


def _measure_words(pool: Pool, row: int) -> str:
    """Name the most unusual measure with its value: ``among the 0.4% of the pool with the lowest sharpness (3.21)``."""
    import numpy as np

    tails = {name: tail[row] for name, tail in _tails(pool).items() if not np.isnan(tail[row])}
    name = max(tails, key=lambda measure: tails[measure])
    values = _values(pool, name)
    below, above = int((values <= values[row]).sum()), int((values >= values[row]).sum())
    end = _ENDS.get(name, (f"lowest {name}", f"highest {name}"))[below > above]
    part = percent(min(below, above) / int((~np.isnan(values)).sum()))
    shown = f"{values[row]:,.0f}{' bytes' if name == 'bytes' else ''}" if values[row] >= 1_000 or name == "bytes" else f"{values[row]:.3g}"
    return f"among the {part} of the pool with the {end} ({shown})"
