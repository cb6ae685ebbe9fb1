"""The contract of what makes vectors of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image


@dataclass(frozen=True)
class Facts:
    """What is stored beside every vector.

    :param embedding_model: what the maker is called where nobody says otherwise.
    :param source: URI of the model, without credentials; ``built_in``.
    :param preprocessing: what is done to the pixels, in words.
    :param parameters_id: hash of all that decides the numbers, 16 hex digits.
    """

    embedding_model: str
    source: str
    preprocessing: str
    parameters_id: str


class Embedder(Protocol):
    """Makes vectors: first each picture is prepared, in several threads at once, then a batch of them becomes a matrix."""

    @property
    def facts(self) -> Facts: ...

    def needed(self, width: int, height: int) -> float:
        """Return the scale, 0 to 1, below which a picture of this size must not be decoded, pixels."""
        ...

    def prepare(self, picture: Image.Image) -> np.ndarray:
        """Return what one upright RGB picture is to the maker: arrays of one shape and type for all pictures."""
        ...

    def embed(self, prepared: np.ndarray) -> np.ndarray:
        """Return the vectors of a batch, ``(N, D)`` float32; each depends on its own picture alone."""
        ...
