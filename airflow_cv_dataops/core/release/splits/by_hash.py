"""A split that is a function of the image's id alone: it depends on no other image, and on no other release."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.release.splits.options import DEFAULT_SPLITS, check_splits

if TYPE_CHECKING:
    import numpy as np

_BITS = 52


def assign_splits(image_ids: Sequence[str], splits: Mapping[str, float] = DEFAULT_SPLITS, *, salt: str = "") -> list[str]:
    """Return the split of each image.

    The first 52 bits of sha256(salt + image id), as a fraction in [0, 1), fall into consecutive intervals whose lengths
    are the shares. The same image is in the same split in every release that uses the same shares and salt.

    :param splits: share by name; shares are positive and sum to 1.
    :raises ConfigurationError: the shares do not.
    """
    names, _ = check_splits(splits)
    return [names[code] for code in split_codes([image_id.encode() for image_id in image_ids], splits, salt=salt).tolist()]


def split_codes(image_ids: Sequence[bytes], splits: Mapping[str, float], *, salt: str = "") -> np.ndarray:
    """Return the number of the split of each image, int64, as :func:`assign_splits` says. :param image_ids: as UTF-8."""
    import numpy as np

    _, shares = check_splits(splits)
    edges = [sum(shares[: position + 1]) for position in range(len(shares))]
    edges[-1] = 1.0
    # One hash an image: less than a microsecond each, as much as reading its row takes.
    drawn, sha256 = salt.encode(), hashlib.sha256
    digests = b"".join([sha256(drawn + image_id).digest() for image_id in image_ids])
    first = np.frombuffer(digests, ">u8")[:: hashlib.sha256().digest_size // 8].astype(np.uint64) >> np.uint64(64 - _BITS)
    found: np.ndarray = np.searchsorted(edges, first / 2**_BITS, side="right").astype(np.int64)
    return found
