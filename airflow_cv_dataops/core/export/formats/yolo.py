"""YOLO as Ultralytics reads it: ``images/<split>/``, ``labels/<split>/`` beside it, and ``data.yaml``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.export.exporter import Exporter, Layout, WholeFiles
from airflow_cv_dataops.core.export.picture import Picture
from airflow_cv_dataops.core.export.transform.label import Label
from airflow_cv_dataops.core.export.transform.polygons import usable_polygons
from airflow_cv_dataops.core.export.transform.shapes import do_overlap, one_polygon, within
from airflow_cv_dataops.core.labels.formats.yolo_writer import yolo_box

# IMG_FORMATS of ultralytics 8.4: an image with another extension is not found, and nobody is told.
_READ = frozenset(("avif", "bmp", "dng", "heic", "heif", "jp2", "jpeg", "jpg", "mpo", "png", "tif", "tiff", "webp"))
_OWN_KEYS = frozenset(("path", "nc", "names", "channels", "download", "kpt_shape", "flip_idx", "yaml_file"))


class YoloExporter(Exporter):
    """Boxes: class, centre, width and height, as fractions of the picture (docs.ultralytics.com/datasets/detect).

    Ultralytics drops an image of which a box reaches beyond the border, so that such boxes are cut to it (``labels_clipped``); and it takes
    all lines of a file for polygons as soon as one is, so that boxes and polygons are two formats here. A GIF it takes for a film, and
    passes over it (``images_of_unread_formats``). ``data.yaml`` has no ``path``: the folder may be moved.
    """

    name = "yolo"
    carries = frozenset(("boxes",))

    def __init__(self, layout: Layout, tally: Counter[str]) -> None:
        super().__init__(layout, tally)
        if odd := sorted(_OWN_KEYS.intersection(layout.splits)):
            raise ConfigurationError(f"The split {odd[0]!r} cannot be one of YOLO's: in data.yaml that word says something else.")
        if "images" in layout.splits:  # Ultralytics puts labels in the place of the last folder of this name, and finds none
            raise ConfigurationError("The split 'images' cannot be one of YOLO's: labels would be looked for in images/labels/.")

    def label_files(self, picture: Picture) -> Iterator[tuple[str, bytes]]:
        self.tally["images_of_unread_formats"] += picture.name.rpartition(".")[2] not in _READ
        lines = [self._line(label, picture) for label in picture.labels]
        yield f"labels/{picture.split}/{picture.stem}.txt", "".join(lines).encode()

    def _line(self, label: Label, picture: Picture) -> str:
        numbers = [repr(number) for number in self._numbers(label, picture)]
        return " ".join([str(self.number_of(label)), *numbers]) + "\n"

    def _numbers(self, label: Label, picture: Picture) -> list[float]:
        assert label.bbox is not None
        left, top, width, height = label.bbox
        right, bottom = min(left + width, picture.width), min(top + height, picture.height)
        x, y = max(left, 0.0), max(top, 0.0)
        if (x, y) != (left, top) or left + width > picture.width or top + height > picture.height:
            self.tally["labels_clipped"] += 1
            width, height = right - x, bottom - y
        return yolo_box(x, y, width, height, of=(picture.width, picture.height))

    def finish(self, files: WholeFiles) -> None:
        import yaml

        values: dict[str, Any] = {split: f"images/{split}" for split in self.layout.splits}
        values |= {"nc": len(self.layout.categories), "names": dict(enumerate(self.layout.categories))}
        files.append("data.yaml", yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=2**31).encode())


class YoloSegmentationExporter(YoloExporter):
    """Polygons: class, x1, y1, x2, y2, …, as fractions of the picture (docs.ultralytics.com/datasets/segment).

    An object of several polygons is one line: its parts are joined by lines without width, as Ultralytics' own converter does. Where parts
    lie over each other Ultralytics takes what they share for a hole (``labels_of_overlapping_parts``). Polygons are cut at the border. A
    label without polygon (a box, a run-length encoded mask), or without any in the picture, is a rectangle: its box.
    """

    name = "yolo_seg"
    carries = frozenset(("boxes", "polygons"))

    def _numbers(self, label: Label, picture: Picture) -> list[float]:
        drawn = (usable_polygons(label.segmentation) if isinstance(label.segmentation, list) else None) or []
        polygons = within(drawn, picture.width, picture.height)
        if not polygons:
            self.tally["labels_as_rectangles"] += 1
            drawn, polygons = [_corners(label)], [_corners(label, picture)]
        self.tally["labels_clipped"] += polygons != drawn
        self.tally["labels_of_overlapping_parts"] += do_overlap(polygons, picture.width, picture.height)
        sides = (picture.width, picture.height)
        return [value / sides[at % 2] for at, value in enumerate(one_polygon(polygons))]


def _corners(label: Label, inside: Picture | None = None) -> list[float]:
    """Return the corners of a label's box. :param inside: the picture that they are moved into."""
    assert label.bbox is not None
    x, y, width, height = label.bbox
    right, bottom = x + width, y + height
    if inside:
        x, right = max(x, 0.0), min(right, float(inside.width))
        y, bottom = max(y, 0.0), min(bottom, float(inside.height))
    return [x, y, right, y, right, bottom, x, bottom]
