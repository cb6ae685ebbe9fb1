"""The manifest in the forms that labelling tools and people take: JSON lines, CSV, COCO. ``image_id`` comes back from each."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.sampling.manifest import check_format, manifest_bytes, manifest_entries

CSV_COLUMNS = (
    "rank",
    "image_id",
    "file_name",
    "source_uri",
    "storage_uri",
    "score",
    "category",
    "strategy",
    "reasons",
    "partition_key",
)
# What makes a spreadsheet take a cell for a formula (https://owasp.org/www-community/attacks/CSV_Injection), the full-width forms included.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_REASON_SEPARATOR = "; "
_NO_CATEGORY = "object"
_COPIED = ("width", "height", "category", "strategy", "partition_key")


def convert_manifest(manifest: bytes, format: str) -> bytes:  # noqa: A002
    """Return a sample's manifest in another format. Equal manifests give equal bytes.

    ``jsonl``
        JSON lines, one image a line, as the manifest is.

    ``csv``
        RFC 4180 in UTF-8 with a header and all text in quotes: ``rank``, ``image_id``, ``file_name``, ``source_uri``, ``storage_uri``,
        ``score``, ``category``, ``strategy``, ``reasons`` (joined by ``; ``), ``partition_key``; empty where there is none. So that no
        spreadsheet takes a name for a formula, a text, or a reason, that begins with ``=``, ``+``, ``-``, ``@``, a tab or a line break
        (or with apostrophes before one of these) has one ``'`` put before it.

    ``coco``
        Images with ``id`` 1 to N by rank, ``file_name``, ``coco_url`` (the ``storage_uri``), ``image_id``, ``rank``, ``score``, ``reasons``
        and, where the manifest knows them, ``width`` and ``height``. The boxes that a model predicts are its annotations, with ``score``:
        who labels corrects them instead of drawing. A box without category, or without area, is of category ``object``, or left out.

    ``file_name`` is the entry's own, else the last part of its source; where several images of the batch have the same, the whole source
    without its scheme, so that every name is one image's.

    :param manifest: the bytes of a sample's manifest file (JSON lines).
    :param format: ``jsonl``, ``csv`` or ``coco``.
    :raises ConfigurationError: the format is unknown, or a box in the manifest is none.
    """
    return encode_manifest(manifest_entries(manifest), format)


def encode_manifest(entries: Iterable[Mapping[str, Any]], format: str = "jsonl") -> bytes:  # noqa: A002
    """Return the entries in a format; see :func:`convert_manifest`.

    :param entries: with ``rank``, ``image_id``, ``source_uri``, ``storage_uri``, ``score``, ``category``, ``reasons`` and
        ``partition_key``; further ``strategy``, ``file_name``, ``width``, ``height`` and ``boxes``, each of which is ``{"category": ...,
        "score": ..., "bbox": [x, y, width, height]}`` in pixels of the upright image.
    :raises ConfigurationError: the format is unknown, or a box is none.
    """
    check_format(format)
    found = list(entries)
    if format == "jsonl":
        return manifest_bytes(found)
    return _csv(found) if format == "csv" else _coco(found)


def image_ids(manifest: bytes, format: str = "jsonl") -> list[str]:  # noqa: A002
    """Return the ids of a manifest's images, in its order.

    :raises ConfigurationError: the format is unknown.
    """
    check_format(format)
    if format == "csv":
        return [row["image_id"] for row in csv.DictReader(io.StringIO(manifest.decode(), newline=""))]
    rows = json.loads(manifest)["images"] if format == "coco" else manifest_entries(manifest)
    return [row["image_id"] for row in rows]


def unguarded(text: str) -> str:
    """Return a text of a CSV manifest as it was before the apostrophe was put there against formulas."""
    return text[1:] if text.startswith("'") and _is_formula(text) else text


def _csv(entries: Sequence[Mapping[str, Any]]) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    # One Python round an image: a batch, not a pool.
    for entry, file_name in zip(entries, _file_names(entries), strict=True):
        reasons = _REASON_SEPARATOR.join(map(_guarded, entry.get("reasons") or ()))
        values = {**entry, "file_name": file_name, "reasons": reasons}
        writer.writerow([_cell(values.get(name)) for name in CSV_COLUMNS])
    return buffer.getvalue().encode()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return _guarded(value) if isinstance(value, str) else value


def _guarded(text: str) -> str:
    return f"'{text}" if _is_formula(text) else text


def _is_formula(text: str) -> bool:
    """Say whether a formula follows, after any apostrophes: so that whoever takes one away knows that it was put there."""
    return text.lstrip("'").startswith(_FORMULA)


def _coco(entries: Sequence[Mapping[str, Any]]) -> bytes:
    boxes = [(number, box) for number, entry in enumerate(entries, start=1) for box in entry.get("boxes") or () if _has_area(box)]
    names = sorted({_category(box) for _, box in boxes})
    ids = {name: number for number, name in enumerate(names, start=1)}
    document = {
        "info": {"description": "images to be labelled, hardest first; annotations are a model's, to be corrected"},
        "licenses": [],
        "images": [_image(number, *pair) for number, pair in enumerate(zip(entries, _file_names(entries), strict=True), start=1)],
        "annotations": [_annotation(number, image, box, ids) for number, (image, box) in enumerate(boxes, start=1)],
        "categories": [{"id": number, "name": name, "supercategory": ""} for name, number in ids.items()],
    }
    return (json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _image(number: int, entry: Mapping[str, Any], file_name: str) -> dict[str, Any]:
    image = {"id": number, "file_name": file_name, "coco_url": entry["storage_uri"], "image_id": entry["image_id"]}
    image |= {"rank": entry.get("rank"), "score": entry.get("score"), "reasons": list(entry.get("reasons") or ())}
    return image | {name: entry[name] for name in _COPIED if entry.get(name) is not None}


def _annotation(number: int, image: int, box: Mapping[str, Any], ids: Mapping[str, int]) -> dict[str, Any]:
    x, y, width, height = box["bbox"]
    return {
        "id": number,
        "image_id": image,
        "category_id": ids[_category(box)],
        "bbox": [x, y, width, height],
        "area": width * height,
        "iscrowd": 0,
        "segmentation": [],
        "score": box.get("score"),
    }


def _has_area(box: Mapping[str, Any]) -> bool:
    sides = box.get("bbox")
    if not isinstance(sides, (list, tuple)) or len(sides) != 4 or not all(map(_is_finite, sides)):
        raise ConfigurationError(f"A box of the manifest has the bbox {sides!r:.100}: expected [x, y, width, height] in pixels.")
    return bool(sides[2] > 0 and sides[3] > 0)


def _is_finite(side: Any) -> bool:
    return isinstance(side, (int, float)) and math.isfinite(side)


def _category(box: Mapping[str, Any]) -> str:
    name = box.get("category")
    return _NO_CATEGORY if name is None else str(name)


def _file_names(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return of each image a name that no other image of the batch has."""
    names = [entry.get("file_name") or _last_part(entry["source_uri"]) for entry in entries]
    counts = Counter(names)
    return [name if counts[name] == 1 else _path(entry["source_uri"]) for name, entry in zip(names, entries, strict=True)]


def _last_part(source_uri: str) -> str:
    return _path(source_uri).rstrip("/").rsplit("/", 1)[-1]


def _path(source_uri: str) -> str:
    """Return a source without its scheme; only addresses of local files and of web servers are percent-encoded."""
    scheme, mark, path = source_uri.partition("://")
    if not mark:
        return source_uri
    return unquote(path).lstrip("/") if scheme in ("file", "http", "https") else path
