"""Pascal VOC: ``JPEGImages/``, ``Annotations/``, the splits as ``ImageSets/Main/<split>.txt``, and CVAT's ``labelmap.txt``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from airflow_cv_dataops.core.export.exporter import Exporter, WholeFiles
from airflow_cv_dataops.core.export.picture import Picture
from airflow_cv_dataops.core.labels.formats.voc_writer import VocObject, is_written, voc_document

_BACKGROUND = "background"
# What can stand in a line of labelmap.txt, whose columns colons part.
_LINE = re.compile(r"(?!#)[^\s:](?:[^:\r\n]*[^\s:])?")


class VocExporter(Exporter):
    """Boxes as corners in XML (the VOC2012 development kit), in pixels from 0 as COCO has them, with decimals: ``xmax`` is ``x + width``.

    A category that ``labelmap.txt`` has no way to write, as one with a colon, is missing in it (``categories_without_labelmap``).
    Of attributes those go with it whose name can be that of an element and whose value is a text or a number (``difficult``, ``pose``).
    """

    name = "voc"
    carries = frozenset(("boxes", "attributes"))

    def image_path(self, picture: Picture) -> str:
        return f"JPEGImages/{picture.name}"

    def label_files(self, picture: Picture) -> Iterator[tuple[str, bytes]]:
        objects = [VocObject(label.category, label.bbox, label.attributes) for label in picture.labels]
        self.tally["not_carried.attributes"] += sum(not all(map(is_written, item.attributes.items())) for item in objects)
        yield f"Annotations/{picture.stem}.xml", voc_document(picture.name, picture.width, picture.height, objects).encode()

    def add(self, pictures: Sequence[Picture], files: WholeFiles) -> None:
        files.append(f"ImageSets/Main/{pictures[0].split}.txt", "".join(f"{picture.stem}\n" for picture in pictures).encode())

    def finish(self, files: WholeFiles) -> None:
        named = [name for name in self.layout.categories if _LINE.fullmatch(name)]
        self.tally["categories_without_labelmap"] += len(self.layout.categories) - len(named)
        lines = ["# label:color_rgb:parts:actions", f"{_BACKGROUND}:0,0,0::", *(f"{name}:::" for name in named if name != _BACKGROUND)]
        files.append("labelmap.txt", "".join(f"{line}\n" for line in lines).encode())
