"""Checks on how labels, images and categories belong together."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.check import check
from airflow_cv_dataops.core.audit.finding_rows import annotation_rows, background_rows, image_rows, number, text
from airflow_cv_dataops.core.audit.grouping import group_codes
from airflow_cv_dataops.core.audit.looked_at import all_images

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_cv_dataops.core.audit.audit_input import AuditInput


@check(
    "error",
    meaning="A label, or a statement that nothing is in an image, whose image is not in the partition: no file matched its name, or the"
    " file has gone or changed since.",
    fix="Ingest the image, correct the file name in the label file, or import the labels anew after an ingest.",
    column="image_id",
)
def missing_image(data: AuditInput) -> pa.Table | None:
    """Find labels whose image is not in the partition: none joined on import, or it has gone or changed since.

    So are statements that nothing is in an image, as long as the image is not there.
    """
    import numpy as np
    import pyarrow as pa

    labels = np.flatnonzero(data.image_row < 0)
    statements = np.flatnonzero(data.image_rows_of(data.backgrounds["image_id"]) < 0)
    found = [
        annotation_rows(data, labels, _missing(data.annotations.take(pa.array(labels)), "label's")),
        background_rows(data, statements, _missing(data.backgrounds.take(pa.array(statements)), "empty")),
    ]
    tables = [table for table in found if table is not None]
    return pa.concat_tables(tables) if tables else None


def _missing(rows: pa.Table, whose: str) -> pa.Array:
    """Say of each row what became of its image."""
    import pyarrow.compute as pc

    never_joined = text(f"no image of the partition is the {whose} ", rows["file_name"])
    gone_since = text(f"the {whose} image ", rows["file_name"], " is no longer in the partition, or its bytes have changed")
    return pc.if_else(rows["image_id"].combine_chunks().is_null(), never_joined, gone_since)


@check(
    "info",
    meaning="An image that no label belongs to, and of which no label file says that nothing is in it.",
    fix="Have it labelled; where every image must have a label, raise the severity.",
    column="file_name",
    looks_at=all_images,
)
def image_without_label(data: AuditInput) -> pa.Table | None:
    """Find images without any label, and without the statement that there is nothing to label.

    Byte-identical files are one image, for which the smallest ``source_uri`` stands.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    image_ids = data.images.column("image_id")
    said = pa.chunked_array([*data.annotations["image_id"].chunks, *data.backgrounds["image_id"].chunks], image_ids.type)
    unlabelled = pc.invert(pc.is_in(image_ids, value_set=said.combine_chunks(), skip_nulls=True))
    by_uri = pc.sort_indices(data.images, sort_keys=[("source_uri", "ascending")]).to_numpy()
    first = by_uri[np.unique(group_codes(image_ids)[by_uri], return_index=True)[1]]
    rows = np.sort(first[unlabelled.to_numpy()[first]])
    return image_rows(data, rows, text("no label for ", data.images.column("file_name").take(pa.array(rows))))


