"""What people read in logs and messages: places, shares, durations, short lists."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_ENCODED = ("file:", "http:", "https:")
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def readable(uri: str) -> str:
    """Return a URI as a person reads it: ``file:///data/Straße 3`` for ``file:///data/Stra%C3%9Fe%203``. For people only: it names nothing.

    What is percent-encoded are local paths, addresses of web servers and members of archives; an object's key stands as it is. Only what
    is printable is decoded, so that no name of a file can begin a line of its own or turn the order of what is read.
    """
    place, mark, member = uri.partition("!/")
    place = _ESCAPES.sub(_decoded, place) if place.startswith(_ENCODED) else place
    return printable(place + mark + _ESCAPES.sub(_decoded, member))


def printable(text: str) -> str:
    """Return a text with ``\\ufffd`` for what cannot be printed: line breaks, control characters, marks that turn the writing round."""
    return text if text.isprintable() else "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def one_line(text: str) -> str:
    """Return a text of several lines as one; see :func:`printable`."""
    return printable(" ".join(line.strip() for line in text.splitlines() if line.strip()))


def share(value: float) -> str:
    """Return a share of 0 to 1 in percent, to three digits: of 4,888 labels, two are no ``0.0%``."""
    return f"{100 * value:.3g}%"


def percent(value: float) -> str:
    """Return a share of 0 to 1 in whole percent, near 0 and 1 with one digit more: never ``0%`` or ``100%`` of what is not that."""
    hundredths = 100 * value
    if 0 < hundredths < 0.05 or 99.95 <= hundredths < 100:
        return "under 0.1%" if value < 0.5 else "over 99.9%"
    is_near_an_end = 0 < hundredths < 0.95 or 99.05 < hundredths < 100
    return f"{hundredths:.1f}%" if is_near_an_end else f"{hundredths:.0f}%"


def duration(seconds: float) -> str:
    """Return a duration in words: ``4 s``, ``3 min``, ``2 h 5 min``, ``3 days``."""
    if seconds < 9.95:
        return f"{seconds:.2g} s"
    if seconds <= 1.5 * _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 0.995 * _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    if seconds < 2 * _DAY:
        hours, minutes = divmod(round(seconds / _MINUTE), _MINUTE)
        return f"{hours} h {minutes} min" if minutes and hours < 10 else f"{seconds / _HOUR:.0f} h"
    return f"{seconds / _DAY:.0f} days"


def counted(count: int, what: str) -> str:
    """Return a number of things, whose plural takes an s."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def few(texts: Sequence[str], most: int) -> str:
    """Return the first of some texts, and how many more there are: ``a, b and 7 more``."""
    more = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {more:,} more" if more > 0 else "")


def _decoded(escapes: re.Match[str]) -> str:
    try:
        text = unquote(escapes[0], errors="strict")
    except UnicodeDecodeError:
        return escapes[0]
    return text if text.isprintable() else escapes[0]
