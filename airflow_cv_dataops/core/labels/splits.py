"""The parts of a data set that are kept apart (train, val, test), as folders and files are named after them."""

from __future__ import annotations

import re
from functools import lru_cache

from airflow_cv_dataops.core.labels.file_names import LAYOUT_FOLDERS

_NAMES = {
    **dict.fromkeys(("train", "training", "trainset"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "valset"), "val"),
    **dict.fromkeys(("test", "testing", "testset", "eval", "evaluation", "holdout"), "test"),
}
_WORD = re.compile("[a-z]+")
_BESIDE = LAYOUT_FOLDERS | {"set", "split", "instances", "keypoints", "captions", "person"}


@lru_cache(maxsize=1 << 14)
def split_of(name: str) -> str | None:
    """Return the split that a folder or a file of labels is named after, as ``train``, ``val`` or ``test``.

    Numbers and words of a layout aside: ``val2017``, ``train_images``, ``instances_test``. ``None`` where there is another word.
    """
    words = [word for word in _WORD.findall(name.lower()) if word not in _BESIDE]
    return _NAMES.get(words[0]) if len(words) == 1 else None


def same_part(part: str, other: str) -> bool:
    """Say whether two folders are the same, whatever their case and the spelling of a split."""
    if part.casefold() == other.casefold():
        return True
    split = split_of(part)
    return split is not None and split == split_of(other)


def other_split(part: str, other: str) -> bool:
    """Say whether two folders are of different splits."""
    split, second = split_of(part), split_of(other)
    return split is not None and second is not None and split != second
