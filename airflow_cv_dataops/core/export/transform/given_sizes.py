"""Sizes, crops and shares as templates and people give them, and what is refused of them."""

from __future__ import annotations

import re
from typing import Any

from airflow_cv_dataops.core.errors import ConfigurationError

FITS = ("within", "stretch", "cover", "pad")
LONGEST_SIDE = 65_500  # that a JPEG may have
_NOTHING = (None, "", "None", "null")
_PAIR = re.compile(r"(\d+)\s*[x×*,]\s*(\d+)", re.ASCII | re.IGNORECASE)


def size_of(given: Any) -> Any:
    """Return a longest side, a pair, or ``None``; what says neither as it is, for :func:`check_size` to refuse."""
    if isinstance(given, (list, tuple)):
        return tuple(given) or None
    text = _inner(given)
    if text in _NOTHING:
        return None
    if not isinstance(text, str):
        return given
    pair = _PAIR.fullmatch(text)
    if pair:
        return int(pair[1]), int(pair[2])
    return int(text) if text.isascii() and text.isdigit() else given


def crop_of(given: Any) -> Any:
    """Return left, top, right and bottom, or ``None``; what says neither as it is, for :func:`check_crop` to refuse."""
    parts = text.split(",") if isinstance(text := _inner(given), str) and text not in _NOTHING else text
    if isinstance(parts, (list, tuple)):
        return tuple(map(share_of, parts)) or None
    return None if parts in _NOTHING else given


def share_of(given: Any) -> Any:
    """Return the number that a text writes; anything else as it is."""
    if not isinstance(given, str):
        return given
    try:
        return float(given)
    except ValueError:
        return given


def check_size(size: Any) -> None:
    """:raises ConfigurationError: it is no longest side, no pair, and not ``None``."""
    if size is None or _is_side(size) or (isinstance(size, tuple) and len(size) == 2 and all(map(_is_side, size))):
        return
    raise ConfigurationError(
        f"size={size!r} cannot be used: expected a longest side (640) or width and height ('640x480'), "
        f"each a whole number from 1 to {LONGEST_SIDE}, or nothing to keep every picture's size."
    )


def check_fit(fit: Any, size: Any) -> None:
    """:raises ConfigurationError: it is unknown, or needs width and height where there is a longest side."""
    if fit not in FITS:
        raise ConfigurationError(f"fit={fit!r} is unknown: expected one of {', '.join(FITS)}.")
    if isinstance(size, int) and fit != "within":
        raise ConfigurationError(
            f"fit={fit!r} needs width and height, but size={size!r} is a longest side: give size='{size}x{size}' for a square, "
            f"or fit='within'."
        )


def check_crop(crop: Any) -> None:
    """:raises ConfigurationError: it is not ``None``, nor four fractions that enclose anything."""
    if crop is None:
        return
    if isinstance(crop, tuple) and len(crop) == 4 and all(map(_is_share, crop)):
        left, top, right, bottom = crop
        if left < right and top < bottom:
            return
    raise ConfigurationError(
        f"crop={crop!r} cannot be used: expected left, top, right, bottom as fractions of the upright image from 0 to 1, "
        f"left less than right and top less than bottom, e.g. '0,0.4,1,1' for what lies below the upper 40 %."
    )


def check_share(name: str, value: Any) -> None:
    """:raises ConfigurationError: it is no number from 0 to 1."""
    if not _is_share(value):
        raise ConfigurationError(f"{name}={value!r} cannot be used: expected a number from 0 to 1.")


def _inner(given: Any) -> Any:
    """Return a text without the brackets that a template leaves of a rendered list."""
    return given.strip().strip("[]()").strip() if isinstance(given, str) else given


def _is_side(value: Any) -> bool:
    return type(value) is int and 1 <= value <= LONGEST_SIDE


def _is_share(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1  # which NaN is not
