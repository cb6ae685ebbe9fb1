"""Which split an image is in: a function of its id alone, so that it never moves as the dataset grows."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

from airflow_cv_dataops.core.errors import ConfigurationError

DEFAULT_SPLITS: Mapping[str, float] = {"train": 0.8, "val": 0.1, "test": 0.1}


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


def check_splits(splits: Mapping[str, float]) -> tuple[list[str], list[float]]:
    """Return names and shares. :raises ConfigurationError: they are not positive shares that sum to 1."""
    if not splits:
        raise ConfigurationError("splits is empty: expected shares by name such as {'train': 0.8, 'val': 0.1, 'test': 0.1}.")
    names, shares = [str(name) for name in splits], [float(share) for share in splits.values()]
    if any(not math.isfinite(share) or share <= 0 for share in shares) or not math.isclose(sum(shares), 1.0, abs_tol=1e-9):
        raise ConfigurationError(
            f"splits {dict(splits)!r} cannot be used: shares must be positive and sum to 1 (they sum to {sum(shares):g})."
        )
    return names, shares


def _interval(names: Sequence[str], edges: Sequence[float], fraction: float) -> str:
    return next(name for name, edge in zip(names, edges, strict=True) if fraction < edge)
