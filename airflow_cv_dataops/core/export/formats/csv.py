"""One CSV, a line a label, and the images beside it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from airflow_cv_dataops.core.export.exporter import Exporter, WholeFiles
from airflow_cv_dataops.core.export.picture import Picture
from airflow_cv_dataops.core.export.transform.label import Label

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


class CsvExporter(Exporter):
    """``labels.csv``: image, split, label, the corners of the box in pixels where labels have boxes, who labelled it and when.

    An image without labels is a line without label and box.
    """

    name = "csv"
    needs = frozenset(("category", "area"))
    carries = frozenset(("boxes", "iscrowd", "annotator"))
    takes_references = True

    _is_begun = False

    def add(self, pictures: Sequence[Picture], files: WholeFiles) -> None:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
        if not self._is_begun:
            writer.writerow(self._header())
            self._is_begun = True
        for picture in pictures:
            for line in self._lines(picture):
                # A carriage return ends a line for most readers; Python quotes it only where its own lines end in one.
                (quoted if any("\r" in value for value in line if isinstance(value, str)) else writer).writerow(line)
        files.append("labels.csv", text.getvalue().encode("utf-8", "backslashreplace"))

    def _header(self) -> list[str]:
        box = _CORNERS if self.layout.has_boxes else ()
        return ["image", "split", "label", *box, "iscrowd", "annotator", "labeled_at", "image_width", "image_height", "image_id"]

    def _lines(self, picture: Picture) -> Iterator[list[Any]]:
        ends = [picture.width, picture.height, picture.image_id]
        begins = [self.address(picture), picture.split]
        for label in picture.labels:
            when = "" if label.labeled_at is None else label.labeled_at.isoformat()
            crowd = "" if label.iscrowd is None else int(label.iscrowd)
            yield [*begins, label.category, *self._corners(label), crowd, label.annotator or "", when, *ends]
        if not picture.labels:
            yield [*begins, "", *("" for _ in _CORNERS if self.layout.has_boxes), "", "", "", *ends]

    def _corners(self, label: Label) -> list[Any]:
        if not self.layout.has_boxes:
            return []
        if label.bbox is None:
            return [""] * len(_CORNERS)
        x, y, width, height = label.bbox
        return [repr(side) for side in (x, y, x + width, y + height)]
