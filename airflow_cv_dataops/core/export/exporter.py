"""The one contract of all training formats. A format is a small file in ``formats/``, listed in ``exporters.py``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, ClassVar

from airflow_cv_dataops.core.export.picture import Picture
from airflow_cv_dataops.core.export.transform.label import Label
from airflow_cv_dataops.core.store.objects import local_path

# What a label may have beside category and box, and a format may have no place for.
PARTS = ("boxes", "polygons", "masks", "keypoints", "attributes", "iscrowd", "annotator")


@dataclass(frozen=True)
class Layout:
    """What there is to know of an export before its first file.

    :param categories: names, in the order of their numbers.
    :param splits: pictures that are exported, by split.
    :param shards: by split, in how many shards its pictures come.
    :param has_boxes: whether any label has a box.
    :param references: label files name images where they are stored; none is part of the export.
    """

    title: str
    categories: tuple[str, ...]
    splits: Mapping[str, int]
    shards: Mapping[str, int]
    has_boxes: bool
    references: bool = False

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """The number of each category, from 0."""
        return {name: number for number, name in enumerate(self.categories)}


class WholeFiles:
    """Files of the export that grow as pictures go by; they lie in a temporary folder until the export puts them in their place."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths: dict[str, Path] = {}
        self._open: dict[str, BinaryIO] = {}

    def path(self, name: str) -> Path:
        """Return where a file of the export, e.g. ``annotations/instances_train.json``, is to be written meanwhile."""
        if name not in self._paths:
            self._paths[name] = self._folder / str(len(self._paths))
        return self._paths[name]

    def scratch(self, name: str) -> Path:
        """Return a path for what is needed meanwhile, and is no file of the export."""
        return self._folder / f"scratch-{name.replace('/', '-')}"

    def append(self, name: str, data: bytes) -> None:
        """Write more of a file of the export."""
        if name not in self._open:
            self._open[name] = self.path(name).open("ab")
        self._open[name].write(data)

    def close(self) -> dict[str, Path]:
        """Return all files by their names in the export."""
        for file in self._open.values():
            file.close()
        return self._paths


class Exporter:
    """Writes pictures and their labels in one format. Order, names and numbers follow from the release alone: equal runs write equal bytes.

    A subclass says what it needs and carries, where an image lies, and writes label files: small ones picture by picture
    (:meth:`label_files`), or ones that grow (:meth:`add`, :meth:`finish`). One that packs images into its files
    (:attr:`packs_images`) writes shards instead.
    """

    name: ClassVar[str]
    needs: ClassVar[frozenset[str]] = frozenset(("category", "box", "area"))
    """What a label must have: ``category``, ``box``, ``area`` (where it has a box, or an outline, that lies in the picture)."""
    carries: ClassVar[frozenset[str]] = frozenset()
    """Those of :data:`PARTS` that the format has a place for; what else labels have is counted as not carried. A label that covers a group
    (``iscrowd``) is left out where it would pass for one object."""
    takes_references: ClassVar[bool] = False
    """Whether label files may name images where they are stored, so that none is copied."""
    packs_images: ClassVar[bool] = False
    version: ClassVar[int] = 1
    """Raised when the same release would be written otherwise, so that no export is finished half in the old way."""

    def __init__(self, layout: Layout, tally: Counter[str]) -> None:
        """:param tally: counts what is noticed while labels are written, by name."""
        self.layout = layout
        self.tally = tally

    @classmethod
    def refuses(cls, labels: Sequence[Label]) -> str | None:
        """Say in a word why the format has no place for a picture with these labels, if it has none."""
        return None

    def image_path(self, picture: Picture) -> str:
        """Return where the picture's file lies in the export."""
        return f"images/{picture.split}/{picture.name}"

    def address(self, picture: Picture) -> str:
        """Return how label files name the picture's file: its path in the export, or where it is stored."""
        if not self.layout.references:
            return self.image_path(picture)
        return local_path(picture.storage_uri) if picture.storage_uri.startswith("file://") else picture.storage_uri

    def number_of(self, label: Label) -> int:
        """Return the number of the label's category, from 0."""
        assert label.category is not None
        return self.layout.numbers[label.category]

    def label_files(self, picture: Picture) -> Iterator[tuple[str, bytes]]:
        """Yield the label files of one picture: path and bytes."""
        return iter(())

    def add(self, pictures: Sequence[Picture], files: WholeFiles) -> None:
        """Write the labels of some pictures to files that grow; of one split, and in order."""

    def finish(self, files: WholeFiles) -> None:
        """Write what comes last: the ends of files that grew, lists of classes."""

    def shard_path(self, split: str, number: int) -> str:
        """Return where a shard lies, of those that pack images. :param number: from 0."""
        raise NotImplementedError

    def write_shard(self, path: Path, pictures: Iterable[tuple[Picture, bytes]]) -> None:
        """Write pictures, each with the bytes of its image file, as one file; one after the other, so that memory holds few."""
        raise NotImplementedError
