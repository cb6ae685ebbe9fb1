"""The text of a CSV: its encoding, the separator of its columns, and the line by which Excel names that."""

from __future__ import annotations

import re

DELIMITERS = (",", ";", "\t", "|")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_EXCEL = re.compile('"?sep=(?P<delimiter>[,;\t|])"?[ ]*(?:\r\n|\n|\r|$)', re.IGNORECASE)


def decoded(data: bytes) -> str:
    """Return the text without its byte order mark. :raises UnicodeDecodeError: it is neither UTF-8 nor UTF-16."""
    return data.decode("utf-16" if is_utf_16(data) else "utf-8-sig")


def is_utf_16(data: bytes) -> bool:
    return data.startswith(_UTF_16)


def stated_delimiter(text: str) -> tuple[str | None, int]:
    """Return the separator that a first line ``sep=;`` states, and the length of that line; ``None`` and 0 where there is none."""
    found = _EXCEL.match(text)
    return (found["delimiter"], found.end()) if found else (None, 0)


def most_frequent_delimiter(line: str) -> str:
    """Return the separator that stands in a line most often."""
    return max(DELIMITERS, key=line.count)
