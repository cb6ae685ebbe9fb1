"""The manifest: what a labelling tool is given, one JSON line an image, hardest first; :mod:`.manifest_formats` has its other forms."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from airflow_cv_dataops.core.arguments import check_choice
from airflow_cv_dataops.core.sampling.arguments import check_sample_id

EXTENSIONS: Mapping[str, str] = {"jsonl": "jsonl", "csv": "csv", "coco": "json"}
"""The extension of a manifest's file, by format."""

# Longer names do not fit a file name of 255 bytes together with the suffix of a file that is being written.
_LONGEST_NAME = 180


def manifest_path(sample_id: str, partition_key: str, format: str = "jsonl") -> str:  # noqa: A002
    """Return the manifest's path below the dataset's root: ``samples/<sample_id>/<partition key, percent-encoded>.jsonl``.

    A key whose encoded form is longer than 180 characters is cut, and told apart by a hash.

    :param format: ``jsonl``, ``csv`` (``.csv``) or ``coco`` (``.json``).
    :raises ConfigurationError: the sample id cannot stand in a path, or the format is unknown.
    """
    check_sample_id(sample_id)
    check_format(format)
    name = quote(partition_key, safe="")
    if len(name) > _LONGEST_NAME:
        name = f"{name[:150]}-{hashlib.sha256(partition_key.encode()).hexdigest()[:16]}"
    return f"samples/{sample_id}/{name}.{EXTENSIONS[format]}"


def check_format(format: str) -> None:  # noqa: A002
    """:raises ConfigurationError: the format is unknown."""
    check_choice("manifest format", format, EXTENSIONS)


def manifest_bytes(entries: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the entries as JSON lines in UTF-8."""
    return "".join(json.dumps(dict(entry), ensure_ascii=False, allow_nan=False) + "\n" for entry in entries).encode()


def manifest_entries(manifest: bytes) -> list[dict[str, Any]]:
    """Return the entries of a manifest that :func:`manifest_bytes` made."""
    # A name may hold what str.splitlines() takes for the end of a line (U+2028, U+0085); JSON leaves it as it is.
    return [json.loads(line) for line in manifest.decode().split("\n") if line]


def label_studio_tasks(manifest: bytes) -> list[dict[str, Any]]:
    """Return the manifest as Label Studio tasks, ready for its import (``json.dump`` the list): the image is ``data.image``.

    The rest of each entry goes to ``data`` under its own name, where the Data Manager can order by ``score`` and the export gives
    ``image_id`` back. The labelling configuration reads ``<Image name="image" value="$image"/>``. Label Studio must be able to read
    ``storage_uri``: an object store through a source storage with presigned URLs, local files through its local file serving (which
    wants ``/data/local-files/?d=...`` in place of ``file://...``).

    :param manifest: the bytes of a sample's manifest file.
    """
    return [{"data": {"image": entry["storage_uri"], **entry}} for entry in manifest_entries(manifest)]
