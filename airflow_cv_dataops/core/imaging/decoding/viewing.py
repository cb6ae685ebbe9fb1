"""Hostile bytes to an upright RGB picture for people's eyes, or to the reason why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.imaging.decoding.channels import bit_depth
from airflow_cv_dataops.core.imaging.decoding.decode import (
    Limits,
    Reject,
    describe,
    is_broken,
    is_limit,
    open_header,
    out_of_limits,
    reject_reason,
    too_many_bytes,
)
from airflow_cv_dataops.core.imaging.decoding.descriptions import without_descriptions
from airflow_cv_dataops.core.imaging.decoding.exif import read_exif
from airflow_cv_dataops.core.imaging.decoding.luminance import as_grey, is_wide
from airflow_cv_dataops.core.imaging.decoding.openers import DEFAULT_FORMATS, openers
from airflow_cv_dataops.core.imaging.decoding.pictures import upright

if TYPE_CHECKING:
    from PIL import Image, ImageFile

_STRIP = 512  # rows


def decode_for_viewing(data: bytes, *, scale: float = 1.0, limits: Limits | None = None) -> Image.Image | Reject:
    """Return the first frame, upright, in RGB; transparent pixels lie on white.

    :param scale: 0 to 1: the picture may be scaled down to this, where the decoder (JPEG) can do so while it decodes. It is never
        smaller, and often larger.
    :return: whatever a decoder throws at hostile input comes back as a :class:`~.decode.Reject`.
    """
    limits = limits or Limits()
    if len(data) > limits.max_bytes:
        return too_many_bytes(len(data), limits)
    found = _attempt(data, scale, limits)
    if not isinstance(found, Reject) or not is_broken(found) or (bare := without_descriptions(data)) is None:
        return found
    again = _attempt(bare.data, scale, limits)
    return found if isinstance(again, Reject) and not is_limit(again) else again


def _attempt(data: bytes, scale: float, limits: Limits) -> Image.Image | Reject:
    image: ImageFile.ImageFile | None = None
    try:
        image = open_header(data, openers(DEFAULT_FORMATS))
        if image is None:
            return Reject("not_an_image", "no allowed image format begins like this")
        return out_of_limits(image.size, limits) or _upright_rgb(image, data, scale)
    except Exception as error:  # noqa: BLE001 (hostile input: a decoder may throw anything)
        return Reject(reject_reason(error, image, data), describe(error))


def _upright_rgb(image: ImageFile.ImageFile, data: bytes, scale: float) -> Image.Image:
    if image.format == "TIFF":
        image.load()  # makes it upright
        return _rgb(image, bit_depth(image, data))
    depth = bit_depth(image, data)
    if image.format in ("JPEG", "MPO") and scale < 1:
        image.draft(None, (max(1, int(image.width * scale)), max(1, int(image.height * scale))))
    image.load()
    return upright(_rgb(image, depth), read_exif(image).orientation)


def _rgb(image: Image.Image, depth: int) -> Image.Image:
    if image.mode == "RGB":
        return image
    if is_wide(image.mode):
        return as_grey(image, depth).convert("RGB")
    if image.mode == "LAB":
        return lab_to_rgb(image)
    if not image.has_transparency_data:
        return image.convert("RGB")
    return _on_white(image)


def _on_white(image: Image.Image) -> Image.Image:
    """Return a picture with transparent pixels on white, made strip by strip: at once it takes three more copies of the picture."""
    from PIL import Image as Images

    whole = Images.new("RGB", image.size)
    for top in range(0, image.height, _STRIP):
        strip = image.crop((0, top, image.width, min(top + _STRIP, image.height))).convert("RGBA")
        whole.paste(Images.alpha_composite(Images.new("RGBA", strip.size, "white"), strip).convert("RGB"), (0, top))
    return whole


def lab_to_rgb(image: Image.Image) -> Image.Image:
    """Return a CIE L*a*b* picture, which Pillow converts by a colour profile only, in sRGB."""
    from PIL import ImageCms

    transform = ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
    found = ImageCms.applyTransform(image, transform)
    assert found is not None
    return found
