"""Which column of a table names the image, of labels and of class probabilities alike."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_cv_dataops.core.labels.file_names import has_image_extension

IMAGE_NAMES = (
    "image",
    "file",
    "filename",
    "file_name",
    "path",
    "image_path",
    "image_file",
    "image_name",
    "file_path",
    "filepath",
    "img_path",
)
IMAGE_IDS = ("image_id", "id")
LINES_LOOKED_AT = 20


def image_column(header: Sequence[str], lines: Sequence[Sequence[object]], usual: Sequence[str]) -> int | None:
    """Return the position of the column that names the image, ``None`` where there is none.

    A column of image files goes before one of numbers or ids, whatever the two are called; else the first of the usual names counts.

    :param lines: the first lines below the header, at most :data:`LINES_LOOKED_AT`.
    :param usual: names of columns that name the image even where their values do not look like image files.
    """
    places = [column_place(name, header) for name in (*IMAGE_NAMES, *IMAGE_IDS)]
    of_files = next((place for place in places if place is not None and _holds_files(place, lines)), None)
    if of_files is not None:
        return of_files
    return next((place for name in usual if (place := column_place(name, header)) is not None), None)


def column_place(name: str, header: Sequence[str]) -> int | None:
    """Return the position of a column by its name; where none is written so, by its name in whatever case."""
    if name in header:
        return header.index(name)
    lowered = [column.strip().lower() for column in header]
    return lowered.index(name.lower()) if name.lower() in lowered else None


def _holds_files(place: int, lines: Sequence[Sequence[object]]) -> bool:
    values = [str(cells[place]).strip() for cells in lines if place < len(cells) and cells[place]]
    return bool(values) and all(map(has_image_extension, values))
