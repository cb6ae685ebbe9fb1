"""Parquet with the bytes of images, as Hugging Face ``datasets`` loads it: ``data/<split>-00000-of-00003.parquet`` and a dataset card."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.export.exporter import Exporter, Layout, WholeFiles
from airflow_cv_dataops.core.export.picture import Picture
from airflow_cv_dataops.core.export.transform.label import Label
from airflow_cv_dataops.core.export.transform.shapes import area_of_label

if TYPE_CHECKING:
    import pyarrow as pa

# Few, as each holds so many images: what readers take into memory at once.
_ROWS_IN_GROUP = 100
_SPLIT = re.compile(r"\w+(\.\w+)*")


class HuggingFaceExporter(Exporter):
    """Columns ``image`` (bytes and name), ``image_id``, ``width``, ``height``, ``is_background`` and, where labels have boxes, ``objects``:
    lists of ``bbox`` (x, y, width, height in pixels), ``category`` (a ``ClassLabel``), ``area``, ``iscrowd`` and ``segmentation`` (COCO
    JSON). ``area`` and ``iscrowd`` are there also where the label has none, as in COCO: who trains makes tensors of them. Without boxes
    ``labels``, the categories of the image.
    """

    name = "huggingface"
    needs = frozenset(("category", "area"))
    carries = frozenset(("boxes", "polygons", "masks", "iscrowd"))
    packs_images = True

    def __init__(self, layout: Layout, tally: Any) -> None:
        super().__init__(layout, tally)
        if odd := [split for split in layout.splits if not _SPLIT.fullmatch(split) or split.lower() == "all"]:
            raise ConfigurationError(
                f"The split {odd[0]!r} is no split of Hugging Face datasets: name it with letters, digits, _ and dots, and not all."
            )

    def shard_path(self, split: str, number: int) -> str:
        return f"data/{split}-{number:05d}-of-{self.layout.shards[split]:05d}.parquet"

    def write_shard(self, path: Path, pictures: Iterable[tuple[Picture, bytes]]) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        schema = self._schema()
        rows: list[dict[str, Any]] = []
        with parquet.ParquetWriter(path, schema, compression="snappy", use_dictionary=False, write_statistics=False) as writer:
            for picture, data in pictures:
                rows.append(self._row(picture, data))
                if len(rows) == _ROWS_IN_GROUP:
                    writer.write_table(pa.Table.from_pylist(rows, schema=schema))
                    rows = []
            if rows:
                writer.write_table(pa.Table.from_pylist(rows, schema=schema))

    def finish(self, files: WholeFiles) -> None:
        import yaml

        configs = [{"split": split, "path": f"data/{split}-*.parquet"} for split in self.layout.splits]
        card = yaml.safe_dump({"configs": [{"config_name": "default", "data_files": configs}]}, sort_keys=False)
        counts = "".join(f"| {split} | {count:,} |\n" for split, count in self.layout.splits.items())
        text = f"---\n{card}---\n\n# {self.layout.title}\n\n| split | images |\n|---|---|\n{counts}"
        files.append("README.md", text.encode())

    def _schema(self) -> pa.Schema:
        import pyarrow as pa

        features: dict[str, Any] = {
            "image": {"_type": "Image"},
            **{name: {"dtype": kind, "_type": "Value"} for name, kind in _PLAIN.items()},
        }
        category = {"names": list(self.layout.categories), "_type": "ClassLabel"}
        fields = [pa.field("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), *_plain_fields()]
        if self.layout.has_boxes:
            of_object = {"bbox": {"feature": _value("float64"), "length": 4, "_type": "Sequence"}, "category": category}
            of_object |= {"area": _value("float64"), "iscrowd": _value("bool"), "segmentation": _value("string")}
            features["objects"] = {name: {"feature": kind, "_type": "Sequence"} for name, kind in of_object.items()}
            kinds = {"bbox": pa.list_(pa.float64(), 4), "category": pa.int64(), "area": pa.float64(), "iscrowd": pa.bool_()}
            kinds["segmentation"] = pa.string()
            fields.append(pa.field("objects", pa.struct([(name, pa.list_(kind)) for name, kind in kinds.items()])))
        else:
            features["labels"] = {"feature": category, "_type": "Sequence"}
            fields.append(pa.field("labels", pa.list_(pa.int64())))
        metadata = {"huggingface": json.dumps({"info": {"features": features}})}
        return pa.schema(fields, metadata=metadata)

    def _row(self, picture: Picture, data: bytes) -> dict[str, Any]:
        row = {"image": {"bytes": data, "path": picture.name}, **{name: getattr(picture, name) for name in _PLAIN}}
        if not self.layout.has_boxes:
            return row | {"labels": [self.number_of(label) for label in picture.labels]}
        return row | {"objects": self._objects(picture.labels, picture)}

    def _objects(self, labels: Iterable[Label], picture: Picture) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {name: [] for name in ("bbox", "category", "area", "iscrowd", "segmentation")}
        for label in labels:
            found["bbox"].append(label.bbox)
            found["category"].append(self.number_of(label))
            found["area"].append(area_of_label(label, picture.width, picture.height))
            found["iscrowd"].append(bool(label.iscrowd))
            found["segmentation"].append(None if label.segmentation is None else json.dumps(label.segmentation))
        return found


_PLAIN = {"image_id": "string", "width": "int32", "height": "int32", "is_background": "bool"}


def _plain_fields() -> list[pa.Field]:
    import pyarrow as pa

    kinds = {"string": pa.string(), "int32": pa.int32(), "bool": pa.bool_()}
    return [pa.field(name, kinds[kind]) for name, kind in _PLAIN.items()]


def _value(dtype: str) -> dict[str, str]:
    return {"dtype": dtype, "_type": "Value"}
