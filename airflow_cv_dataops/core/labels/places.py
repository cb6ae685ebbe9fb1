"""Whether two places can be one: the folders of which a name speaks, and those in which an image lies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from airflow_cv_dataops.core.labels.splits import split_of

_DIGITS = re.compile("[0-9]+")
# Of `2026-11-05` and `20261105_0930` the year, month, day, and what follows.
_DATE = re.compile(r"((?:19|20)[0-9]{2})([-_.]?)([01][0-9])\2([0-3][0-9])(?![0-9])(.*)")
# What Hive's partitions have before a date or its parts.
_KEY = re.compile("(?:date|dt|ds|year|month|day)=", re.IGNORECASE)
_YEAR = re.compile("(?:19|20)[0-9]{2}")
# Where a machine keeps its disks and its users: `/home/ann/cells` and `/mnt/disk2/cells` may be copies of one folder.
_DISKS = re.compile("(?:mnt|media|volumes?|disks?|data|nas|nfs|scratch|ssd|hdd|storage|workspace)[0-9]*", re.IGNORECASE)
_USERS = frozenset({"home", "users"})


class Overlap(NamedTuple):
    """How two lists of folders lie over each other, in their order.

    :param shared: positions of the first list's folders that the second has, too.
    :param left: those of the first that the second has not. :param other_left: those of the second that the first has not.
    """

    shared: frozenset[int]
    left: Sequence[str]
    other_left: Sequence[str]


def overlap(folders: Sequence[str], other: Sequence[str]) -> Overlap:
    """Return the longest common subsequence of two lists of folders, and what it leaves; of several the one that ends last."""
    lengths = [[0] * (len(other) + 1) for _ in range(len(folders) + 1)]
    for row, folder in enumerate(folders):
        for column, theirs in enumerate(other):
            is_same = same_folder(folder, theirs)
            lengths[row + 1][column + 1] = lengths[row][column] + 1 if is_same else max(lengths[row][column + 1], lengths[row + 1][column])
    shared, theirs_shared = set(), set()
    row, column = len(folders), len(other)
    while row and column:
        if same_folder(folders[row - 1], other[column - 1]):
            row, column = row - 1, column - 1
            shared.add(row)
            theirs_shared.add(column)
        elif lengths[row - 1][column] > lengths[row][column - 1]:
            row -= 1
        else:
            column -= 1
    left = [folder for number, folder in enumerate(folders) if number not in shared]
    return Overlap(frozenset(shared), left, [folder for number, folder in enumerate(other) if number not in theirs_shared])


def is_elsewhere(folders: Sequence[str], other: Sequence[str]) -> bool:
    """Say whether two lists of folders are of two places: of two splits, or alike but for their numbers, as ``cam1`` and ``cam2``.

    Only what neither shares with the other is compared: ``2026/10/05`` and ``2026/11/05`` differ in the month. A date is one however it
    is written, ``20261105`` or ``2026/11/05``, and a number with or without zeros before it.
    """
    if not any(_without_numbers(folder) or split_of(folder) for folder in folders):
        return False  # of most folders nothing needs to be laid over anything
    own, theirs = expanded(folders), expanded(other)
    found = overlap(own, theirs)
    if not found.left or not found.other_left:
        return False
    forms = {_without_numbers(folder) for folder in found.other_left} - {None}
    return any(_without_numbers(folder) in forms for folder in found.left) or _is_other_split(own, found)


def in_other_split(folders: Sequence[str], other: Sequence[str]) -> bool:
    """Say whether two lists of folders are of different splits."""
    return any(map(split_of, folders)) and _is_other_split(folders, overlap(folders, other))


def _is_other_split(folders: Sequence[str], found: Overlap) -> bool:
    """Say whether the last split of the first list is none of the second, which has one where they part."""
    last = max((number for number, folder in enumerate(folders) if split_of(folder)), default=-1)
    return last >= 0 and last not in found.shared and any(split_of(folder) for folder in found.other_left)


@lru_cache(maxsize=1 << 14)
def same_folder(folder: str, other: str) -> bool:
    """Say whether two folders' names are the same, whatever their case, the zeros before a number, and the spelling of a split.

    Two splits with two numbers are two: ``train2014``, ``train2017``.
    """
    if _plain(folder) == _plain(other):
        return True
    split = split_of(folder)
    if split is None or split != split_of(other):
        return False
    numbers, others = ([int(digits) for digits in _DIGITS.findall(text)] for text in (folder, other))
    return not numbers or not others or numbers == others


def expanded(folders: Sequence[str]) -> list[str]:
    """Return the folders, a date as its year, month and day, without the ``date=`` of a Hive partition."""
    return [part for folder in folders for part in _parts(folder)]


def without_machine(folders: Sequence[str]) -> Sequence[str]:
    """Return the folders of an absolute path without those that are a machine's own: its disks, its users."""
    start = 0
    while start < len(folders):
        if folders[start].casefold() in _USERS and len(folders) > start + 2:
            start += 2
        elif _DISKS.fullmatch(folders[start]):
            start += 1
        else:
            break
    return folders[start:]


def _parts(folder: str) -> Iterator[str]:
    value = folder[key.end() :] if (key := _KEY.match(folder)) else folder
    found = _DATE.fullmatch(value)
    yield from (value,) if found is None else filter(None, (found[1], found[3], found[4], found[5]))


def _plain(folder: str) -> str:
    return _DIGITS.sub(lambda digits: digits[0].lstrip("0") or "0", folder.casefold())


@lru_cache(maxsize=1 << 14)
def _without_numbers(folder: str) -> str | None:
    """Return a name with ``0`` for each of its numbers; ``None`` where it has none. A year is no other number."""
    if _YEAR.fullmatch(folder):
        return "year"
    form = _DIGITS.sub("0", folder.casefold())
    return form if "0" in form else None
