"""Two Parquet files, ``images.parquet`` and ``annotations.parquet``, in the words of the data model, and the images beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.export.exporter import PARTS, Exporter, Layout, WholeFiles
from airflow_cv_dataops.core.export.picture import Picture
from airflow_cv_dataops.core.export.transform.label import LABEL_COLUMNS, Label
from airflow_cv_dataops.core.store.schema import arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa


class ParquetExporter(Exporter):
    """All that labels say, those included that train nothing: without box or category, without area, outside of the image."""

    name = "parquet"
    needs = frozenset()
    carries = frozenset(PARTS)
    takes_references = True

    def __init__(self, layout: Layout, tally: Any) -> None:
        super().__init__(layout, tally)
        self._writers: dict[str, Any] = {}

    def add(self, pictures: Sequence[Picture], files: WholeFiles) -> None:
        self._write("images.parquet", [self._image(picture) for picture in pictures], _images_schema(), files)
        labels = [self._label(label, picture) for picture in pictures for label in picture.labels]
        self._write("annotations.parquet", labels, _labels_schema(), files)

    def finish(self, files: WholeFiles) -> None:
        for writer in self._writers.values():
            writer.close()

    def _write(self, name: str, rows: list[dict[str, Any]], schema: pa.Schema, files: WholeFiles) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        if name not in self._writers:
            self._writers[name] = parquet.ParquetWriter(files.path(name), schema, compression="zstd")
        if rows:
            self._writers[name].write_table(pa.Table.from_pylist(rows, schema=schema))

    def _image(self, picture: Picture) -> dict[str, Any]:
        names = ("image_id", "split", "width", "height", "is_background", "partition_key", "source_uri", "file_name")
        return {"path": self.address(picture), **{name: getattr(picture, name) for name in names}}

    def _label(self, label: Label, picture: Picture) -> dict[str, Any]:
        values = {name: getattr(label, name) for name in LABEL_COLUMNS}
        values |= {"image_id": picture.image_id, "split": picture.split, "path": self.address(picture)}
        values["bbox"] = None if label.bbox is None else dict(zip(("x", "y", "width", "height"), label.bbox, strict=True))
        values["segmentation"] = None if label.segmentation is None else json.dumps(label.segmentation)
        values["attributes"] = json.dumps(label.attributes, ensure_ascii=False) if label.attributes else None
        return values


def _images_schema() -> pa.Schema:
    import pyarrow as pa

    of_table = arrow_schema("images")
    known = [of_table.field(name) for name in ("image_id", "width", "height", "partition_key", "source_uri", "file_name")]
    return pa.schema([pa.field("path", pa.string()), pa.field("split", pa.string()), pa.field("is_background", pa.bool_()), *known])


def _labels_schema() -> pa.Schema:
    import pyarrow as pa

    of_table = arrow_schema("annotations")
    known = [of_table.field(name) for name in ("image_id", *LABEL_COLUMNS)]
    return pa.schema([pa.field("path", pa.string()), pa.field("split", pa.string()), *known])
