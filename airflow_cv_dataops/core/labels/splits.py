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
_PARTS = re.compile("([-_. ]+)")
_BESIDE = LAYOUT_FOLDERS | {"set", "split", "instances", "keypoints", "captions", "person"}


@lru_cache(maxsize=1 << 14)
def split_of(name: str) -> str | None:
    """Return the split that a folder or a file of labels is named after, as ``train``, ``val`` or ``test``.

    Numbers and words of a layout aside: ``val2017``, ``train_images``, ``instances_test``. ``None`` where there is another word.
    """
    words = [word for word in _WORD.findall(name.lower()) if word not in _BESIDE]
    return _NAMES.get(words[0]) if len(words) == 1 else None


def without_kind(stem: str) -> str:
    """Return what the name of a file of labels says of their images: ``cam1`` of ``instances_cam1``, the split of ``val_labels_2``."""
    words = _PARTS.split(stem)
    kept = [number for number, word in enumerate(words) if number % 2 == 0 and word.lower() not in _BESIDE]
    return split_of(stem) or ("".join(words[kept[0] : kept[-1] + 1]) if kept else "")
