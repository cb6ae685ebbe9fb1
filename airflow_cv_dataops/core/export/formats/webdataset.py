"""WebDataset: tar archives that are read from front to back, each image beside its labels (github.com/webdataset/webdataset)."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from airflow_cv_dataops.core.export.exporter import PARTS, Exporter, WholeFiles
from airflow_cv_dataops.core.export.picture import Picture
from airflow_cv_dataops.core.export.transform.label import Label


class WebDatasetExporter(Exporter):
    """``<split>-000000.tar`` and so on. Of each image: its file, ``.json`` with its labels, and ``.cls``, the number of its category, where
    it has one label and that has no box. ``classes.json`` holds the categories in the order of their numbers, and each split's shards.
    """

    name = "webdataset"
    needs = frozenset(("category", "area"))
    carries = frozenset(PARTS)
    packs_images = True

    def shard_path(self, split: str, number: int) -> str:
        return f"{split}-{number:06d}.tar"

    def write_shard(self, path: Path, pictures: Iterable[tuple[Picture, bytes]]) -> None:
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
            for picture, data in pictures:
                _add(archive, picture.name, data)
                _add(archive, f"{picture.stem}.json", self._labels(picture))
                if len(picture.labels) == 1 and picture.labels[0].bbox is None:
                    _add(archive, f"{picture.stem}.cls", str(self.number_of(picture.labels[0])).encode())

    def finish(self, files: WholeFiles) -> None:
        shards = {split: [self.shard_path(split, number) for number in range(count)] for split, count in self.layout.shards.items()}
        values = {"classes": self.layout.categories, "splits": self.layout.splits, "shards": shards}
        files.append("classes.json", (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode())

    def _labels(self, picture: Picture) -> bytes:
        values = {
            "image_id": picture.image_id,
            "file_name": picture.file_name,
            "partition_key": picture.partition_key,
            "width": picture.width,
            "height": picture.height,
            "is_background": picture.is_background,
            "labels": [self._label(label) for label in picture.labels],
        }
        return json.dumps(values, ensure_ascii=False).encode()

    def _label(self, label: Label) -> dict[str, Any]:
        found = {
            "category": label.category,
            "category_id": self.number_of(label),
            "bbox": label.bbox,
            "segmentation": label.segmentation,
            "keypoints": label.keypoints,
            "area": label.area,
            "iscrowd": label.iscrowd,
            "annotator": label.annotator,
            "labeled_at": None if label.labeled_at is None else label.labeled_at.isoformat(),
            "attributes": label.attributes or None,
        }
        return {name: value for name, value in found.items() if value is not None}


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    """Add a file that says nothing of who wrote it, or when."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))
