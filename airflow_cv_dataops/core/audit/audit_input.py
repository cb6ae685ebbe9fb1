"""What checks look at: one partition's tables, and the arrays that most checks want."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_cv_dataops.core.audit.grouping import group_codes
from airflow_cv_dataops.core.labels.records import BACKGROUND

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

# Always read. What only some checks need stands in Check.reads, so that polygons and probabilities stay on disk for the others.
BASE_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "images": ("source_uri", "image_id", "file_name", "width", "height"),
    "annotations": ("label_set", "annotation_id", "image_id", "source_uri", "file_name", "task", "category", "bbox", "source"),
    "predictions": ("model", "image_id"),
}


# Columns of predictions that grow with the number of classes: never in ``AuditInput.predictions``, but read in batches, see there.
STREAMED_COLUMNS = ("probabilities", "classes", "embedding")
# Given columns, a model (``None``: all) and how many rows at most at a time, read the predictions.
PredictionReader = Callable[[Sequence[str], str | None, int], "Iterable[pa.Table]"]

T = TypeVar("T")

# A side not longer than this is rounding noise of normalised coordinates.
MIN_SIDE_PX = 0.01


@dataclass(frozen=True, eq=False)
class Boxes:
    """The boxes of all annotations (or predictions), in their order; float64 arrays of length N in pixels, NaN where there is no number.

    :param present: the annotation has a box at all.
    :param finite: all four numbers are there and finite.
    :param has_extent: finite, and both sides longer than ``MIN_SIDE_PX``.
    """

    x: np.ndarray
    y: np.ndarray
    width: np.ndarray
    height: np.ndarray
    present: np.ndarray
    finite: np.ndarray
    has_extent: np.ndarray


@dataclass(frozen=True, eq=False)
class AuditInput:
    """One partition's tables, in the schema module's column types, and what is derived from them once.

    :param images: at least ``BASE_COLUMNS["images"]``; likewise the others, each with what the enabled checks read beside.
    :param annotations: labels alone, once it is made: statements that nothing is there move to ``backgrounds``.
    :param categories: the taxonomy; ``None`` where any category goes.
    :param read_bytes: returns the bytes of a file that a row names, or raises ``OSError``; ``None`` where files cannot be read.
    :param read_predictions: reads predictions in batches; ``None``: ``predictions`` holds all columns.
    :ivar backgrounds: rows of ``annotations`` that are no label, but state that nothing is in their image.
    """

    images: pa.Table
    annotations: pa.Table
    predictions: pa.Table
    categories: tuple[str, ...] | None = None
    read_bytes: Callable[[str], bytes] | None = None
    read_predictions: PredictionReader | None = None
    backgrounds: pa.Table = field(init=False, repr=False)
    _derived: dict[Callable[..., Any], Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        import pyarrow.compute as pc

        rows, is_background = self.annotations, pc.equal(self.annotations["task"], BACKGROUND)
        object.__setattr__(self, "backgrounds", rows.filter(is_background))
        if self.backgrounds.num_rows:
            object.__setattr__(self, "annotations", rows.filter(pc.invert(is_background)))

    def iter_predictions(self, columns: Sequence[str], model: str | None = None, batch_rows: int = 65_536) -> Iterator[pa.Table]:
        """Yield predictions with these columns (``STREAMED_COLUMNS`` among them), at most ``batch_rows`` at a time, in any order."""
        import pyarrow.compute as pc

        if self.read_predictions is not None:
            yield from self.read_predictions(columns, model, batch_rows)
            return
        rows = self.predictions.select(list(columns))
        if model is not None:
            rows = rows.filter(pc.equal(self.predictions["model"], model))
        for start in range(0, rows.num_rows, batch_rows):
            yield rows.slice(start, batch_rows)

    def predicted_images(self, reads: Sequence[str]) -> np.ndarray:
        """Return the rows of the images of which models predict such things as a check with these ``reads`` goes by, ascending."""
        import numpy as np
        import pyarrow.compute as pc

        wanted = {name.partition(".")[2] for name in reads if name.startswith("predictions.")}
        rows, kinds = self.predictions, []
        if "probabilities" in wanted and "task" in rows.column_names:
            kinds.append(_numpy(pc.equal(rows["task"], "classification")).astype(bool))
        for name in sorted(wanted & {"bbox", "segmentation", "pixel_probabilities"} & set(rows.column_names)):
            kinds.append(_numpy(rows[name].is_valid()).astype(bool))
        is_such = self.predicted_image_row >= 0
        if wanted & {"probabilities", "bbox", "segmentation", "pixel_probabilities"}:
            is_such &= np.logical_or.reduce(kinds) if kinds else False
        return np.unique(self.predicted_image_row[is_such])

    @cached_property
    def boxes(self) -> Boxes:
        return boxes_of(self.annotations.column("bbox"))

    @cached_property
    def image_row(self) -> np.ndarray:
        """Row in ``images`` of each annotation's image, int64; -1 where it has none in the partition."""
        return self.image_rows_of(self.annotations.column("image_id"))

    @cached_property
    def predicted_image_row(self) -> np.ndarray:
        """Row in ``images`` of each prediction's image, int64; -1 where it has none in the partition."""
        return self.image_rows_of(self.predictions.column("image_id"))

    @cached_property
    def background_rows(self) -> np.ndarray:
        """The rows of the images that are said to hold nothing, each once, ascending."""
        import numpy as np

        rows = np.unique(self.image_rows_of(self.backgrounds.column("image_id")))
        return rows[rows >= 0]

    def image_rows_of(self, image_ids: pa.ChunkedArray) -> np.ndarray:
        """Return the first row in ``images`` with each of the ids, int64; -1 where there is none."""
        import pyarrow.compute as pc

        ids = self.images.column("image_id").combine_chunks()
        found = pc.index_in(image_ids, value_set=ids, skip_nulls=True)
        return _numpy(pc.fill_null(found, -1)).astype("int64")

    @cached_property
    def image_size(self) -> tuple[np.ndarray, np.ndarray]:
        """Width and height of each annotation's image in pixels, float64; NaN where the image is unknown."""
        import numpy as np

        known = self.image_row >= 0
        sizes = []
        for name in ("width", "height"):
            values = np.full(len(self.image_row), np.nan)
            values[known] = _numpy(self.images.column(name))[self.image_row[known]]
            sizes.append(values)
        return sizes[0], sizes[1]

    @cached_property
    def category_names(self) -> list[str]:
        """The categories that occur, sorted."""
        import pyarrow.compute as pc

        return sorted(pc.unique(self.annotations.column("category").drop_null()).to_pylist())

    @cached_property
    def category_codes(self) -> np.ndarray:
        """Each annotation's category as its place in ``category_names``, int64; -1 where it has none."""
        import pyarrow as pa
        import pyarrow.compute as pc

        names = pa.array(self.category_names, pa.string())
        return _numpy(pc.fill_null(pc.index_in(self.annotations.column("category"), value_set=names), -1)).astype("int64")

    @cached_property
    def place_codes(self) -> np.ndarray:
        """The file that each annotation lies on, as :func:`group_codes`: its ``source_uri``, else the file name that it states."""
        import pyarrow.compute as pc

        return group_codes(pc.coalesce(self.annotations.column("source_uri"), self.annotations.column("file_name")))


