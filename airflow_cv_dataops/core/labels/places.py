"""Whether two places can be one: the folders of which a name speaks, and those in which an image lies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from airflow_cv_dataops.core.labels.splits import split_of

_DIGITS = re.compile("[0-9]+")
# Of `cam1_20261105_0930` what is before the date, the year, month, day, and what follows.
_DATE = re.compile(r"(.*?)[-_.]?(?<![0-9])((?:19|20)[0-9]{2})([-_.]?)([01][0-9])\3([0-3][0-9])(?![0-9])(.*)")
# What Hive's partitions have before a date or its parts.
_KEY = re.compile("(?:date|dt|ds|year|month|day)=", re.IGNORECASE)
_YEAR = re.compile("(?:19|20)[0-9]{2}")
_OF_A_DATE = re.compile("[0-3][0-9]")
# Where a machine keeps its disks and its users: `/home/ann/cells` and `/mnt/disk2/cells` may be copies of one folder.
_DISKS = re.compile("(?:mnt|media|volumes?|disks?|data|nas|nfs|scratch|ssd|hdd|storage|workspace)[0-9]*", re.IGNORECASE)
_USERS = frozenset({"home", "users"})


class Overlap(NamedTuple):
    """How two lists of folders lie over each other, in their order.

    :param shared: positions of the first list's folders that the second has, too.
    :param left: those of the first that the second has not. :param other_left: those of the second that the first has not.
    :param ends_shared: whether the last of the second is shared.
    """

    shared: frozenset[int]
    left: Sequence[str]
    other_left: Sequence[str]
    ends_shared: bool


def overlap(folders: Sequence[str], other: Sequence[str]) -> Overlap:
    """Return the longest common subsequence of two lists of folders, and what it leaves; of several the one that ends last."""
    return _overlap(tuple(folders), tuple(other))


@lru_cache(maxsize=1 << 14)
def _overlap(folders: tuple[str, ...], other: tuple[str, ...]) -> Overlap:
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
    other_left = [folder for number, folder in enumerate(other) if number not in theirs_shared]
    return Overlap(frozenset(shared), left, other_left, bool(other) and len(other) - 1 in theirs_shared)


def fits(folders: Sequence[str], other: Sequence[str]) -> int:
    """Return how many folders two lists share, in their order; 0 where they part behind the last of these, or are of two places."""
    own, theirs = expanded(folders), expanded(other)
    found = overlap(own, theirs)
    if not found.shared or is_elsewhere(folders, other):
        return 0
    part_ways = max(found.shared) < len(own) - 1 and not found.ends_shared
    return 0 if part_ways else len(found.shared)


def is_elsewhere(folders: Sequence[str], other: Sequence[str]) -> bool:
    """Say whether two lists of folders are of two places: of two splits, or alike but for their numbers, as ``cam1`` and ``cam2``.

    Only what neither shares with the other is compared: ``2026/10/05`` and ``2026/11/05`` differ in the month. A date is one however it
    is written, ``20261105`` or ``2026/11/05``, and a number with or without zeros before it.
    """
    if not any(_forms(folder) or split_of(folder) for folder in folders):
        return False  # of most folders nothing needs to be laid over anything
    own, theirs = expanded(folders), expanded(other)
    found = overlap(own, theirs)
    if not found.left or not found.other_left:
        return False
    forms = {form for folder in found.other_left for form in _forms(folder)}
    return any(form in forms for folder in found.left for form in _forms(folder)) or _is_other_split(own, found)


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

    A year may be missing: ``val2017`` is ``val``. Two splits with two numbers are two: ``train2014``, ``train2017``.
    """
    if plain(folder) == plain(other):
        return True
    split = split_of(folder)
    if split is None or split != split_of(other):
        return False
    numbers, others = (_DIGITS.findall(text) for text in (folder, other))
    years = [number for number in (numbers or others) if _YEAR.fullmatch(number)]
    return numbers == others or (not (numbers and others) and years == (numbers or others))


def expanded(folders: Sequence[str]) -> list[str]:
    """Return the folders, a date as its year, month and day, without the ``date=`` of a Hive partition.

    Month and day have marks before them (``2026``, ``-11``, ``--05``): a number that is no part of a date is another thing.
    """
    parts = [part for folder in folders for part in _parts(folder)]
    for at, part in enumerate(parts[:-1]):
        if _YEAR.fullmatch(part) and _OF_A_DATE.fullmatch(parts[at + 1]):
            parts[at + 1] = f"-{parts[at + 1]}"
            if at + 2 < len(parts) and _OF_A_DATE.fullmatch(parts[at + 2]):
                parts[at + 2] = f"--{parts[at + 2]}"
    return parts


def without_machine(folders: Sequence[str]) -> Sequence[str]:
    """Return the folders of an absolute path without those that are a machine's own: its disks, its users."""
    users = [at for at, folder in enumerate(folders[:-2]) if folder.casefold() in _USERS]
    start = users[-1] + 2 if users else 0
    while start < len(folders) and _DISKS.fullmatch(folders[start]):
        start += 1
    return folders[start:]


def _parts(folder: str) -> Iterator[str]:
    value = folder[key.end() :] if (key := _KEY.match(folder)) else folder
    found = _DATE.fullmatch(value)
    if found is None:
        yield value
        return
    before, year, _, month, day, after = found.groups()
    yield from filter(None, (before, year, f"-{month}", f"--{day}", after))


def plain(folder: str) -> str:
    """Return a folder's name whatever its case and the zeros before a number."""
    return _DIGITS.sub(lambda digits: digits[0].lstrip("0") or "0", folder.casefold().lstrip("-"))


@lru_cache(maxsize=1 << 14)
def _forms(folder: str) -> tuple[str, ...]:
    """Return what two names have in common that may differ in their numbers alone; nothing of a name without number.

    A number of two digits may be a month or a day; a year is no other number.
    """
    if _YEAR.fullmatch(folder):
        return ("year",)
    if folder.startswith("-") and _OF_A_DATE.fullmatch(folder.lstrip("-")):
        return ("date",)
    form = _DIGITS.sub("0", folder.casefold())
    if form == "0" and _OF_A_DATE.fullmatch(folder):
        return ("0", "date")
    return (form,) if "0" in form else ()
