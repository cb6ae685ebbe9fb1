"""What the files of an export are called: as in the dataset where that is unique and safe, told apart by the image id where it is not."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# What every reader takes: lists of image ids are cut at white space, WebDataset's keys at the first dot, shells at the rest.
_UNSAFE = re.compile(r"[^\w-]+")
_LONGEST_STEM = 100
_ID_DIGITS = 12
# Those by which readers find images: Ultralytics and torchvision pass over .jfif, .jpe and .dib without a word.
_EXTENSIONS = {
    "JPEG": (".jpg", ".jpeg"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "AVIF": (".avif",),
    "HEIF": (".heic", ".heif"),
}
RESERVED = frozenset(["con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))])


def plain_stem(file_name: str) -> str:
    """Return the name of a file without folder and extension, with ``_`` for what not every reader and file system takes."""
    name = file_name.rpartition("/")[2]
    stem = _UNSAFE.sub("_", name.rpartition(".")[0] or name).strip("_")
    while len(stem.encode()) > _LONGEST_STEM:
        stem = stem[:-1]
    return "" if stem.casefold() in RESERVED or stem.startswith("-") else stem


def extension_of(file_name: str, image_format: str) -> str:
    """Return the extension of an image file by what it is: its own, in lower case, where that is one of the format's."""
    known = _EXTENSIONS.get(image_format, (f".{image_format.lower()}",))
    dot, own = file_name.rpartition(".")[1:]
    return own_extension if (own_extension := (dot + own).lower()) in known else known[0]


class Names:
    """Which stems images of an export must be told apart from; 16 bytes an image while they are collected.

    File systems that take no notice of case, and label files that are named after their image, allow each stem once.
    """

    def __init__(self) -> None:
        self._stems: list[np.ndarray] = []
        self._told_apart: list[np.ndarray] = []
        self._repeated: frozenset[int] | None = None

    def collect(self, images: Iterable[tuple[str, str]]) -> None:
        """Take the names of the files of some images, each with its image id."""
        import numpy as np

        found = [(plain_stem(file_name), image_id) for file_name, image_id in images]
        self._stems.append(np.array([_key(stem or _told_apart(stem, image_id)) for stem, image_id in found], np.uint64))
        self._told_apart.append(np.array([_key(_told_apart(stem, image_id)) for stem, image_id in found], np.uint64))

    def settle(self) -> None:
        """Find what is there more than once; nothing may be collected any more."""
        import numpy as np

        stems, told_apart = (np.concatenate([np.empty(0, np.uint64), *parts]) for parts in (self._stems, self._told_apart))
        ordered = np.sort(stems)
        repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
        while True:  # a name may be what another becomes by its id: an image of an earlier export, changed since
            again = np.setdiff1d(stems[np.isin(stems, told_apart[np.isin(stems, repeated)])], repeated)
            if not len(again):
                break
            repeated = np.union1d(repeated, again)
        self._repeated = frozenset(repeated.tolist())
        self._stems, self._told_apart = [], []

    def stem(self, file_name: str, image_id: str) -> str:
        """Return what an image is called in the export, without extension: a function of the images that are exported alone."""
        assert self._repeated is not None, "settle() comes first"
        stem = plain_stem(file_name)
        return _told_apart(stem, image_id) if not stem or _key(stem) in self._repeated else stem


def _told_apart(stem: str, image_id: str) -> str:
    """Return a stem that no other image has."""
    return f"{stem}-{image_id[:_ID_DIGITS]}" if stem else image_id[: 2 * _ID_DIGITS]


def _key(stem: str) -> int:
    stem = unicodedata.normalize("NFC", stem.casefold())  # as file systems of macOS compare names
    return int.from_bytes(blake2b(stem.encode(), digest_size=8).digest(), "big")
