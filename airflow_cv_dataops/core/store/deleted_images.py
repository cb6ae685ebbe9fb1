"""Which images were deleted on purpose: known by digests, from which no image id can be told."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_cv_dataops.core.store.dataset import Dataset

TABLE = "deletions"


def deletion_digest(dataset_name: str, image_id: str) -> str:
    """Return what stands for a deleted image: the same whenever its bytes come again, in this dataset alone."""
    return hashlib.sha256(f"{dataset_name}\0{image_id}".encode()).hexdigest()


def deletion_digests(dataset: Dataset) -> frozenset[str]:
    """Return the digests of all images that were deleted; none where no deletion has ever been asked for."""
    if dataset.snapshot_id(TABLE) is None:
        return frozenset()
    return frozenset(dataset.read(TABLE, columns=["digest"])["digest"].to_pylist())
