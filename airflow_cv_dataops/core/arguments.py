"""What every step asks of its arguments before any work."""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Collection
from typing import Any

from airflow_cv_dataops.core.errors import ConfigurationError

# A text without comma that is a path or ends as a file does; with commas a whole path of such a file.
_NAMES_A_FILE = re.compile(r"^[^,]*/[^,]*$|^[^,]*\.(txt|names|yaml|yml)$|^(/|[A-Za-z][A-Za-z0-9+.-]*://)[^\n]*\.(txt|names|yaml|yml)$")
# What pathlib makes of s3://bucket, or a slip of the pen. Not of file:/path, which is a URI, nor of C:/, nor of a name with a colon.
_LOST_SLASH = re.compile(r"^(?:\./)?(s3a?|gs|gcs|azure?|abfss?|adl|https?):/(?!/)", re.IGNORECASE)


def check_list(name: str, value: Any) -> None:
    """:raises ConfigurationError: it is a string where a list of strings is meant, which would be taken letter by letter."""
    if isinstance(value, (str, bytes)):
        raise ConfigurationError(f"{name}={value!r} is a string: expected a list, e.g. [{value!r}].")


def check_choice(name: str, value: Any, known: Collection[str]) -> None:
    """:raises ConfigurationError: it is none of what there is; the message says what there is, and what may have been meant."""
    if not isinstance(value, str) or value not in known:
        raise ConfigurationError(f"{name}={value!r} is unknown: {expected(value, known)}.")


def expected(word: Any, known: Collection[str], so_many: str = "one of") -> str:
    """Say what there is, and what may have been meant: ``did you mean 'coco'? Expected one of coco, voc, yolo, csv``."""
    from difflib import get_close_matches

    near = get_close_matches(str(word).strip().lower().replace("-", "_"), known, n=1)
    there = f"xpected {so_many} {', '.join(known)}"
    return f"did you mean {near[0]!r}? E{there}" if near else f"e{there}"


def check_name(name: str, value: Any, example: str) -> None:
    """:raises ConfigurationError: it is no text, or a blank one, which would name nothing."""
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(f"{name}={value!r} cannot be used: expected a name such as {example!r}.")


def check_whole_number(name: str, value: Any, least: int, most: int | None = None) -> None:
    """:raises ConfigurationError: it is no whole number, or out of its range."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least or (most is not None and value > most):
        expected = f"of at least {least}" if most is None else f"from {least} to {most:,}"
        raise ConfigurationError(f"{name}={value!r} cannot be used: expected a whole number {expected}.")


def check_not_negative(name: str, value: Any) -> None:
    """:raises ConfigurationError: it is no finite number of at least 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise ConfigurationError(f"{name}={value!r} cannot be used: expected a number of at least 0.")


def check_pattern(value: Any) -> None:
    """:raises ConfigurationError: it is something else than one glob or ``None``."""
    if value is not None and not isinstance(value, str):
        raise ConfigurationError(
            f"pattern={value!r} cannot be used: expected one glob, a string such as '*.jpg'; exclude takes a list of globs."
        )


def as_place(name: str, value: Any) -> str:
    """Return the text of a URI or path. :raises ConfigurationError: it is neither, or blank."""
    text = os.fspath(value) if isinstance(value, (str, os.PathLike)) else None
    if not isinstance(text, str) or not text.strip():
        raise ConfigurationError(f"{name}={value!r} is not a place: expected a URI such as s3://bucket/prefix, or a local path.")
    if scheme := _LOST_SLASH.match(text):  # else it would be a local folder of that name, which is not there, and so an empty day
        raise ConfigurationError(
            f"{name} is not a place: it begins with {scheme[0]!r}, expected {scheme[1]}:// and what follows. A URI is given "
            "as a text: pathlib.Path makes one slash of two."
        )
    return text


def check_ratio(name: str, value: Any) -> None:
    """:raises ConfigurationError: it is no number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ConfigurationError(f"{name}={value!r} cannot be used: expected a number from 0 to 1.")


def check_flag(name: str, value: Any) -> None:
    """:raises ConfigurationError: it is something else than ``True`` or ``False``: the text ``"false"`` would count as true."""
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name}={value!r} cannot be used: expected True or False.")


def is_text(value: str) -> bool:
    """Whether it can be stored: it holds no half of a character."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def as_list(name: str, value: Any) -> list[str] | None:
    """Return a list of strings from a sequence, a JSON array, or a comma-separated text; ``None`` from nothing."""
    if value is None or value == "" or value == "None":
        return None
    if isinstance(value, str):
        text = value.strip()
        value = read_array(name, text) if text.startswith("[") else [part.strip() for part in text.split(",") if part.strip()]
    try:
        return [str(item) for item in value]
    except TypeError as error:
        raise ConfigurationError(f"{name}={value!r} is no list: expected e.g. ['one', 'another'].") from error


def as_names_or_uri(name: str, value: Any) -> list[str] | str | None:
    """Return a list of names, or the URI (or path) of a file with them: a text with ``/`` and no comma, or with a file's suffix.

    ``None`` from nothing.
    """
    if isinstance(value, str) and _NAMES_A_FILE.search(value):
        return value
    return as_list(name, value)


def read_array(name: str, text: str) -> list[Any]:
    """Return the list that a text writes. :raises ConfigurationError: it writes none."""
    return list(read_literal(name, text, list, "JSON array"))


def read_literal(name: str, text: str, kind: type, wanted: str) -> Any:
    """Read JSON, or the literal that a template makes of a Python value (``['it', "isn't"]``)."""
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(value, kind):
            return value
    raise ConfigurationError(f"{name}={text!r} is not a {wanted}.")
