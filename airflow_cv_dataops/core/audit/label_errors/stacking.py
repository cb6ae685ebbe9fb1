"""One opinion out of several models': each model's logarithms count with a weight, and the weights fit the given labels (stacking).

Wolpert, "Stacked Generalization" (Neural Networks 1992), with one weight a model: the probability of a class is proportional to the product
of the models' probabilities, each to the power of its weight (a logarithmic opinion pool: Genest and Zidek, Statistical Science 1986). A
weight says how good a model is and, being one over its temperature, how sure it may be: a poor model does not drag down a good one, as in a
mean, and an overconfident one does not outvote it. A few weights cannot learn the errors of thousands of labels. Images that different
models have seen have weights of their own: a model weighs more where it is alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.audit.label_errors.batches import LabelBatch, LabelBatches, common_samples
from airflow_cv_dataops.core.audit.label_errors.scratch import Means, Sums
from airflow_cv_dataops.core.audit.label_errors.temperature import fit_temperature, logarithms

if TYPE_CHECKING:
    import numpy as np

    from airflow_cv_dataops.core.audit.label_errors.model_rows import ModelRows

# Labels on which the weights are fitted: as many as hold so many numbers of all models and classes, within these bounds.
_SAMPLE_VALUES, _SAMPLE_LABELS = 2**20, (500, 20_000)
# As if each weight were known before to be that of a mean of logarithms, each at its own temperature, with a precision of 30: it decides
# where there are few labels, from which weights learn the labels' errors where models have learned them.
_PRIOR = 30.0
# Where all weights together are less than this share of that, the labels contradict all models, and it is not the weights that are wrong.
_LEAST_SHARE = 0.25
_STEPS, _SETTLED = 50, 1e-6


@dataclass(frozen=True, eq=False)
class Stacked:
    """Probabilities of images out of weighted sums of logarithms; may be gone through several times."""

    sums: Sums

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield places and (b, K) float32 probabilities."""
        import numpy as np

        for images, logs in self.sums:
            odds = np.exp(logs - logs.max(axis=1, keepdims=True))
            yield images, odds / odds.sum(axis=1, keepdims=True)