def derived(make: Callable[[AuditInput], T]) -> Callable[[AuditInput], T]:
    """Make a function of an input work its value out once for each input, however many checks ask for it.

    What a kind of checks derives from a partition stands with these checks; the input knows none of it.
    """

    @wraps(make)
    def once(data: AuditInput) -> T:
        if once not in data._derived:  # by the name that the module has, so that an input with values can be sent elsewhere
            data._derived[once] = make(data)
        value: T = data._derived[once]
        return value

    return once


def boxes_of(column: pa.ChunkedArray) -> Boxes:
    """Return a ``bbox`` column as arrays."""
    import numpy as np

    bbox = column.combine_chunks()
    present = _numpy(bbox.is_valid()).astype(bool)
    x, y, width, height = (_struct_field(bbox, name) for name in ("x", "y", "width", "height"))
    finite = np.isfinite(x) & np.isfinite(y) & np.isfinite(width) & np.isfinite(height)
    return Boxes(x, y, width, height, present, finite, has_extent=finite & (width > MIN_SIDE_PX) & (height > MIN_SIDE_PX))


def _struct_field(struct: Any, name: str) -> np.ndarray:
    import pyarrow.compute as pc

    # struct_field keeps the struct's own nulls; fill_null turns both kinds of null into NaN.
    return _numpy(pc.fill_null(pc.struct_field(struct, name), float("nan")))


def _numpy(column: Any) -> np.ndarray:
    """Return a column without nulls as numpy."""
    import pyarrow as pa

    return column.to_numpy() if isinstance(column, pa.ChunkedArray) else column.to_numpy(zero_copy_only=False)
