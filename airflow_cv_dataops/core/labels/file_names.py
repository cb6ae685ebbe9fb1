"""File names as label files write them."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from urllib.parse import unquote

_IMAGE_EXTENSIONS = frozenset(
    "avif bmp dib gif heic heif jfif jp2 jpe jpeg jpg jxl pbm pgm png pnm ppm tga tif tiff webp".split()  # noqa: SIM905 (a list to read)
)
# Where the files of a layout lie (YOLO and Roboflow, VOC), and where the images of the same layout do.
_IMAGE_FOLDERS = {"labels": "images", "Annotations": "JPEGImages"}
# Folders that say what kind of files lies in them, not which: images and labels of one picture differ in them. Splits (`train`) are none.
LAYOUT_FOLDERS = frozenset(
    """
    anno annos annotation annotations bbox bboxes coco data dataset datasets frames ground_truth groundtruth gt image images img imgs jpeg
    jpegs jpegimages jpg json jsons label labels labeltxt photo photos picture pictures png prediction predictions preds txt voc xml xmls
    yolo
    """.split()  # noqa: SIM905
)
# The same words in a folder's name: `train_images` holds the pictures of the labels in `train_labels`.
_KIND = "images?|imgs?|labels?|annotations?|annos?|bbox(?:es)?|jpegimages|xmls?|yolo|coco|voc"
_KIND_IN_NAME = re.compile(rf"^(?:{_KIND})[-_. ]+(?=.)|(?<=.)[-_. ]+(?:{_KIND})$", re.IGNORECASE)
# Where CVAT puts a subset's labels and images in YOLO's format; what belongs to none lies in the first.
_NO_SUBSET = "obj_train_data"
_SUBSET = re.compile("obj_(.+)_data")
_DRIVE = re.compile("[A-Za-z]:")
# What a plain relative path has not: in it, at its start or its end.
_UNUSUAL = ("\\", ":", "%", "?", "//", "/.")
_UNUSUAL_ENDS = frozenset("/. \t\n\r\v\f\x1c\x1d\x1e\x1f")
_MOST_FIELDS = 16  # of a query


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


def without_layout(path: str) -> str:
    """Return a path without those of its folders that only tell images from labels: ``train/images/1.jpg`` is ``train/1.jpg``."""
    folders, slash, name = path.rpartition("/")
    return _content_folders(folders) + name if slash else path


@lru_cache(maxsize=1 << 14)  # millions of files lie in few folders
def _content_folders(folders: str) -> str:
    return "".join(f"{folder}/" for folder in map(content_of, folders.split("/")) if folder)


def content_of(folder: str) -> str:
    """Return what a folder's name says of the images in it, if anything."""
    if folder == _NO_SUBSET:
        return ""
    if subset := _SUBSET.fullmatch(folder):
        return subset[1]
    while folder.lower() not in LAYOUT_FOLDERS:
        if (found := _KIND_IN_NAME.search(folder)) is None:
            return folder
        folder = folder[: found.start()] + folder[found.end() :]
    return ""


def spellings(name: str) -> list[str]:
    """Return what paths a name may stand for, the most literal first.

    With ``/`` and Unicode composed, without a drive letter, ``.``, ``..`` and empty parts. Of a URI its path, without host and query; the
    file that a query names (Label Studio's ``/data/local-files/?d=a/1.jpg``). Each also percent-decoded, where that differs.
    """
    if _is_plain(name):
        return [name]
    _, scheme, rest = name.rpartition("://")
    path, _, query = name.partition("?")
    named = [unquote(part[2:]) for part in query.split("&", _MOST_FIELDS) if part.startswith("d=")] if query else []
    if scheme:
        named.append(rest.partition("?")[0].partition("/")[2])
    else:
        named = [name, *named, *([path] if query and has_image_extension(path) else [])]
    found = [_plain(text) for text in named]
    return list(dict.fromkeys([*found, *(_plain(unquote(text)) for text in found if "%" in text)]))


def _is_plain(name: str) -> bool:
    """Say that a path stands for itself. Of millions of names: a regular expression takes five times as long."""
    if not name or not name.isascii() or name[0] in _UNUSUAL_ENDS or name[-1] in _UNUSUAL_ENDS:
        return False
    backslash, colon, percent, query, empty, dot = _UNUSUAL
    return not (backslash in name or colon in name or percent in name or query in name or empty in name or dot in name)


def _plain(name: str) -> str:
    name = name.strip().replace("\\", "/")
    if not name.isascii():
        name = unicodedata.normalize("NFC", name)
    if "/" not in name:
        return name
    parts = [part for part in name.split("/") if part not in ("", ".", "..")]
    return "/".join(parts[1:] if parts and _DRIVE.fullmatch(parts[0]) else parts)
