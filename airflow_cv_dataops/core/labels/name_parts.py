"""Paths of images and label files in their parts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import unquote

from airflow_cv_dataops.core.labels.file_names import has_image_extension, spellings, strip_extension, without_layout
from airflow_cv_dataops.core.labels.places import same_folder, without_machine

# What an archive has behind its name in the URI of a member.
_ARCHIVE = re.compile(r"\.(?:zip|tar(?:\.[a-z0-9]+)?|t[a-z0-9]+)!(?=/)", re.IGNORECASE)


def last_part(path: str) -> str:
    """Return a path's file name."""
    return path.rpartition("/")[2]


def stem_parts(name: str) -> list[str]:
    """Return the parts of a path, layout folders among them, without the extension of an image."""
    plain = (spellings(name) or [""])[0]
    return (strip_extension(plain) if has_image_extension(plain) else plain).split("/")


def content_parts(name: str) -> list[str]:
    """Return the parts of a path without those of a layout, and without the extension of an image."""
    return without_layout("/".join(stem_parts(name))).split("/")


def address(uri: str) -> list[str]:
    """Return :func:`content_parts` of a URI, without scheme, host and query; an archive ``train.tar!`` is a folder ``train``."""
    return content_parts(_ARCHIVE.sub("", unquote(uri.rpartition("://")[2].partition("?")[0].partition("/")[2])))


def folders_of(uri: str) -> list[str]:
    """Return the folders of an :func:`address`, of a local file without those that are a machine's own."""
    return list(_folders_of(uri[: uri.partition("?")[0].rfind("/") + 1]))


def folders_of_image(uri: str) -> list[str]:
    """Return :func:`folders_of` an image; its ``obj_train_data``, where CVAT puts labels of every split, is ``train``."""
    return folders_of(uri.replace("/obj_train_data/", "/train/"))


@lru_cache(maxsize=1 << 14)
def _folders_of(uri: str) -> Sequence[str]:
    folders = address(f"{uri}x")[:-1]
    return without_machine(folders) if uri.startswith("file:") else folders


def common_end(path: Sequence[str], other: Sequence[str]) -> int:
    """Return how many parts of two paths agree from their ends, whatever their case and the spelling of a split."""
    length = 0
    for own, theirs in zip(reversed(path), reversed(other), strict=False):
        if own.casefold() != theirs.casefold() and not (length and same_folder(own, theirs)):
            break
        length += 1
    return length
