"""Labels and predictions to the images of their partition, by file name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.labels.file_names import has_image_extension
from airflow_cv_dataops.core.labels.formats.yolo_reader import to_pixels
from airflow_cv_dataops.core.labels.image_index import Answer
from airflow_cv_dataops.core.labels.matching import Matches
from airflow_cv_dataops.core.labels.matching import match_images as match_images
from airflow_cv_dataops.core.labels.records import AMBIGUOUS_FILE_NAME, BACKGROUND, CONTRADICTED_FILE_NAME, excerpt

if TYPE_CHECKING:
    import pyarrow as pa

IMAGE_COLUMNS = ("source_uri", "image_id", "file_name", "width", "height")

_SHOWN = 3


@dataclass(frozen=True)
class Joined:
    """Labels with their images.

    :param rows: the columns of ``annotations`` but the keys; ``image_id`` and ``source_uri``, dictionary-encoded, null where no image was
        joined.
    :param images: how many images have a label or a statement; byte-identical files are one image.
    :param unmatched: see :func:`unmatched_names`.
    """

    rows: pa.Table
    images: int
    unmatched: pa.Table


def join_labels(labels: pa.Table, images: pa.Table) -> Joined:
    """Join label rows (:func:`~airflow_cv_dataops.core.labels.records.label_schema`) to ``images`` rows.

    By name, as :func:`~airflow_cv_dataops.core.labels.image_names.find_images` says; of VOC and YOLO whatever the extension.
    Byte-identical images stand in for one another: the first by ``source_uri`` is taken. Boxes are taken as boxes of the upright image,
    whatever the EXIF orientation. A file says of itself that it has no label of an image: that is left out where another file has one.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    by_stem = pc.is_in(labels.column("format"), value_set=pa.array(["voc", "yolo"]))
    sources, names, others = (labels.column(name) for name in ("source", "file_name", "alternative_name"))
    matches = match_images(names, images, others, by_stem=by_stem, sources=sources, of_one_image=by_stem)
    rows = labels
    is_yolo = pc.equal(labels.column("format"), "yolo")
    if pc.any(is_yolo).as_py():
        sides = (images.column(side).cast("double").take(matches.position) for side in ("width", "height"))
        width, height = (np.asarray(side.fill_null(np.nan)) for side in sides)
        rows = to_pixels(labels, width, height)
    for name in ("image_id", "source_uri"):
        # Long texts, the same for all labels of an image.
        rows = rows.append_column(name, images.column(name).combine_chunks().dictionary_encode().take(matches.position))
    unmatched = unmatched_names(labels, matches, images)
    rows = _without_refuted_statements(rows.drop_columns(["alternative_name", "polygon"]))
    return Joined(rows, count_images(rows["image_id"]), unmatched)


def count_images(image_ids: pa.ChunkedArray) -> int:
    """Return how many images there are: what is said of one is said of all its byte-identical copies."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(image_ids.type):
        chunks = image_ids.unify_dictionaries().chunks
        image_ids = pa.chunked_array([chunk.indices for chunk in chunks], image_ids.type.index_type)
    return pc.count_distinct(image_ids, mode="only_valid").as_py()


def with_image(rows: pa.Table) -> pa.Table:
    """Return the rows that joined an image."""
    import pyarrow.compute as pc

    return rows.filter(pc.is_valid(rows["image_id"]))


def unmatched_names(rows: pa.Table, matches: Matches, images: pa.Table) -> pa.Table:
    """Return what joined no image, a row a name and label file.

    Columns: ``check`` (the reason), ``source_uri`` (of the label file), ``message`` and ``records`` (how many have that name).
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    lost = np.flatnonzero(np.asarray(matches.position.is_null()))
    found = rows.select(["source", "file_name"]).take(pa.array(lost)).append_column("answer", pa.array(matches.asked[lost]))
    found = found.group_by(["source", "file_name", "answer"], use_threads=False).aggregate([([], "count_all")])
    answers = [matches.answers[place] for place in found["answer"].to_pylist()]
    names = found["file_name"].to_pylist()
    why = pa.array([_why(name, answer, images) for name, answer in zip(names, answers, strict=True)], pa.string())
    count = pc.binary_join_element_wise(found["count_all"].cast("string"), found["source"], " in ")
    kept = pc.binary_join_element_wise(why, count, "; records without image: ")
    return pa.table(
        {
            "check": pa.array([answer.reason for answer in answers], pa.string()),
            "source_uri": found["source"],
            "message": kept,
            "records": found["count_all"],
        }
    )


def _why(name: str, answer: Answer, images: pa.Table) -> str:
    if not images.num_rows:
        return f"The partition has no image, so none is named {excerpt(name)}"
    # A folder that contradicts may be one of the address alone.
    column = "source_uri" if answer.reason == CONTRADICTED_FILE_NAME else "file_name"
    shown = ", ".join(excerpt(images[column][row].as_py()) for row in answer.near[:_SHOWN])
    more = f" and {len(answer.near) - _SHOWN:,} more" if len(answer.near) > _SHOWN else ""
    if answer.reason == AMBIGUOUS_FILE_NAME and len(answer.near) == 1:
        return f"{excerpt(name)} and another name of the label files both fit {shown}, and its address does not tell which is meant"
    if answer.reason == AMBIGUOUS_FILE_NAME:
        return f"{excerpt(name)} fits several images of the partition: {shown}{more}"
    if answer.is_of_file:
        advice = "write the image's folder into the name, or move or rename the file, where they belong together"
        return f"{excerpt(name)} is in the partition as {shown}, and the place or name of the file that names it is another's: {advice}"
    if answer.reason == CONTRADICTED_FILE_NAME:
        both = (name, images["file_name"][answer.near[0]].as_py())
        extensions = {text.rpartition(".")[2].lower() for text in both if has_image_extension(text)}
        where = "one of that name with another extension" if len(extensions) > 1 else "the same file name in another folder"
        return f"{excerpt(name)} is not in the partition, but {where}: {shown}{more}"
    return f"No image of the partition is named {excerpt(name)}" + (f" (with another extension there is {shown}{more})" if shown else "")


def _without_refuted_statements(rows: pa.Table) -> pa.Table:
    """Leave out that there is nothing in an image of which there are labels, and such a statement that is made again."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    is_statement = np.asarray(pc.equal(rows["task"], BACKGROUND))
    if not is_statement.any():
        return rows
    names = rows["file_name"].combine_chunks().dictionary_encode()
    ids = rows["image_id"].combine_chunks()
    # One number for each image, and for each name without one.
    images = np.asarray(pc.coalesce(ids.indices.cast("int64"), pc.add(names.indices.cast("int64"), len(ids.dictionary))))
    labelled = np.zeros(images.max() + 1, dtype=bool)
    labelled[images[~is_statement]] = True
    first = np.zeros(len(images), dtype=bool)
    first[np.unique(np.where(is_statement, images, -1), return_index=True)[1]] = True
    kept = ~is_statement | (first & ~labelled[images])
    return rows if kept.all() else rows.filter(pa.array(kept))
