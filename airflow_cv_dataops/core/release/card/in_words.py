"""Numbers as people read them, the same on every machine."""

from __future__ import annotations

import math
from typing import Any

UNKNOWN = "unknown"
_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def count(number: int, noun: str, nouns: str | None = None) -> str:
    """Return ``1 image``, ``1,234 images``."""
    return f"{number:,} {noun if number == 1 else nouns or f'{noun}s'}"


def share(part: float, whole: float) -> str:
    """Return ``80.1 %``; a dash of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "–"


def number(value: Any) -> str:
    """Return a number to four digits, a whole one as it is, with thousands apart; what is none as a text."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return UNKNOWN if value is None else str(value)
    if not math.isfinite(value):
        return UNKNOWN
    return f"{int(value):,}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.4g}"


def change(now: int, before: int | None) -> str:
    """Return ``+12``, ``-3`` or ``±0``."""
    if before is None:
        return UNKNOWN
    return f"{now - before:+,}" if now != before else "±0"


def size(of_bytes: int) -> str:
    """Return ``8.1 MB``."""
    value, unit = float(of_bytes), 0
    while value >= 999.95 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:,.1f} {_UNITS[unit]}" if unit else f"{of_bytes:,} bytes"