def combined(
    rows: Sequence[ModelRows],
    labels_of: Callable[[Any], LabelBatches],
    knows: Callable[[np.ndarray], np.ndarray],
    folder: str,
) -> Means | Stacked:
    """Return the models' common opinion of each image; each model's is the mean over its predictions of the image.

    A model has no say over an image with a label of a class that it does not know: it would hold every such label for wrong. Of other
    images' classes that it does not know it says that they are as probable as its classes are on average.

    :param rows: of each model; one with a single prediction an image needs none of this.
    :param labels_of: gives the labels of a source of probabilities.
    :param knows: says, given the classes of a model, which images have labels of these classes alone; (images,) bool.
    :param folder: for scratch files.
    """
    import numpy as np

    shape = (len(rows[0].images), len(rows[0].classes))
    sources = [_without_repeats(model, os.path.join(folder, f"model{number}")) for number, model in enumerate(rows)]
    if isinstance(sources[0], Means) and len(sources) == 1:
        return sources[0]
    opinions = [_Opinions(source, model.columns, knows(model.columns)) for source, model in zip(sources, rows, strict=True)]
    limit = min(max(_SAMPLE_VALUES // (shape[1] * len(rows)), _SAMPLE_LABELS[0]), _SAMPLE_LABELS[1])
    samples = common_samples([labels_of(opinion) for opinion in opinions], limit)
    heard = np.stack([opinion.has_a_say & (model.model.outputs > 0) for opinion, model in zip(opinions, rows, strict=True)], axis=1)
    weights = weights_of_images(heard, samples)
    sums = Sums.empty(shape, os.path.join(folder, "stacked"), np.float32)
    for number, opinion in enumerate(opinions):
        for images, probabilities in opinion:
            sums.add(images, logarithms(probabilities) * weights[images, number][:, None])
    return Stacked(sums)


def _without_repeats(model: ModelRows, path: str) -> ModelRows | Means:
    import numpy as np

    if not model.repeats:
        return model
    # Sums of float32 in float64 are exact but for digits that the mean drops, in whatever order predictions come.
    sums = Sums.empty((len(model.images), len(model.classes)), path, np.float64)
    for images, values in model:
        sums.add(images, values)
    return Means(sums)


@dataclass(frozen=True, eq=False)
class _Opinions:
    """What a model says of the images over which it has a say.

    :param columns: its own classes among all.
    :param has_a_say: (images,) bool.
    """

    source: ModelRows | Means
    columns: np.ndarray
    has_a_say: np.ndarray

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        import numpy as np

        for images, values in self.source:
            heard = self.has_a_say[images]
            if not heard.any():
                continue
            own = values[np.ix_(heard, self.columns)]
            filled = np.full((int(heard.sum()), values.shape[1]), 1 / len(self.columns), dtype=np.float32)
            filled[:, self.columns] = own / own.sum(axis=1, keepdims=True)
            yield images[heard], filled


def weights_of_images(heard: np.ndarray, samples: Sequence[LabelBatch]) -> np.ndarray:
    """Return what each model weighs in each image, (images, models) float32; images that the same models have seen have the same weights.

    :param heard: (images, models), which models say something of which image.
    :param samples: labels of each model, of the same images but for those of which it says nothing.
    """
    import numpy as np

    models = len(samples)
    own = np.array([1 / fit_temperature(sample) if len(sample.rows) else 1.0 for sample in samples])
    rows = np.unique(np.concatenate([sample.rows for sample in samples]))
    holds = np.stack([np.isin(rows, sample.rows) for sample in samples], axis=1)
    groups, group_of = np.unique(heard, axis=0, return_inverse=True)
    weights = np.zeros((len(groups), models), dtype=np.float32)
    for number, group in enumerate(groups):
        of_group = rows[(holds == group).all(axis=1)]
        if group.any():
            parts = [samples[model].taken(np.searchsorted(samples[model].rows, of_group)) for model in np.flatnonzero(group).tolist()]
            weights[number, group] = fitted_weights(parts, own[group] / group.sum())
    return weights[group_of.reshape(-1)]


def fitted_weights(samples: Sequence[LabelBatch], prior: np.ndarray) -> np.ndarray:
    """Return the weights under which the given labels are most likely, (models,) float64, none negative: Newton's method.

    :param samples: the same labels, with each model's probabilities.
    :param prior: (models,) what the weights would be of no labels, and where the labels contradict all models.
    """
    import numpy as np

    models, given = len(samples), samples[0].given
    if not len(given):
        return prior
    logs = np.stack([logarithms(sample.probabilities) for sample in samples])
    of_given = logs[:, np.arange(len(given)), given].sum(axis=1, dtype=np.float64)

    def slope(weights: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return how unlikely the labels are, and its first and second derivatives."""
        pooled = np.tensordot(weights.astype(np.float32), logs, 1)
        highest = pooled.max(axis=1)
        odds = np.exp(pooled - highest[:, None])
        total = odds.sum(axis=1)
        odds /= total[:, None]
        mean = np.einsum("mnk,nk->mn", logs, odds).astype(np.float64)
        spread = np.einsum("mnk,lnk,nk->ml", logs, logs, odds, optimize=True).astype(np.float64) - mean @ mean.T
        away = weights - prior
        loss = float((highest + np.log(total)).sum(dtype=np.float64) - weights @ of_given + _PRIOR / 2 * away @ away)
        return loss, mean.sum(axis=1) - of_given + _PRIOR * away, spread + _PRIOR * np.eye(models)

    weights = prior
    loss, gradient, curvature = slope(weights)
    for _ in range(_STEPS):
        is_free = (weights > 0) | (gradient < 0)
        step = np.zeros(models)
        step[is_free] = np.linalg.solve(curvature[np.ix_(is_free, is_free)], gradient[is_free])
        size = 1.0
        while size > _SETTLED:
            tried = np.maximum(weights - size * step, 0)
            found = slope(tried)
            if found[0] < loss:
                break
            size /= 2
        if size <= _SETTLED or loss - found[0] < _SETTLED * max(1.0, abs(loss)):
            break
        weights, (loss, gradient, curvature) = tried, found
    return weights if weights.sum() >= _LEAST_SHARE * prior.sum() else prior
