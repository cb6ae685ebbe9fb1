"""Labels and predictions to the images of their partition, by file name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.labels.file_names import has_image_extension, spellings, strip_extension
from airflow_cv_dataops.core.labels.formats.yolo_reader import to_pixels
from airflow_cv_dataops.core.labels.records import AMBIGUOUS_FILE_NAME, Problem, excerpt

if TYPE_CHECKING:
    import pyarrow as pa

IMAGE_COLUMNS = ("source_uri", "image_id", "file_name", "width", "height")

_AMBIGUOUS = -1
_NONE = -2
_DEEPEST = 8


@dataclass(frozen=True)
class Joined:
    """Labels with their images.

    :param rows: the columns of ``annotations`` but the keys; ``image_id`` and ``source_uri`` null where no image was joined.
    :param images: how many image rows have a label, their own or that of a byte-identical copy.
    :param ambiguous: one problem for each file name that fits several images.
    """

    rows: pa.Table
    images: int
    ambiguous: tuple[Problem, ...]


def join_labels(labels: pa.Table, images: pa.Table) -> Joined:
    """Join label rows (:func:`~airflow_cv_dataops.core.labels.records.label_schema`) to ``images`` rows.

    A name joins the image with the very same path below the source prefix, else the one image that shares the longest end of
    the path (at least the file's name), else the same without extension: for VOC and YOLO, and for names that have none.
    Byte-identical images stand in for one another: the first by ``source_uri`` is taken. Boxes are taken as boxes of the
    upright image, whatever the EXIF orientation.
    """
    import numpy as np
    import pyarrow.compute as pc

    by_stem = pc.is_in(labels.column("format"), value_set=_strings(["voc", "yolo"]))
    position, ambiguous = match_images(labels.column("file_name"), images, labels.column("alternative_name"), by_stem=by_stem)
    rows = labels
    is_yolo = pc.equal(labels.column("format"), "yolo")
    if pc.any(is_yolo).as_py():
        width, height = (np.asarray(images.column(side).cast("double").take(position).fill_null(np.nan)) for side in ("width", "height"))
        rows = to_pixels(labels, width, height)
    for name in ("image_id", "source_uri"):
        rows = rows.append_column(name, images.column(name).take(position))
    problems = ambiguities(labels, ambiguous)
    return Joined(rows.drop_columns(["alternative_name", "polygon"]), rows_with(rows["image_id"], images), problems)


def rows_with(image_ids: pa.ChunkedArray, images: pa.Table) -> int:
    """Return how many rows of ``images`` have one of the ids: what is said of an image is said of all its copies."""
    import pyarrow.compute as pc

    found = pc.is_in(images["image_id"], value_set=image_ids.drop_null().unique().cast(images["image_id"].type))
    return pc.sum(found).as_py() or 0


def match_images(
    names: pa.ChunkedArray,
    images: pa.Table,
    alternatives: pa.ChunkedArray | None = None,
    *,
    by_stem: pa.ChunkedArray | bool = False,
) -> tuple[pa.Array, pa.Array]:
    """Return, for each name, the position of its image in ``images`` (null where there is none) and whether several fit.

    :param alternatives: second names, tried where the first joins no image.
    :param by_stem: names that may differ from the image's in their extension.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    second = pa.scalar("") if alternatives is None else alternatives.fill_null("")
    stem = pc.if_else(by_stem, "y", "n")
    # A label file names an image again for each of its labels: each distinct name is looked up once.
    asked = pc.binary_join_element_wise(stem, second, names, "\0").combine_chunks().dictionary_encode()
    index = ImageNames(images)
    answers = np.full(len(asked.dictionary) + 1, _NONE, dtype=np.int64)
    for number, question in enumerate(asked.dictionary.to_pylist()):
        by, alternative, name = question.split("\0", 2)
        found = index.find(name, alternative or None, by_stem=by == "y")
        answers[number] = _NONE if found is None else found
    position = answers[np.asarray(asked.indices)]
    return pa.array(position, mask=position < 0), pa.array(position == _AMBIGUOUS)


def ambiguities(labels: pa.Table, ambiguous: pa.Array) -> tuple[Problem, ...]:
    """Return one problem for each file and image name in it that fits several images."""
    found = labels.select(["source", "file_name"]).filter(ambiguous).group_by(["source", "file_name"], use_threads=False)
    counted = found.aggregate([([], "count_all")])
    return tuple(
        Problem(
            AMBIGUOUS_FILE_NAME,
            row["source"],
            f"{excerpt(row['file_name'])} fits several images of the partition; its {row['count_all']:,} records are kept without image.",
        )
        for row in counted.to_pylist()
    )


class ImageNames:
    """The file names of a partition's images, to be looked up as label files write them."""

    def __init__(self, images: pa.Table) -> None:
        import pyarrow.compute as pc

        self._image_ids = images.column("image_id").to_pylist()
        self._names = images.column("file_name").to_pylist()
        self._order = pc.sort_indices(images.column("source_uri")).to_pylist()
        self._exact: dict[str, int] = {}
        for row in self._order:
            self._put(self._exact, self._names[row], row)
        self._ends: dict[str, int] | None = None
        self._stems: dict[str, int] | None = None

    def find(self, name: str, alternative: str | None = None, *, by_stem: bool = False) -> int | None:
        """Return the image's position, ``None`` where no image fits, -1 where several do."""
        found = self._find(name, by_stem)
        if (found is None or found == _AMBIGUOUS) and alternative is not None:
            second = self._find(alternative, True)
            return found if second is None else second
        return found

    def _find(self, name: str, by_stem: bool) -> int | None:
        found = self._exact.get(name)
        if found is not None:
            return found
        for spelling in spellings(name):
            found = self._longest_end(self._by_end(), spelling)
            if found is None and (by_stem or not has_image_extension(spelling)):
                stem = strip_extension(spelling) if has_image_extension(spelling) else spelling
                found = self._longest_end(self._by_stem(), stem)
            if found is not None:
                return found
        return None

    @staticmethod
    def _longest_end(index: dict[str, int], path: str) -> int | None:
        parts = path.split("/")
        for depth in range(min(len(parts), _DEEPEST), 0, -1):
            found = index.get("/".join(parts[-depth:]))
            if found is not None:
                return found
        return None

    def _by_end(self) -> dict[str, int]:
        if self._ends is None:
            self._ends = self._index_of(strip=False)
        return self._ends

    def _by_stem(self) -> dict[str, int]:
        if self._stems is None:
            self._stems = self._index_of(strip=True)
        return self._stems

    def _index_of(self, *, strip: bool) -> dict[str, int]:
        """Return every end of every path, up to eight components, with the image it stands for."""
        index: dict[str, int] = {}
        for row in self._order:
            for spelling in spellings(self._names[row]):
                parts = (strip_extension(spelling) if strip else spelling).split("/")
                for depth in range(1, min(len(parts), _DEEPEST) + 1):
                    self._put(index, "/".join(parts[-depth:]), row)
        return index

    def _put(self, index: dict[str, int], key: str, row: int) -> None:
        first = index.setdefault(key, row)
        if first not in (row, _AMBIGUOUS) and self._image_ids[first] != self._image_ids[row]:
            index[key] = _AMBIGUOUS


def _strings(values: list[str]) -> pa.Array:
    import pyarrow as pa

    return pa.array(values, pa.string())
