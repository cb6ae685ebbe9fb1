"""The JSON of COCO files: whole, or its lists entry by entry, so that a large file never stands in memory as Python objects."""

from __future__ import annotations

import codecs
import json
from dataclasses import dataclass
from typing import Any

import msgspec

_BYTES_CHECKED_AT_ONCE = 1 << 20
# Also raised where Python reads on: at NaN, 1e400, a lone surrogate, another encoding. So Python's parser has the last word.
REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class NotCocoError(ValueError):
    """The bytes are no JSON, or JSON of another shape; the message says which."""


@dataclass(frozen=True)
class Scanned:
    """The lists of a COCO file.

    :param images: each entry's own bytes, which are JSON. :param annotations: the same.
    :param categories: as parsed.
    """

    images: list[msgspec.Raw]
    annotations: list[msgspec.Raw]
    categories: Any


class _Document(msgspec.Struct):
    images: list[msgspec.Raw]
    annotations: list[msgspec.Raw]
    categories: msgspec.Raw = msgspec.Raw(b"null")
    shapes: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET  # LabelMe's


_document = msgspec.json.Decoder(_Document)
_any = msgspec.json.Decoder()


def load_json(data: bytes) -> Any:
    """Return parsed JSON of any size and shape. :raises NotCocoError: it is not JSON, or nested too deeply."""
    try:
        try:
            return json.loads(data)
        except (json.JSONDecodeError, UnicodeDecodeError):
            raise
        except ValueError:
            # A whole number of thousands of digits, which Python refuses by default; as a double it is infinite.
            return json.loads(data, parse_int=_long_int)
    except RecursionError:
        raise NotCocoError("nested too deeply") from None
    except ValueError as error:
        is_lines = isinstance(error, json.JSONDecodeError) and error.msg == "Extra data"
        raise NotCocoError(f"not JSON: {error}{'; JSON lines are to be written as one JSON document' if is_lines else ''}") from None


def scan_coco(data: bytes) -> Scanned | None:
    """Return the lists of a file that is strict JSON in UTF-8 with lists ``images`` and ``annotations``; ``None`` for any other.

    Nothing is said of what the entries hold. ``None`` says that the file is to be read with :func:`load_json`, not that it is wrong.
    """
    try:
        document = _document.decode(data)
    except REFUSED:
        return None
    # What is skipped is looked at as JSON, not as text.
    if document.shapes is not msgspec.UNSET or not _is_utf8(data):
        return None
    return Scanned(document.images, document.annotations, load_json(bytes(document.categories)))


def value_of(entry: msgspec.Raw) -> Any:
    """Return what :func:`load_json` returns of an entry's bytes. :raises NotCocoError: it is nested too deeply."""
    try:
        return _any.decode(entry)
    except REFUSED:
        return load_json(bytes(entry))


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(data), _BYTES_CHECKED_AT_ONCE):
            decoder.decode(data[start : start + _BYTES_CHECKED_AT_ONCE])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _long_int(digits: str) -> int | float:
    return int(digits) if len(digits) < 4000 else float(digits)
