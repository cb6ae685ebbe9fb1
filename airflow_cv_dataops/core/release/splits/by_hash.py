"""A split that is a function of the image's id alone: it depends on no other image, and on no other release."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from airflow_cv_dataops.core.release.splits.options import DEFAULT_SPLITS, check_splits


def assign_splits(image_ids: Sequence[str], splits: Mapping[str, float] = DEFAULT_SPLITS, *, salt: str = "") -> list[str]:
    """Return the split of each image.

    The first 52 bits of sha256(salt + image id), as a fraction in [0, 1), fall into consecutive intervals whose lengths
    are the shares. The same image is in the same split in every release that uses the same shares and salt.

    :param splits: share by name; shares are positive and sum to 1.
    :raises ConfigurationError: the shares do not.
    """
    names, shares = check_splits(splits)
    edges = [sum(shares[: position + 1]) for position in range(len(shares))]
    edges[-1] = 1.0
    # One hash an image: about a microsecond each, far below what reading the images table takes.
    return [_interval(names, edges, int(hashlib.sha256((salt + image_id).encode()).hexdigest()[:13], 16) / 2**52) for image_id in image_ids]


def _interval(names: Sequence[str], edges: Sequence[float], fraction: float) -> str:
    return next(name for name, edge in zip(names, edges, strict=True) if fraction < edge)
