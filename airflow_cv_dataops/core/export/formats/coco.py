"""COCO: ``annotations/instances_<split>.json`` and ``images/<split>/``, as pycocotools, torchvision, Detectron2 and Datumaro read it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from airflow_cv_dataops.core.export.exporter import PARTS, Exporter, WholeFiles
from airflow_cv_dataops.core.export.picture import Picture
from airflow_cv_dataops.core.export.transform.label import Label
from airflow_cv_dataops.core.export.transform.shapes import area_of_label


class CocoExporter(Exporter):
    """COCO's object detection format (cocodataset.org/#format-data). Numbers begin at 1 and are unique over all splits.

    ``area`` and ``iscrowd``, which pycocotools wants of each label, are there also where the label has none: the area of its segmentation
    or box, and 0.
    """

    name = "coco"
    carries = frozenset(PARTS)
    takes_references = True

    _images = _labels = 0

    def add(self, pictures: Sequence[Picture], files: WholeFiles) -> None:
        images, labels = [], []
        for picture in pictures:
            self._images += 1
            images.append(self._image(picture))
            for label in picture.labels:
                self._labels += 1
                labels.append(self._label(label, picture))
        split = pictures[0].split
        for what, values in (("images", images), ("annotations", labels)):
            with files.scratch(f"{split}-{what}").open("ab") as file:
                file.writelines(_line(value) for value in values)

    def finish(self, files: WholeFiles) -> None:
        categories = [{"id": number, "name": name, "supercategory": ""} for number, name in enumerate(self.layout.categories, 1)]
        for split in self.layout.splits:
            name = f"annotations/instances_{split}.json"
            head = {"info": {"description": f"{self.layout.title} {split}"}, "licenses": [], "categories": categories}
            files.append(name, _line(head).rstrip(b"}\n"))
            for what in ("images", "annotations"):
                files.append(name, f', "{what}": [\n'.encode())
                with files.scratch(f"{split}-{what}").open("rb") as lines:
                    first = True
                    for line in lines:
                        files.append(name, (b"" if first else b",\n") + line.rstrip(b"\n"))
                        first = False
                files.append(name, b"\n]")
            files.append(name, b"}\n")

    def _image(self, picture: Picture) -> dict[str, Any]:
        return {
            "id": self._images,
            "file_name": self.address(picture) if self.layout.references else picture.name,
            "width": picture.width,
            "height": picture.height,
            "sha256": picture.image_id,
            "partition_key": picture.partition_key,
        }

    def _label(self, label: Label, picture: Picture) -> dict[str, Any]:
        found: dict[str, Any] = {
            "id": self._labels,
            "image_id": self._images,
            "category_id": self.number_of(label) + 1,
            "bbox": label.bbox,
            "area": area_of_label(label, picture.width, picture.height),
            "iscrowd": int(bool(label.iscrowd)),
            "segmentation": [] if label.segmentation is None else label.segmentation,
        }
        if label.keypoints:
            found |= {"keypoints": label.keypoints, "num_keypoints": sum(1 for seen in label.keypoints[2::3] if seen > 0)}
        if label.annotator:
            found["annotator"] = label.annotator
        if label.attributes:
            found["attributes"] = label.attributes
        return found


def _line(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n").encode()
