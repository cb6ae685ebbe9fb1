"""What a model says of the few images that are put in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.sampling.scores.rows import class_probabilities, rows_at_once
from airflow_cv_dataops.core.sampling.scores.uncertainty import distributions

if TYPE_CHECKING:
    from airflow_cv_dataops.core.sampling.pool import OfImages, Pool

_COLUMNS = ("prediction_id", "task", "category", "score", "probabilities", "classes")
_MOST_CLASSES = 3


@dataclass(frozen=True, slots=True)
class Said:
    """One prediction.

    :param confidence: as it is stored; ``None``: none. :param likeliest: the three most probable classes, each with its probability, where
        the prediction has probabilities. :param is_box: of an object in the image (box or mask), not of the image as a whole.
    """

    prediction_id: str
    category: str | None
    confidence: float | None
    likeliest: Sequence[tuple[str, float]]
    is_box: bool

    @property
    def doubt(self) -> float:
        """1 less the lead of the first class, or of the confidence; -1 where nothing is known of it."""
        if self.likeliest:
            return 1 - self.likeliest[0][1] + (self.likeliest[1][1] if len(self.likeliest) > 1 else 0)
        known = self.confidence is not None and 0 <= self.confidence <= 1
        return 1 - abs(2 * (self.confidence or 0) - 1) if known else -1

    @property
    def has_rival(self) -> bool:
        """The second class has at least half of the probability of the first."""
        return len(self.likeliest) > 1 and self.likeliest[1][1] >= self.likeliest[0][1] / 2

    @property
    def is_unsure(self) -> bool:
        """The first class leads by no more than a half; of a confidence: it lies from 25% to 75%."""
        return self.doubt >= 0.5


def will_be_put_in_words(pool: Pool, rows: Iterable[int]) -> None:
    """Say of which images words will be asked, so that predictions are gone through once for all of them."""
    pool.kept("in_words", set[int]).update(rows)


def said_of(pool: Pool, row: int, model: str | None = None) -> Sequence[Said]:
    """Return what a model predicts of an image, by id. :param model: ``None``: the pool's."""
    name = model or pool.model or ""
    known = pool.kept("said", dict[tuple[str, int], list[Said]])
    if (name, row) not in known:
        missing = {place for place in {row, *pool.kept("in_words", set[int])} if (name, place) not in known}
        known.update({(name, place): [] for place in missing})
        for place, said in _read(pool, name, missing):
            known[name, place].append(said)
        for place in missing:
            known[name, place].sort(key=lambda said: said.prediction_id)
    return known[name, row]


def _read(pool: Pool, model: str, rows: set[int]) -> Iterable[tuple[int, Said]]:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.sampling.pool import OfImages

    wanted = np.array(sorted(rows), dtype=np.int64)
    for found in pool.outputs(_COLUMNS, model=model, batch_rows=rows_at_once(pool.predictions.get(model))):
        mask = np.isin(found.image, wanted)
        if mask.any():
            yield from _said(OfImages(found.image[mask], found.table.filter(pa.array(mask))))


def _said(found: OfImages) -> Iterable[tuple[int, Said]]:
    """Yield the predictions of a batch; a loop, over those of the chosen images only."""
    import numpy as np

    likeliest: dict[int, Sequence[tuple[str, float]]] = {}
    for stored in class_probabilities(found.table):
        values = distributions(stored.values)
        first = np.argsort(-values, axis=1, kind="stable")[:, :_MOST_CLASSES]
        for row, classes, own in zip(stored.row.tolist(), first.tolist(), values, strict=True):
            if not np.isnan(own).any():
                likeliest[row] = [(stored.names[number], float(own[number])) for number in classes]
    columns = (found.table[name].to_pylist() for name in ("prediction_id", "category", "score", "task"))
    for at, (image, key, category, score, task) in enumerate(zip(found.image.tolist(), *columns, strict=True)):
        yield image, Said(key, category, score, likeliest.get(at, ()), task != "classification")
