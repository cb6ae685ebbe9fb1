"""Files at a prefix, local or in an object store, through one small interface."""

from __future__ import annotations

import os
from collections.abc import Mapping
from os import PathLike
from typing import Any

from airflow_cv_dataops.core.store.base import ObjectInfo, ObjectStore, Place
from airflow_cv_dataops.core.store.local import LocalStore, read_regular_file
from airflow_cv_dataops.core.store.remote import RemoteStore
from airflow_cv_dataops.core.store.uris import (
    WEB_SCHEMES,
    join_uri,
    local_path,
    normalize_uri,
    parts_of,
    told_uri,
    unaddressable,
    without_credentials,
)

__all__ = [
    "ObjectInfo",
    "ObjectStore",
    "Place",
    "join_uri",
    "local_path",
    "normalize_uri",
    "open_store",
    "read_object",
    "read_uri",
    "without_credentials",
]

_DEFAULT_OPTIONS: Mapping[str, Any] = {}


def open_store(uri: str | PathLike[str], options: Mapping[str, Any] = _DEFAULT_OPTIONS) -> ObjectStore:
    """Open the prefix ``uri``: ``s3://``, ``gs://``, ``az://`` and whatever else obstore takes, ``file://``, or a local path.

    :param options: obstore's configuration for the scheme (keys, endpoint, region); ignored for local paths.
    :raises ConfigurationError: obstore cannot make a store of the URI.
    """
    uri = normalize_uri(uri)
    if uri.startswith("file://"):
        return LocalStore(uri)
    return RemoteStore(uri, options)


def read_uri(uri: str, options: Mapping[str, Any] = _DEFAULT_OPTIONS, *, max_bytes: int | None = None) -> bytes:
    """Return the bytes of the file at ``uri``. :raises OSError: it cannot be read, or is larger than ``max_bytes``."""
    if normalize_uri(uri).startswith("file://"):
        _check_size(os.stat(local_path(uri)).st_size, max_bytes)
        # Some files of a system say that they are empty, and never end.
        data = read_regular_file(local_path(uri), -1 if max_bytes is None else max_bytes + 1)
        _check_size(len(data), max_bytes)
        return data
    scheme, _, key = parts_of(uri)
    if scheme not in WEB_SCHEMES and (why := unaddressable(key)):
        raise OSError(f"{told_uri(uri)} cannot be read: {why}")
    parent, _, name = uri.rpartition("/")
    return read_object(open_store(parent, options), name, max_bytes=max_bytes)


def read_object(store: ObjectStore, path: str, *, max_bytes: int | None = None) -> bytes:
    """Return the bytes of a file of a store. :raises OSError: it cannot be read, or is larger than ``max_bytes``."""
    if max_bytes is not None:
        _check_size(store.size(path), max_bytes)
    return store.read(path)


def _check_size(size: int | None, max_bytes: int | None) -> None:
    if max_bytes is not None and size is not None and size > max_bytes:
        raise OSError(f"the file has {size:,} bytes, more than the {max_bytes:,} that are read")
