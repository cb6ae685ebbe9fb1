"""What several classifiers together say of each image: the committee's mean, and the mean of its members."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.predictions.batches import stored_classes
from airflow_cv_dataops.core.sampling.scores.rows import class_probabilities, rows_at_once
from airflow_cv_dataops.core.sampling.scores.uncertainty import DIGITS, distributions

if TYPE_CHECKING:
    import numpy as np

    from airflow_cv_dataops.core.sampling.pool import OfImages, Pool

log = logging.getLogger(__name__)

_COLUMNS = ("task", "probabilities", "classes")
# Probabilities that are held at a time, of one model and in sum: 512 MB. A pool with more of them is gone through several times.
_MOST_VALUES = 2**25


@dataclass(frozen=True, eq=False)
class Committee:
    """What the models of a pool say of each image.

    :param information: (N,) entropy of the members' mean minus the mean of their entropies, by log K, 0 to 1; NaN where fewer than two
        models saw the image. :param members: (N,) how many models saw it.
    """

    information: np.ndarray
    members: np.ndarray


def committee(pool: Pool) -> Committee:
    """Return what the classifiers of a pool say together; read once.

    The classes of all models stand side by side by name. A class that a model does not know has probability 0 from it: it can only say
    something else, and where others say that class, they disagree. A model that gives an image two different
    distributions says nothing of it that could be relied on: the image is NaN, and the log says how many there are.
    """
    return pool.kept("committee", lambda: _committee(pool))


def _committee(pool: Pool) -> Committee:
    import numpy as np

    place = {name: number for number, name in enumerate(_class_names(pool))}
    information, members = np.full(len(pool), np.nan), np.zeros(len(pool), dtype=np.int64)
    doubled = 0
    step = max(_MOST_VALUES // max(len(place), 1), 1)
    for start in range(0, len(pool) if place else 0, step):
        block = _Block(pool, place, start, min(start + step, len(pool)))
        information[start : block.stop], members[start : block.stop] = block.information(), block.members
        doubled += int(block.is_doubled.sum())
    if doubled:
        log.warning(
            "%d images have several distributions of one model, which cannot all be right: their disagreement is not told.", doubled
        )
    return Committee(information, members)


def _class_names(pool: Pool) -> list[str]:
    """Return the names of all classes of all models, sorted."""
    import pyarrow.compute as pc

    texts: set[str | None] = set()
    for model, rows in sorted(pool.predictions.items()):
        for found in pool.outputs(("task", "classes"), model=model, batch_rows=rows_at_once(rows)):
            classified = found.table.filter(pc.equal(found.table["task"], "classification"))
            texts.update(pc.unique(classified["classes"]).to_pylist())
    return sorted({name for text in texts for name in stored_classes(text)})


class _Block:
    """Sums over the models for the images from ``start`` to ``stop``."""

    def __init__(self, pool: Pool, place: Mapping[str, int], start: int, stop: int) -> None:
        import numpy as np

        self.start, self.stop = start, stop
        self.members = np.zeros(stop - start, dtype=np.int64)
        self.is_doubled = np.zeros(stop - start, dtype=bool)
        self._place = place
        self._sum = np.zeros((stop - start, len(place)))
        self._entropies = np.zeros(stop - start)
        # In the order of the models' names, so that the last digits do not depend on how the models were given.
        for model, rows in sorted(pool.predictions.items()):
            own = np.full((stop - start, len(place)), np.nan)
            for found in pool.outputs(_COLUMNS, model=model, batch_rows=rows_at_once(rows)):
                self._take(found, own)
            seen = np.flatnonzero(~np.isnan(own[:, 0]))
            self.members[seen] += 1
            self._sum[seen] += own[seen]
            self._entropies[seen] += _entropy(own[seen])

    def information(self) -> np.ndarray:
        """Return the entropy of the mean minus the mean of the entropies, by log K."""
        import numpy as np

        told = (self.members > 1) & ~self.is_doubled
        result = np.full(len(told), np.nan)
        if len(self._place) < 2:
            result[told] = 0
            return result
        members = self.members[told]
        difference = _entropy(self._sum[told] / members[:, None]) - self._entropies[told] / members
        result[told] = np.round(np.clip(difference / np.log(len(self._place)), 0, 1), DIGITS)
        return result

    def _take(self, found: OfImages, own: np.ndarray) -> None:
        """Take a model's distributions in, the first of each image; a later one may repeat it, but not contradict it."""
        import numpy as np
        import pyarrow.compute as pc

        is_here = (found.image >= self.start) & (found.image < self.stop)
        is_here &= pc.equal(found.table["task"], "classification").to_numpy()
        for stored in class_probabilities(found.table):
            values = np.zeros((len(stored.row), own.shape[1]))
            values[:, [self._place[name] for name in stored.names]] = distributions(stored.values)
            usable = is_here[stored.row] & ~np.isnan(values).any(axis=1)
            values, image = values[usable], found.image[stored.row[usable]] - self.start
            is_new = np.isnan(own[image, 0])
            own[image[is_new]] = values[is_new]
            self.is_doubled[image[(own[image] != values).any(axis=1)]] = True


def _entropy(probabilities: np.ndarray) -> np.ndarray:
    """Return ``-sum(p log p)`` of each row, in nats."""
    import numpy as np

    logarithms = np.log(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0)
    result: np.ndarray = -(probabilities * logarithms).sum(axis=1)
    return result
