"""What images have in common, as people ask for it: a column, an attribute, a folder, a part of the file name, the time of capture."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.schema import TABLES

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

ATTRIBUTE = "attributes."
_WITHIN = re.compile(r"captured_within:\s*(\d+(?:\.\d+)?)\s*(s|min|h|d)")
_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_FOLDER = re.compile(r"folder(?:\[(-?\d+)\])?")
_FILE_NAME = "file_name:"
_LONGEST = 300


@dataclass(frozen=True)
class GroupKey:
    """One entry of ``group_by``, or of ``given``.

    :param text: as it was asked for.
    :param columns: of ``images`` that it goes by.
    :param attribute: of labels that it goes by; ``None``: it goes by columns.
    :param is_stable: whether its values mean the same in every release, so that they can be remembered.
    :param values: from the columns, an Arrow table, to one text an image, null where it has none; ``None`` for an attribute.
    """

    text: str
    columns: tuple[str, ...]
    attribute: str | None = None
    is_stable: bool = True
    values: Callable[[Any], Any] | None = None


def parse_key(text: str) -> GroupKey:
    """Return what an entry means. :raises ConfigurationError: it is none of what there is."""
    if not isinstance(text, str) or not text.strip():
        raise ConfigurationError(f"group_by has {text!r}: expected a column of images, attributes.<name>, folder, or another of its kinds.")
    if text.startswith(ATTRIBUTE) and len(text) > len(ATTRIBUTE):
        return GroupKey(text, (), attribute=text.removeprefix(ATTRIBUTE))
    if within := _WITHIN.fullmatch(text):
        gap = float(within[1]) * _SECONDS[within[2]]
        return GroupKey(text, ("captured_at",), is_stable=False, values=lambda rows: _sessions(rows["captured_at"], gap))
    if folder := _FOLDER.fullmatch(text):
        part = None if folder[1] is None else int(folder[1])
        return GroupKey(text, ("file_name",), values=lambda rows: _folders(rows["file_name"], part))
    if text.startswith(_FILE_NAME):
        pattern = _compiled(text.removeprefix(_FILE_NAME))
        return GroupKey(text, ("file_name",), values=lambda rows: _matches(rows["file_name"], pattern))
    if text in TABLES["images"].column_names:
        return GroupKey(text, (text,), values=lambda rows: _column(rows[text]))
    columns = TABLES["images"].column_names
    near = get_close_matches(text, (*columns, "folder", "captured_within:10min"), n=1)
    raise ConfigurationError(
        f"{text!r} is nothing that images have in common"
        + (f": did you mean {near[0]}? " if near else ". ")
        + "There are attributes.<name> "
        "of their labels, folder, folder[0], file_name:<regular expression>, captured_within:10min, and columns of images: "
        f"{', '.join(columns)}."
    )


class Attributes:
    """Collects what labels say in some of their attributes, by image.

    :param names: of the attributes.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = list(dict.fromkeys(names))
        self._at: dict[str, list[np.ndarray]] = {name: [] for name in self._names}
        self._codes: dict[str, list[np.ndarray]] = {name: [] for name in self._names}
        self._values: dict[str, dict[str, int]] = {name: {} for name in self._names}

    def __bool__(self) -> bool:
        return bool(self._names)

    def add(self, at: np.ndarray, attributes: pa.ChunkedArray) -> None:
        """Take labels. :param at: number of each one's image. :param attributes: a JSON object each, or null."""
        import numpy as np
        import pyarrow.compute as pc

        if not self._names or not len(at):
            return
        encoded = attributes.combine_chunks().dictionary_encode()
        places = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
        told = [_object(text) for text in encoded.dictionary.to_pylist()]  # each text once: many labels say the same
        for name in self._names:
            known = self._values[name]
            texts = (_text(found.get(name)) for found in told)
            codes = np.array([-1 if text is None else known.setdefault(text, len(known)) for text in texts] + [-1], np.int64)
            of_label = codes[places]
            self._at[name].append(at[of_label >= 0])
            self._codes[name].append(of_label[of_label >= 0])

    def of(self, name: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Return images and the code of the value that each has, every pair once, and the values in the order of their codes."""
        import numpy as np

        values = list(self._values[name])
        at, codes = (np.concatenate([np.empty(0, np.int64), *parts[name]]).astype(np.int64) for parts in (self._at, self._codes))
        pairs = np.unique(at * max(len(values), 1) + codes)
        return pairs // max(len(values), 1), pairs % max(len(values), 1), values


def _object(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str | None:
    """Return a value as text; ``None`` for none, for an empty one, and for what is no single value."""
    if value is None or isinstance(value, (dict, list)):
        return None
    text = (value if isinstance(value, str) else json.dumps(value)).strip().encode("utf-8", "replace").decode()
    if len(text) > _LONGEST:  # by what it says in all, and no longer than it must be
        text = f"{text[:_LONGEST]}… {hashlib.sha256(text.encode()).hexdigest()[:16]}"
    return text or None


def _column(values: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_list(values.type):
        raise ConfigurationError("group_by names a column of lists: expected one with a single value an image.")
    texts = values.cast(pa.string())
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)


def _folders(names: pa.ChunkedArray, part: int | None) -> pa.Array:
    import pyarrow as pa

    def of(name: str) -> str | None:
        folders = name.split("/")[:-1]
        if part is None:
            return "/".join(folders) or None
        return folders[part] if -len(folders) <= part < len(folders) else None

    return pa.array([of(name) for name in names.to_pylist()], pa.string())


def _matches(names: pa.ChunkedArray, pattern: re.Pattern[str]) -> pa.Array:
    import pyarrow as pa

    found = (pattern.search(name) for name in names.to_pylist())
    return pa.array([None if match is None else (match[1] if pattern.groups else match[0]) or None for match in found], pa.string())


def _compiled(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise ConfigurationError(f"{_FILE_NAME}{text} is no regular expression: {error}.") from error


def _sessions(captured: pa.ChunkedArray, gap: float) -> pa.Array:
    """Return a number for each run of images of which none was taken more than ``gap`` seconds after the one before; null without time."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    times = pd.to_datetime(pd.Series(captured.to_pylist(), dtype="object"), errors="coerce", format="ISO8601", utc=True)
    seconds = times.astype("int64").to_numpy() / (1e9 if str(times.dtype).startswith("datetime64[ns") else 1e6)
    known = times.notna().to_numpy()
    order = np.argsort(seconds[known], kind="stable")
    session = np.empty(len(order), np.int64)
    session[order] = np.cumsum(np.append(0, np.diff(seconds[known][order]) > gap)) if len(order) else []
    numbers = np.full(len(known), -1)
    numbers[known] = session
    return pa.array([None if number < 0 else str(number) for number in numbers.tolist()], pa.string())
