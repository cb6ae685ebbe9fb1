"""Labels of an image of which another label set says that nothing is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.finding_rows import background_rows, text
from airflow_cv_dataops.core.audit.grouping import group_codes

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_cv_dataops.core.audit.audit_input import AuditInput


def statements_beside_labels(data: AuditInput) -> int:
    """Count the statements that nothing is in an image of which another label set has labels, of whatever categories."""
    import pyarrow.compute as pc

    said = data.backgrounds.select(["image_id", "label_set"])
    labels = data.annotations.select(["image_id", "label_set"])
    labels = labels.filter(pc.is_in(labels["image_id"], value_set=said["image_id"].drop_null().combine_chunks()))
    if not labels.num_rows:
        return 0
    others = labels.group_by(["image_id", "label_set"]).aggregate([]).rename_columns(["image_id", "other"])
    both = said.join(others, "image_id", join_type="inner")
    both = both.filter(pc.not_equal(both["label_set"], both["other"]))
    return both.group_by(["image_id", "label_set"]).aggregate([]).num_rows


def denied_labels(data: AuditInput) -> pa.Table | None:
    """Find statements that nothing is in an image where another label set has labels, one finding an image and label set.

    A label set that labels other things says nothing about these (faces beside traffic signs): it is contradicted by labels of categories
    that it has itself in the partition, or by any where it has none at all.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    said = data.backgrounds.select(["image_id", "label_set"])
    said = said.append_column("row", pa.array(np.arange(said.num_rows))).filter(said["image_id"].is_valid())
    said = said.take(pa.array(np.sort(np.unique(group_codes(said["image_id"], said["label_set"]), return_index=True)[1])))
    labels = data.annotations.select(["image_id", "label_set", "category"])
    labels = labels.filter(pc.is_in(labels["image_id"], value_set=said["image_id"].combine_chunks(), skip_nulls=True))
    if not labels.num_rows:
        return None
    known = data.annotations.select(["label_set", "category"]).group_by(["label_set", "category"]).aggregate([]).to_pylist()
    categories: dict[str, set[str | None]] = {}
    for pair in known:
        categories.setdefault(pair["label_set"], set()).add(pair["category"])
    others = labels.group_by(["image_id", "label_set", "category"]).aggregate([]).rename_columns(["image_id", "other", "category"])
    contradicting: dict[int, set[str]] = {}
    for pair in said.join(others, "image_id", join_type="inner").to_pylist():  # images that are said to be empty and are labelled: few
        own = categories.get(pair["label_set"])
        if pair["other"] != pair["label_set"] and (own is None or pair["category"] in own):
            contradicting.setdefault(pair["row"], set()).add(pair["other"])
    rows = np.array(sorted(contradicting), np.int64)
    names = pa.array([", ".join(sorted(contradicting[row])) for row in rows.tolist()], pa.string())
    whose = data.backgrounds["label_set"].take(pa.array(rows))
    return background_rows(data, rows, text("label set ", whose, " says that nothing is in the image, which has labels of ", names))
