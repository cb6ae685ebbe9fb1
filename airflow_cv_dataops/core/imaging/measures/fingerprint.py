"""Fingerprints of an image: one of its bytes, two of what it shows. Defined to the bit in docs/fingerprints.md."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.imaging.decoding.pictures import halvings_to_fit

if TYPE_CHECKING:
    from PIL import Image

_LONGEST_SIDE = 128
_SIDE = 32
_KEPT = 8


def image_id(data: bytes) -> str:
    """Return the sha256 of the bytes, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def hashes(picture: Image.Image) -> tuple[str, str]:
    """Return the perceptual hash and the difference hash of an ``L`` picture, of which the costly part is shared."""
    small = _Small.of(picture)
    return _phash(small), _dhash(small)


def phash(picture: Image.Image) -> str:
    """Return the 64-bit DCT perceptual hash of an ``L`` picture, 16 hex digits.

    Of a picture of at most 128 px, the same bits as ``imagehash.phash``, save that coefficients within 0.0005 of the median do
    not depend on floating-point noise; a larger picture is halved first, which costs a third and hardly moves a bit.
    A picture without any structure is ``8000000000000000``, or all zeros where it is black.
    """
    return _phash(_Small.of(picture))


def dhash(picture: Image.Image) -> str:
    """Return the 64-bit horizontal difference hash of an ``L`` picture, 16 hex digits: where brightness rises from left to right.

    Of a picture of at most 128 px, the same bits as ``imagehash.dhash``; a larger picture is halved first.
    """
    return _dhash(_Small.of(picture))


def hash_distance(one: str, other: str) -> int:
    """Return the number of differing bits of two hashes of one kind, 0 (alike) to 64."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


@dataclass(frozen=True)
class _Small:
    """A picture halved until its longest side is at most 128 px, so that a filter runs over fewer pixels.

    :param size: width and height in the halved picture's pixels, with fractions: its last row and column may stand for fewer pixels.
        Without them, a picture and its reflection would be cut differently.
    """

    picture: Image.Image
    size: tuple[float, float]

    @classmethod
    def of(cls, picture: Image.Image) -> _Small:
        factor = halvings_to_fit(picture.size, _LONGEST_SIDE)
        small = picture.reduce(factor) if factor > 1 else picture
        return cls(small, (picture.width / factor, picture.height / factor))

    def resized(self, width: int, height: int) -> Any:
        import numpy as np
        from PIL.Image import Resampling

        resized = self.picture.resize((width, height), Resampling.LANCZOS, box=(0, 0, *self.size))
        return np.frombuffer(resized.tobytes(), np.uint8).reshape(height, width)  # sooner done than asarray


def _phash(small: _Small) -> str:
    import numpy as np

    pixels = small.resized(_SIDE, _SIDE).astype(np.float64)
    basis = _dct_basis()
    coefficients = np.round(basis @ pixels @ basis.T, 3).ravel()
    ordered = np.sort(coefficients)
    median = (ordered[31] + ordered[32]) / 2
    return np.packbits(coefficients > median).tobytes().hex()


def _dhash(small: _Small) -> str:
    import numpy as np

    pixels = small.resized(_KEPT + 1, _KEPT)
    return np.packbits(pixels[:, 1:] > pixels[:, :-1]).tobytes().hex()


@cache
def _dct_basis() -> Any:
    """Return the first 8 rows of the unnormalised type-II DCT of length 32: ``2 cos(pi k (2 n + 1) / 64)``."""
    import numpy as np

    return np.array([[2 * math.cos(math.pi * k * (2 * n + 1) / (2 * _SIDE)) for n in range(_SIDE)] for k in range(_KEPT)])
