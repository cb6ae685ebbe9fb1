"""What is done to a picture before an ONNX model sees it: the size, the order and the scale that the model was trained with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.embeddings.arguments import check_channels, check_input_size, check_layout, check_numbers, check_resize
from airflow_cv_dataops.core.errors import ConfigurationError

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Asked:
    """What somebody asks for; ``None``: what the model's input says, and of ``mean`` and ``std`` those of ImageNet.

    :param input_size: pixels of a square, or height and width.
    :param mean: of each channel, 0 to 1, in the order of ``channels``; taken away from pixels of 0 to 1.
    :param std: of each channel, in the order of ``channels``; pixels are divided by it afterwards.
    :param resize: ``squash``: to the input's size, whatever the aspect ratio; ``crop``: the smaller of the two fits, the middle is cut out.
    :param channels: ``rgb`` or ``bgr``.
    :param layout: order of the input's axes, ``NCHW`` or ``NHWC``.
    :raises ConfigurationError: one of them cannot be used.
    """

    input_size: int | Sequence[int] | None = None
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    resize: str = "squash"
    channels: str = "rgb"
    layout: str | None = None

    def __post_init__(self) -> None:
        check_input_size(self.input_size)
        check_numbers("mean", self.mean)
        check_numbers("std", self.std, above=0.0)
        check_resize(self.resize)
        check_channels(self.channels)
        check_layout(self.layout)

    def for_input(self, shape: Sequence[object], name: str) -> Preprocessing:
        """Return what fits a model's input.

        :param shape: its sides; what is no whole number may have any length. :param name: what to call the model in messages.
        :raises ConfigurationError: the two do not fit, or leave something open.
        """
        if len(shape) != 4:
            raise ConfigurationError(f"{name} takes an input of shape {_shown(shape)}: expected four axes, of images, channels and pixels.")
        layout = self._layout(shape, name)
        channels, height, width = (shape[place] for place in ((1, 2, 3) if layout == "NCHW" else (3, 1, 2)))
        count = channels if isinstance(channels, int) else 3
        if count not in (1, 3):
            raise ConfigurationError(f"{name} takes images of {count} channels ({layout}, {_shown(shape)}): expected 3, or 1 of grey ones.")
        if count == 1 and (self.mean is None or self.std is None):
            raise ConfigurationError(f"{name} takes grey images: give `mean` and `std`, one number each, such as [0.0] and [1.0].")
        mean, std = tuple(self.mean or IMAGENET_MEAN), tuple(self.std or IMAGENET_STD)
        for argument, values in (("mean", mean), ("std", std)):
            if len(values) != count:
                raise ConfigurationError(f"{argument}={list(values)} has {len(values)} numbers, and {name} takes {count} channels.")
        return Preprocessing(*self._size(height, width, name), mean, std, self.resize, self.channels, layout)

    def _layout(self, shape: Sequence[object], name: str) -> str:
        if self.layout is not None:
            return self.layout
        first, last = shape[1] in (1, 3), shape[3] in (1, 3)
        if first == last:
            raise ConfigurationError(
                f"The input of {name} has shape {_shown(shape)}, which does not say where its channels are: give layout='NCHW' or 'NHWC'."
            )
        return "NCHW" if first else "NHWC"

    def _size(self, height: object, width: object, name: str) -> tuple[int, int]:
        given = (self.input_size, self.input_size) if isinstance(self.input_size, int) else self.input_size
        sides = tuple(given) * (2 // len(given)) if given is not None else (None, None)
        found = []
        for side, stated in zip(sides, (height, width), strict=True):
            fixed = stated if isinstance(stated, int) and stated > 0 else None
            if side is not None and fixed is not None and side != fixed:
                raise ConfigurationError(f"input_size={self.input_size!r} does not fit {name}, which takes {height} x {width} px only.")
            if side is None and fixed is None:
                raise ConfigurationError(f"{name} takes images of any size: give `input_size`, the one that it was trained with, e.g. 224.")
            found.append(side or fixed or 0)
        return found[0], found[1]


@dataclass(frozen=True)
class Preprocessing:
    """The same as :class:`Asked`, with nothing left open."""

    height: int
    width: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resize: str
    channels: str
    layout: str

    @property
    def words(self) -> str:
        """What is done, as it is stored with each row."""
        order = "grey" if len(self.mean) == 1 else self.channels.upper()
        how = {"squash": "squashed", "crop": "scaled until it just covers, and cut out of the middle,"}[self.resize]
        numbers = f"mean {_numbers(self.mean)}, std {_numbers(self.std)}"
        return f"upright {order}, transparent pixels on white, {how} to {self.height} x {self.width} px (triangle filter), {numbers}"

    def needed(self, width: int, height: int) -> float:
        """Return the scale at which a picture still has twice the pixels, so that a decoder's own scaling does not show."""
        scales = self.height / height, self.width / width
        return min(1.0, 2 * max(scales))

    def apply(self, picture: Image.Image) -> np.ndarray:
        """Return the pixels of an upright RGB picture as float32, ``(C, H, W)`` or ``(H, W, C)``."""
        import numpy as np
        from PIL.Image import Resampling

        size = (self.width, self.height)
        fitted = picture.resize(size, Resampling.BILINEAR, box=self._box(picture.width, picture.height), reducing_gap=3.0)
        if len(self.mean) == 1:
            pixels = np.asarray(fitted.convert("L"), dtype=np.float32)[..., None]
        else:
            pixels = np.asarray(fitted, dtype=np.float32)
            pixels = pixels[..., ::-1] if self.channels == "bgr" else pixels
        scaled = (pixels / np.float32(255.0) - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        return np.ascontiguousarray(scaled.transpose(2, 0, 1) if self.layout == "NCHW" else scaled)

    def _box(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Return the part of a picture that is taken: left, top, right and bottom in pixels."""
        if self.resize == "squash":
            return (0.0, 0.0, float(width), float(height))
        scale = max(self.height / height, self.width / width)
        across, down = min(float(width), self.width / scale), min(float(height), self.height / scale)
        left, top = (width - across) / 2, (height - down) / 2
        return (left, top, left + across, top + down)


def _numbers(values: Sequence[float]) -> str:
    return "[" + ", ".join(f"{value:g}" for value in values) + "]"


def _shown(shape: Sequence[object]) -> str:
    return "(" + ", ".join("any" if side is None else str(side) for side in shape) + ")"
