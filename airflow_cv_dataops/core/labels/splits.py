"""The parts of a data set that are kept apart (train, val, test), as folders and files are named after them."""

from __future__ import annotations

import re
from collections.abc import Set
from functools import lru_cache

from airflow_cv_dataops.core.labels.file_names import LAYOUT_FOLDERS

_NAMES = {
    **dict.fromkeys(("train", "training", "trainset"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "valset"), "val"),
    **dict.fromkeys(("test", "testing", "testset"), "test"),
}
_PARTS = re.compile("([-_. ]+)")
_WORD = re.compile("[a-z]+")
_BESIDE = LAYOUT_FOLDERS | {"set", "split"}
# What files of labels and of predictions are called beside the images that they are of.
_BESIDE_IN_FILES = _BESIDE | set(
    """
    bboxes box boxes captions cls cnn det detection detections instances keypoints mask masks output outputs panoptic person pose preds
    result results seg segm segmentation stuff
    """.split()  # noqa: SIM905 (a list to read)
)


@lru_cache(maxsize=1 << 14)
def split_of(name: str) -> str | None:
    """Return the split that a folder is named after, as ``train``, ``val`` or ``test``; ``None`` where there is another word.

    Numbers and words of a layout aside: ``val2017``, ``train_images``. ``dev`` and ``eval`` are none: environments are called so.
    """
    return _split_beside(name, _BESIDE)


def _split_beside(name: str, others: Set[str]) -> str | None:
    words = [word for word in _WORD.findall(name.lower()) if word not in others]
    return _NAMES.get(words[0]) if len(words) == 1 else None


@lru_cache(maxsize=1 << 14)
def without_kind(stem: str) -> str:
    """Return what the name of a file of labels says of their images: ``cam1`` of ``instances_cam1``, the split of ``val_labels_2``."""
    words = _PARTS.split(stem)
    kept = [number for number, word in enumerate(words) if number % 2 == 0 and word.lower() not in _BESIDE_IN_FILES]
    return _split_beside(stem, _BESIDE_IN_FILES) or ("".join(words[kept[0] : kept[-1] + 1]) if kept else "")
