"""URIs of prefixes and files: one spelling, joined, without credentials."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from os import PathLike
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from airflow_cv_dataops.core.arguments import as_place
from airflow_cv_dataops.core.wording import readable

WEB_SCHEMES = ("http", "https")

_SCHEME = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]*)://")
_URI = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*)://(?P<authority>[^/]*)(?P<path>.*)", re.DOTALL)
_HOST = re.compile(r"(\[[^\]]*\]|[^:]*)(:\d+)?")
_SECRET_NAME = re.compile(r"secret|token|password|credential|key|sas|sig", re.IGNORECASE)
_HAS_LOGIN = re.compile(r"://[^/]*:.*@", re.DOTALL)
_IN_A_TEXT = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s'\"<>]+")
_CONTROL = re.compile(r"[\0-\x1f\x7f]")
_SIGNATURE = re.compile(r"[?&](sig|signature|x-amz-signature|x-goog-signature)=", re.IGNORECASE)
_KEY_SCHEMES = ("s3", "s3a", "s3n", "gs", "gcs", "az", "azure", "adl", "abfs", "abfss", "wasb", "wasbs")
_CONTAINER_SCHEMES = ("abfs", "abfss", "wasb", "wasbs")
_PATH_SCHEMES = ("file", "s3", "s3a", "s3n", "gs", "gcs", "az", "azure", "adl", "hdfs", "http", "https", *_CONTAINER_SCHEMES)


def normalize_uri(uri: str | PathLike[str]) -> str:
    """Return an absolute URI without a trailing slash: a plain path becomes a percent-encoded ``file://`` URI.

    :raises ConfigurationError: it is neither a URI nor a path, or blank.
    """
    uri = as_place("uri", uri)
    match = _SCHEME.match(uri)
    if match and match.group(1) == "file":
        return file_uri(os.path.abspath(unquote_to_bytes(uri[len("file://") :])))
    if match:
        return uri.rstrip("/")
    return file_uri(os.path.abspath(os.fsencode(os.path.expanduser(uri))))


def join_uri(uri: str, *parts: str) -> str:
    """Return ``uri`` with path parts below it."""
    return "/".join([uri.rstrip("/"), *(part.strip("/") for part in parts)])


def local_path(uri: str) -> str:
    """Return the local path of a ``file://`` URI or of a path as it is."""
    return os.fsdecode(unquote_to_bytes(normalize_uri(uri)[len("file://") :]))


def table_location(uri: str) -> str:
    """Return a URI as PyIceberg is given it, for a table or one of its files.

    It decodes no URI and cuts a local one at ``#``: where URI and path are spelled differently, a local path stands as it is, which every
    engine takes so.
    """
    return local_path(uri) if uri.startswith("file://") and "%" in uri else uri


def parts_of(uri: str) -> tuple[str, str, str]:
    """Return scheme, authority and path of a URI, the path without its leading slash; nothing is decoded."""
    scheme, _, rest = uri.partition("://")
    authority, _, path = rest.partition("/")
    return scheme.lower(), authority, path


def is_web(uri: str) -> bool:
    """Say whether a URI names a place on the web."""
    return uri.partition("://")[0].lower() in WEB_SCHEMES


def unaddressable(path: str) -> str | None:
    """Say why an object's path cannot be asked for: some stores have such keys, their clients make others of them."""
    if path.startswith("/") or path.endswith("/") or "//" in path:
        return "its key has an empty part (a slash at an end, or two in a row)"
    if any(part in (".", "..") for part in path.split("/")):
        return "its key has '.' or '..' as a part"
    if _CONTROL.search(path):
        return "its key holds control characters"
    return None


def without_query(uri: str) -> str:
    """Return the URI without what follows a ``?``, where that is no part of an object's key."""
    return _without_query(uri.partition("://")[0].lower(), uri)


def without_credentials(uri: str) -> str:
    """Return the URI without credentials and query: fit for logs, XCom and lineage.

    An Azure container (``abfss://container@account``) is no credential. A local path has no query, and neither has an object's
    key, in which a ``?`` is a character like any other; unless what follows looks like a signature.
    """
    match = _URI.match(uri)
    if not match:
        return re.sub(r"//[^/@]*:[^/@]*@", "//", uri)
    scheme, authority, path = match["scheme"].lower(), match["authority"], match["path"]
    if scheme == "file":
        return f"file://{authority.rsplit('@', 1)[-1]}{path}"
    container, at, account = authority.partition("@")
    if scheme in _CONTAINER_SCHEMES and at and ":" not in container:
        return f"{match['scheme']}://{container}@{account}{_without_query(scheme, path)}"
    place = authority.rsplit("@", 1)[-1] + path
    if "@" in place and (scheme not in _PATH_SCHEMES or not _HOST.fullmatch(authority.rsplit("@", 1)[-1])):
        # A database's password or an AWS secret key may hold a bare "/" or "@".
        place = place.rsplit("@", 1)[1]
    return f"{match['scheme']}://{_without_query(scheme, place)}"


def told_uri(uri: str) -> str:
    """Return the URI as logs and messages tell it: without credentials, names of files as they are called. It names nothing."""
    return readable(without_credentials(uri))


def without_secrets(text: str, configuration: Mapping[str, Any]) -> str:
    """Return a text, such as somebody else's error, without the configuration's values that are not meant to be seen."""
    for name, value in configuration.items():
        shown = without_credentials(str(value)) if _HAS_LOGIN.search(str(value)) else "***" if _SECRET_NAME.search(name) else value
        if value and shown != value:
            text = text.replace(str(value), shown)
    return text


def without_logins(text: str) -> str:
    """Return a text, such as somebody else's error, in which no URI has a password or a signature; others stand as they are."""
    return _IN_A_TEXT.sub(
        lambda uri: without_credentials(uri[0]) if _HAS_LOGIN.search(uri[0]) or _SIGNATURE.search(uri[0]) else uri[0], text
    )


def file_uri(path: bytes) -> str:
    """Return the URI of an absolute local path."""
    return "file://" + quote(path, safe="/~!$&'()*+,;=:@")


def _without_query(scheme: str, path: str) -> str:
    return path if scheme in _KEY_SCHEMES and not _SIGNATURE.search(path) else path.split("?", 1)[0]
