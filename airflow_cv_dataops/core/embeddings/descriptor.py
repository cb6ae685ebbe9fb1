"""A descriptor of images without any model: layout, colours and edges as 256 numbers."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.embeddings.arguments import DESCRIPTOR
from airflow_cv_dataops.core.embeddings.embedder import Facts

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

DIMENSIONS = 256

_SIDE = 64
_LAYOUT = 8
_CELLS = 4
_ORIENTATIONS = 8
_LUMINANCE_BINS, _CHROMA_BINS = 2, 4
# Half of the range of chroma in photos lies within this of grey; the outer bins take the rest.
_CHROMA_STEP = 16.0
# Below this, root mean square of levels of 255 (of the part), what is left is noise of the camera and the JPEG: it is not blown up.
_NOISE = 4.0
_PREPROCESSING = (
    f"upright RGB, transparent pixels on white, squashed to {_SIDE} x {_SIDE} px (triangle filter), YCbCr (ITU-R BT.601); descriptor 1"
)


class Descriptor:
    """Four parts, each of length 1/2 (shorter where there is next to nothing of it), so that the whole is of length 1 at most.

    The picture is squashed to 64 x 64 pixels in YCbCr. Then:

    - 0 to 63, **layout**: luminance on a grid of 8 x 8, less its mean;
    - 64 to 95, **colour layout**: Cb and Cr on a grid of 4 x 4 (after the Color Layout Descriptor, ISO/IEC 15938-3, without its DCT);
    - 96 to 223, **edges**: histograms of unsigned gradient orientations in 8 bins on a grid of 4 x 4, square root (after Dalal and Triggs,
      Histograms of Oriented Gradients, CVPR 2005, with one normalisation over the picture);
    - 224 to 255, **colours**: histogram of 2 x 4 x 4 bins of Y, Cb and Cr, square root, so that products are Bhattacharyya coefficients.

    Euclidean distance goes from 0 (alike) to 2. It is near for copies that were resized, compressed or slightly recoloured, and for scenes
    alike in colours and layout; it knows nothing of what is in a picture: a dog on grass is near a cow on grass, far from a dog on a sofa.
    """

    @property
    def facts(self) -> Facts:
        return Facts(DESCRIPTOR, "built_in", _PREPROCESSING, hashlib.sha256(_PREPROCESSING.encode()).hexdigest()[:16])

    def needed(self, width: int, height: int) -> float:
        """Return the scale at which the shorter side still has twice the pixels that are looked at."""
        return min(1.0, 2 * _SIDE / min(width, height))

    def prepare(self, picture: Image.Image) -> np.ndarray:
        """Return ``(64, 64, 3)`` uint8: Y, Cb and Cr of the squashed picture."""
        import numpy as np
        from PIL.Image import Resampling

        return np.asarray(picture.resize((_SIDE, _SIDE), Resampling.BILINEAR, reducing_gap=2.0).convert("YCbCr"))

    def embed(self, prepared: np.ndarray) -> np.ndarray:
        """Return ``(N, 256)`` float32 from ``(N, 64, 64, 3)`` uint8."""
        import numpy as np

        pixels = prepared.astype(np.float32)
        luminance, chroma = pixels[..., 0], pixels[..., 1:] - 128.0
        layout = _cells(luminance, _LAYOUT).reshape(len(pixels), -1)
        layout = layout - layout.mean(axis=1, keepdims=True)
        colour_layout = np.concatenate([_cells(chroma[..., channel], _CELLS).reshape(len(pixels), -1) for channel in (0, 1)], axis=1)
        parts = (
            _part(layout, _NOISE),
            _part(colour_layout, _NOISE),
            _part(_edges(luminance), np.sqrt(_NOISE)),
            _part(_colours(pixels), 0.0),
        )
        return np.concatenate(parts, axis=1)


def _cells(values: np.ndarray, cells: int) -> np.ndarray:
    """Return the means over a grid: ``(N, cells, cells)`` from ``(N, side, side)``."""
    count, side, _ = values.shape
    return values.reshape(count, cells, side // cells, cells, side // cells).mean(axis=(2, 4))


def _edges(luminance: np.ndarray) -> np.ndarray:
    """Return the square roots of the gradients' mean size in each cell and orientation; a gradient is shared by the two next bins."""
    import numpy as np

    padded = np.pad(luminance, ((0, 0), (1, 1), (1, 1)), mode="edge")
    across = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    down = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    size = np.hypot(across, down)
    place = np.arctan2(down, across) % np.pi * (_ORIENTATIONS / np.pi)
    found = []
    for orientation in range(_ORIENTATIONS):
        apart = np.abs(place - orientation)
        weight = np.maximum(0.0, 1.0 - np.minimum(apart, _ORIENTATIONS - apart))
        found.append(_cells(size * weight, _CELLS).reshape(len(luminance), -1))
    return np.sqrt(np.concatenate(found, axis=1))


def _colours(pixels: np.ndarray) -> np.ndarray:
    """Return the square roots of the shares of the pixels in each bin."""
    import numpy as np

    count = len(pixels)
    light = (pixels[..., 0] >= 128.0).astype(np.int64)
    blue, red = (np.clip((pixels[..., channel] - 128.0) / _CHROMA_STEP + 2.0, 0, _CHROMA_BINS - 1).astype(np.int64) for channel in (1, 2))
    bins = _LUMINANCE_BINS * _CHROMA_BINS**2
    codes = (light * _CHROMA_BINS + blue) * _CHROMA_BINS + red + bins * np.arange(count)[:, None, None]
    counts = np.bincount(codes.ravel(), minlength=bins * count).reshape(count, bins)
    return np.sqrt(counts / (_SIDE * _SIDE)).astype(np.float32)


def _part(values: np.ndarray, noise: float) -> np.ndarray:
    """Return rows of length 1/2, shorter where their root mean square is not far above the noise."""
    import numpy as np

    squares = np.square(values).mean(axis=1, keepdims=True) + np.float32(noise**2)
    return (0.5 / np.sqrt(values.shape[1]) * values / np.sqrt(squares)).astype(np.float32)
