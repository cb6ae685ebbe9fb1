"""File names as label files write them."""

from __future__ import annotations

import unicodedata
from urllib.parse import unquote

_IMAGE_EXTENSIONS = frozenset(
    "avif bmp dib gif heic heif jfif jp2 jpe jpeg jpg jxl pbm pgm png pnm ppm tga tif tiff webp".split()  # noqa: SIM905 (a list to read)
)
# Where the files of a layout lie (YOLO and Roboflow, VOC), and where the images of the same layout do.
_IMAGE_FOLDERS = {"labels": "images", "Annotations": "JPEGImages"}


def has_image_extension(name: str) -> bool:
    """Say whether the name ends as an image file's does."""
    stem, dot, extension = name.rpartition(".")
    return bool(stem and dot) and extension.lower() in _IMAGE_EXTENSIONS


def strip_extension(path: str) -> str:
    """Return the path without the last extension of its last component."""
    folder, slash, name = path.rpartition("/")
    stem = name.rpartition(".")[0]
    return folder + slash + (stem or name)


def image_folder_name(stem: str) -> str:
    """Return a label file's path without extension with its label folder exchanged for the images' one of the same layout."""
    parts = stem.split("/")
    for position in range(len(parts) - 2, -1, -1):
        if parts[position] in _IMAGE_FOLDERS:
            parts[position] = _IMAGE_FOLDERS[parts[position]]
            break
    return "/".join(parts)


def spellings(name: str) -> list[str]:
    """Return the name with ``/`` and without what precedes a relative path, then the same percent-decoded where that differs."""
    plain = _plain(name)
    decoded = _plain(unquote(name.split("?", 1)[0] if "://" in name else name)) if "%" in name or "://" in name else plain
    return [plain] if decoded == plain else [plain, decoded]


def _plain(name: str) -> str:
    name = name.strip().replace("\\", "/")
    if not name.isascii():
        name = unicodedata.normalize("NFC", name)
    return name.removeprefix("./").lstrip("/")
