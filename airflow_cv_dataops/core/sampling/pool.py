"""The pool: the images that may be chosen, and what is known of them, read when a score asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, TypeVar

from airflow_cv_dataops.core.image_places import ImagePlaces

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

T = TypeVar("T")


class Rows(Protocol):
    """Rows of a table, read a few at a time whenever they are gone through; the same order every time."""

    def batches(self, columns: Sequence[str], batch_rows: int) -> Iterator[pa.Table]: ...


@dataclass(frozen=True, eq=False)
class OfImages:
    """Some rows of a table that are about images of the pool.

    :param image: (M,) which row of the pool each is about. :param table: (M rows) the columns that were asked for.
    """

    image: np.ndarray
    table: pa.Table


@dataclass(frozen=True, eq=False)
class Known:
    """What is labelled (or waits to be) and therefore not in the pool.

    :param categories: how many annotations there are of each category. :param embeddings: (M, D) float32 of those images that have one.
    """

    categories: Mapping[str, int] = field(default_factory=dict)
    embeddings: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Pool:
    """Images that may be chosen, each once.

    :param images: (N rows) image_id, source_uri, storage_uri, file_name, and the columns that scores and limits read.
    :param predictions: rows of ``predictions``, by model.
    :param model: the model whose uncertainty counts; ``None``: there is none.
    :param annotations: rows of ``annotations``; ``None``: none were asked for.
    :param findings: rows of ``findings``.
    :param embeddings: (N, D) float32, a row of NaN where an image has none; ``None``: no image has one.
    :param known: what is labelled already.
    :param similar_to: (S, D) float32, embeddings of the images that a person named.
    :param aggregate: how an image's boxes make its score: ``max``, ``mean``, ``sum`` or ``count_normalised``.
    :param empty_score: the uncertainty, 0 to 1, of an image in which a detector found no box; ``None``: such an image has none.
    """

    images: pa.Table
    predictions: Mapping[str, Rows] = field(default_factory=dict)
    model: str | None = None
    annotations: Rows | None = None
    findings: Rows | None = None
    embeddings: np.ndarray | None = None
    known: Known = field(default_factory=Known)
    similar_to: np.ndarray | None = None
    aggregate: str = "max"
    empty_score: float | None = 0.0
    _kept: dict[object, object] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return int(self.images.num_rows)

    def outputs(self, columns: Sequence[str], *, model: str | None = None, batch_rows: int = 65_536) -> Iterator[OfImages]:
        """Yield a model's outputs on images of the pool. :param model: ``None``: the pool's."""
        rows = self.predictions.get(model or self.model or "")
        return iter(()) if rows is None else self._of_images(rows, columns, batch_rows)

    def labels(self, columns: Sequence[str], batch_rows: int = 65_536) -> Iterator[OfImages]:
        """Yield the labels of images of the pool; there are some only where it is made of labelled images."""
        return iter(()) if self.annotations is None else self._of_images(self.annotations, columns, batch_rows)

    def found(self, columns: Sequence[str], batch_rows: int = 65_536) -> Iterator[OfImages]:
        """Yield findings about images of the pool."""
        return iter(()) if self.findings is None else self._of_images(self.findings, columns, batch_rows)

    def kept(self, key: object, make: Callable[[], T]) -> T:
        """Return what was made for a key, making it the first time: for what several scores, or a score and its words, go by."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]  # type: ignore[return-value]

    @cached_property
    def _places(self) -> ImagePlaces:
        return ImagePlaces(self.images["image_id"])

    def _of_images(self, rows: Rows, columns: Sequence[str], batch_rows: int) -> Iterator[OfImages]:
        """Yield the rows that are of images of the pool. Ids are read and looked up the first time only; rows keep their order."""
        import numpy as np
        import pyarrow as pa

        key = "places", id(rows)
        places, found, start = self._kept.get(key), [np.empty(0, dtype=np.int32)], 0
        wanted = tuple(dict.fromkeys(columns if columns and isinstance(places, np.ndarray) else ("image_id", *columns)))
        for batch in rows.batches(wanted, batch_rows):
            if isinstance(places, np.ndarray):
                image = places[start : start + batch.num_rows].astype(np.int64)
            else:
                image = self._places.of(batch["image_id"])
                found.append(image.astype(np.int32))
            start += batch.num_rows
            is_here = image >= 0
            yield OfImages(image, batch) if is_here.all() else OfImages(image[is_here], batch.filter(pa.array(is_here)))
        self._kept.setdefault(key, np.concatenate(found))
