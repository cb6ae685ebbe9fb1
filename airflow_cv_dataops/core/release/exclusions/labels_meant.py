"""Which labels findings are about: by their ids, where a finding names no image, and those of copies of an image that say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.release.exclusions.excluded import KEY_COLUMNS
from airflow_cv_dataops.core.release.held_labels import LABEL_COLUMNS, statement_hashes
from airflow_cv_dataops.core.release.snapshot_reader import SnapshotReader

if TYPE_CHECKING:
    import pyarrow as pa


def with_images(reader: SnapshotReader, findings: pa.Table) -> pa.Table:
    """Return the findings, those of a label that name no image, as an import's do, with the image of their label.

    :param findings: image_id, ``KEY_COLUMNS`` and any others.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    absent = pc.and_(pc.is_null(findings["image_id"]), pc.is_valid(findings["annotation_id"]))
    if not pc.any(absent).as_py():
        return findings
    wanted = findings.filter(absent)["annotation_id"].unique()
    image_of: dict[tuple[str, str], str | None] = {}
    for batch in reader.batches("annotations", (*KEY_COLUMNS, "image_id")):
        rows = batch.filter(pc.is_in(batch["annotation_id"], value_set=wanted))
        image_of.update(zip(_keys(rows), rows["image_id"].to_pylist(), strict=True))
    images = findings["image_id"].to_pylist()
    found = [image or image_of.get(key) for image, key in zip(images, _keys(findings), strict=True)]
    return findings.set_column(findings.schema.get_field_index("image_id"), "image_id", pa.array(found, pa.string()))


def with_copies(reader: SnapshotReader, condemned: pa.Table) -> pa.Table:
    """Return the rows and those of labels that say the same of the same image at another place: a release would hold them instead.

    :param condemned: image_id, ``KEY_COLUMNS`` and any others; annotation_id is null where a whole image is condemned.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = condemned.filter(pc.is_valid(condemned["annotation_id"]))
    if not rows.num_rows:
        return condemned
    image_ids = rows["image_id"].unique()
    parts = []
    for batch in reader.batches("annotations", LABEL_COLUMNS):
        labels = batch.filter(pc.is_in(batch["image_id"], value_set=image_ids, skip_nulls=True))
        if labels.num_rows:
            said = labels.select([*KEY_COLUMNS, "source_uri"]).to_pandas()
            parts.append(said.assign(statement=statement_hashes(labels)))
    if not parts:
        return condemned
    labels = pd.concat(parts, ignore_index=True)
    of_rows = rows.to_pandas().merge(labels, on=list(KEY_COLUMNS))
    alike = of_rows.merge(labels, on="statement", suffixes=("_there", ""))
    others = (alike["partition_key_there"] != alike["partition_key"]) | (alike["source_uri_there"] != alike["source_uri"])
    found = alike[others][condemned.column_names]
    return pa.concat_tables([condemned, pa.Table.from_pandas(found, schema=condemned.schema, preserve_index=False)])


def _keys(rows: pa.Table) -> list[tuple[str, str]]:
    return list(zip(*(rows[name].to_pylist() for name in KEY_COLUMNS), strict=True))