@check(
    "error",
    meaning="A label without a category, or with one that is not in the list of categories.",
    fix="Correct the spelling (the suggestion names the closest category), or add the category to the list.",
    column="category",
)
def unknown_category(data: AuditInput) -> pa.Table | None:
    """Find labels without a category, or with one that is not in the taxonomy (where one is given)."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    category = data.annotations.column("category").combine_chunks()
    unknown = category.is_null()
    if data.categories is not None:
        unknown = pc.or_(unknown, pc.invert(pc.is_in(category, value_set=pa.array(data.categories, pa.string()))))
    rows = np.flatnonzero(unknown.to_numpy(zero_copy_only=False))
    found = category.take(pa.array(rows)).dictionary_encode()
    messages = [f"category {name!r} is not in the list of categories" for name in found.dictionary.to_pylist()]
    suggestions = [_closest(name, data.categories or ()) for name in found.dictionary.to_pylist()]
    message = pc.fill_null(pa.array(messages, pa.string()).take(found.indices), "the label has no category")
    return annotation_rows(data, rows, message, suggestion=pa.array(suggestions, pa.string()).take(found.indices))


@check(
    "error",
    meaning="An id that one label file gives to more than one label.",
    fix="Number the labels of the file anew; look for a file that was merged or appended twice.",
    column="source_id",
    reads=("annotations.source_id",),
)
def duplicate_id(data: AuditInput) -> pa.Table | None:
    """Find label ids that a label file gives twice (COCO ids are unique per file); each use after the first is a finding."""
    import numpy as np
    import pyarrow as pa

    labels = data.annotations
    codes = group_codes(labels["label_set"], labels["source"], labels["source_id"])
    rows = np.flatnonzero(labels["source_id"].is_valid().to_numpy())
    first = np.empty(len(codes), dtype=np.int64)
    first[codes[rows[::-1]]] = rows[::-1]  # of several rows with one code the last one written, which is the first, stays
    repeated = rows[first[codes[rows]] != rows]
    firsts = labels["annotation_id"].take(pa.array(first[codes[repeated]]))
    again = labels["source_id"].take(pa.array(repeated))
    message = text("id ", again, " stands more than once in the label file; first at annotation ", firsts)
    return annotation_rows(data, repeated, message)


def _stated_sizes(data: AuditInput) -> int:
    """Count the labels that state a size, of an image whose size is known."""
    import pyarrow.compute as pc

    is_stated = pc.or_(data.annotations["stated_width"].is_valid(), data.annotations["stated_height"].is_valid())
    return int((is_stated.to_numpy() & (data.image_row >= 0)).sum())


@check(
    "warning",
    meaning="The size that a label file states for an image is not the image's size.",
    fix="Check whether the image was resized, or turned by its EXIF orientation, after labelling; scale or redraw its labels.",
    column="stated_width",
    reads=("annotations.stated_width", "annotations.stated_height"),
    looks_at=_stated_sizes,
)
def size_mismatch(data: AuditInput) -> pa.Table | None:
    """Find images whose size, as a label file states it, is not the image's; one finding an image and label file.

    A swapped width and height hints at labels drawn without regard to the EXIF orientation.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    width, height = data.image_size
    stated_width, stated_height = (
        pc.fill_null(data.annotations.column(name).cast("float64"), float("nan")).to_numpy() for name in ("stated_width", "stated_height")
    )
    with np.errstate(invalid="ignore"):
        differs = (np.abs(stated_width - width) > 0) | (np.abs(stated_height - height) > 0)
    rows = np.flatnonzero(differs)
    labels = data.annotations.select(["label_set", "source", "source_uri", "image_id"]).take(pa.array(rows))
    codes = group_codes(labels["label_set"], labels["source"], labels["source_uri"], labels["image_id"])
    rows = rows[np.sort(np.unique(codes, return_index=True)[1])]
    stated = text(number(stated_width[rows]), " x ", number(stated_height[rows]))
    actual = text(number(width[rows]), " x ", number(height[rows]))
    swapped = (stated_width[rows] == height[rows]) & (stated_height[rows] == width[rows])
    hint = pc.if_else(pa.array(swapped), " (swapped: EXIF orientation?)", "")
    found = annotation_rows(data, rows, text("the label file states ", stated, " px, the image has ", actual, " px", hint))
    # The finding is about the image, not about the one label that happens to be the image's first.
    return None if found is None else found.drop_columns(["annotation_id", "category"])


def _closest(category: str, categories: tuple[str, ...]) -> str | None:
    """Suggest the taxonomy's spelling of a category that is misspelt or differs in case."""
    folded = {name.casefold(): name for name in reversed(categories)}
    near = difflib.get_close_matches(category.casefold(), folded, n=1, cutoff=0.8)
    return json.dumps({"category": folded[near[0]]}, ensure_ascii=False) if near else None
