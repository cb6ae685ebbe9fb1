"""One opinion of a classifier of each image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.labels.records import MALFORMED_RECORD, Problem, clean_text, excerpt

if TYPE_CHECKING:
    import pyarrow as pa


def repeated_opinions(rows: pa.Table, image_ids: pa.ChunkedArray) -> tuple[pa.Array, list[Problem]]:
    """Return which rows count of a classifier's probabilities, and what is wrong with the others.

    Of an image that has several the first counts if all are equal, else none, as none is known to be right. Names of no image are taken
    for one image each. Other predictions all count.

    :param image_ids: of each row its image, null where it joins none. Byte-identical files are one image.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kept = np.ones(rows.num_rows, dtype=bool)
    # A zero byte before an id: no name begins so.
    images = pc.coalesce(pc.binary_join_element_wise("", image_ids, "\0"), rows["file_name"]).combine_chunks()
    groups = np.asarray(images.dictionary_encode().indices)
    is_opinion = np.asarray(pc.is_valid(rows["probabilities"]))
    counts = np.bincount(groups[is_opinion], minlength=len(groups))
    of_image: dict[int, list[int]] = {}
    for row in np.flatnonzero(is_opinion & (counts[groups] > 1)).tolist():
        of_image.setdefault(int(groups[row]), []).append(row)
    problems = []
    # Few images are there again, if any.
    for found in of_image.values():
        first, *others = (rows["probabilities"][row] for row in found)
        is_same = all(other == first for other in others)
        kept[found[1:] if is_same else found] = False
        names = list(dict.fromkeys(rows["file_name"][row].as_py() for row in found))
        also = f" (also named {excerpt(names[1])})" if len(names) > 1 else ""
        taken = "the first was taken" if is_same else "which differ: none was taken"
        message = f"{excerpt(names[0])}{also} has {len(found):,} rows, {taken}."
        problems.append(Problem(MALFORMED_RECORD, rows["source"][found[-1]].as_py(), clean_text(message)))
    return pa.array(kept), problems
