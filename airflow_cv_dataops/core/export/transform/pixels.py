"""The bytes of a picture that leaves upright, cut and scaled."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.export.transform.placement import Placement
from airflow_cv_dataops.core.imaging.decoding.channels import bit_depth
from airflow_cv_dataops.core.imaging.decoding.decode import describe, open_header
from airflow_cv_dataops.core.imaging.decoding.descriptions import without_descriptions
from airflow_cv_dataops.core.imaging.decoding.luminance import as_grey, is_white_zero, is_wide
from airflow_cv_dataops.core.imaging.decoding.openers import DEFAULT_FORMATS, Opener, openers
from airflow_cv_dataops.core.imaging.decoding.pictures import upright
from airflow_cv_dataops.core.imaging.decoding.viewing import lab_to_rgb

if TYPE_CHECKING:
    from PIL import Image, ImageFile

JPEG_QUALITY = 95
GREY = 114  # of 255, YOLO's colour of padding
_FULL_16 = 65_535
_OF_OTHER_COLOURS = ("CMYK", "LAB")


def exported_bytes(
    data: bytes, *, orientation: int | None, placement: Placement, formats: tuple[str, ...] = DEFAULT_FORMATS
) -> tuple[bytes, str]:
    """Return the picture as an image file, and the extension of its name, ``.jpg`` or ``.png``; the same bytes in every run.

    The pixels are upright and the file has no EXIF (and no XMP, which may state an orientation, too): a reader that heeds EXIF, as OpenCV
    does, and one that does not, as Pillow without ``exif_transpose``, see the same picture, the one that labels are in pixels of.

    A JPEG stays one (quality 95, 4:4:4), grey or RGB, with its colour profile; CMYK becomes RGB. All else becomes a PNG: grey of 16 bits,
    and what fits into them, stays so, other grey of more than 8 bits becomes 8-bit grey as for the measures; palettes become RGB, and what
    can be transparent keeps its alpha. Of several frames it is the first.

    :param orientation: ``images.exif_orientation``.
    :param placement: of the upright picture.
    :param formats: the decoders that may be tried.
    :raises OSError: the picture cannot be decoded, or is not of the size that was placed.
    """
    allowed = openers(tuple(formats))
    try:
        return _exported(data, orientation, placement, allowed)
    except MemoryError:
        raise
    except Exception as error:
        bare = without_descriptions(data)  # as ingest does: a broken description is no reason to refuse a picture
        if bare is None:
            raise _unreadable(error) from error
        try:
            return _exported(bare.data, orientation, placement, allowed)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 (hostile input: a decoder may throw anything)
            raise _unreadable(error) from error


def _unreadable(error: Exception) -> OSError:
    return OSError(f"The picture cannot be exported: {describe(error)}")


def _exported(data: bytes, orientation: int | None, placement: Placement, allowed: dict[str, Opener]) -> tuple[bytes, str]:
    image = open_header(data, allowed)
    if image is None:
        raise OSError("no allowed image format begins like this")
    depth, is_jpeg = bit_depth(image, data), image.format in ("JPEG", "MPO")
    image.load()
    profile = None if image.mode in _OF_OTHER_COLOURS else image.info.get("icc_profile")
    picture = upright(_plain(image, depth), None if _is_upright(image) else orientation)
    if picture.size != (placement.width, placement.height):
        raise OSError(f"upright it is {picture.width} x {picture.height} px, but {placement.width} x {placement.height} px were expected")
    picture = _placed(picture, placement, full_scale=2 ** min(depth, 16) - 1)
    picture.info = {}  # of which Pillow would write comments, transparency and more
    written = io.BytesIO()
    if is_jpeg:
        picture.save(written, "JPEG", quality=JPEG_QUALITY, subsampling=0, icc_profile=profile)
    else:
        picture.save(written, "PNG", icc_profile=profile)
    return written.getvalue(), ".jpg" if is_jpeg else ".png"


def _is_upright(image: ImageFile.ImageFile) -> bool:
    """Say whether the decoder has made the pixels upright, whatever ``exif_orientation`` says: ingest keeps what the file states.

    Pillow does so as it loads a TIFF, and pillow-heif as it opens an HEIF, where it then says what it has undone. JPEG, PNG, WebP and AVIF
    come as they are stored: of an AVIF's own ``irot`` and ``imir`` Pillow makes an EXIF orientation.
    """
    return image.format == "TIFF" or bool(image.info.get("original_orientation"))


def _plain(image: Image.Image, depth: int) -> Image.Image:
    """Return the pixels in a mode that JPEG or PNG can hold: L, LA, RGB, RGBA or I;16."""
    if is_wide(image.mode):
        return _wide(image, depth)
    if image.mode == "LAB":
        return lab_to_rgb(image)
    name = "L" if image.mode in ("1", "L", "LA", "La") else "RGB"
    if image.has_transparency_data:
        try:
            return image.convert(f"{name}A")
        except Exception:  # noqa: BLE001 (Pillow throws various things at a transparency that does not fit its palette)
            image.info.pop("transparency", None)
    return image if image.mode == name else image.convert(name)


def _wide(image: Image.Image, depth: int) -> Image.Image:
    import numpy as np
    from PIL import Image

    pixels = np.asarray(image)
    if image.mode == "F" or pixels.min() < 0 or pixels.max() > _FULL_16:
        return as_grey(image, depth)
    pixels = pixels.astype(np.uint16)
    return Image.fromarray((2 ** min(depth, 16) - 1) - pixels if is_white_zero(image) else pixels)


def _placed(picture: Image.Image, placement: Placement, full_scale: int) -> Image.Image:
    from PIL import Image

    if placement.window != (0, 0, *picture.size):
        picture = picture.crop(placement.window)
    if placement.scaled != picture.size:
        picture = _resized(picture, placement.scaled, full_scale)
    if placement.output == picture.size:
        return picture
    canvas = Image.new(picture.mode, placement.output, _grey(picture.mode, full_scale))
    canvas.paste(picture, placement.offset)
    return canvas


def _resized(picture: Image.Image, size: tuple[int, int], full_scale: int) -> Image.Image:
    import numpy as np
    from PIL import Image

    lanczos = Image.Resampling.LANCZOS
    if picture.mode != "I;16":
        return picture.resize(size, lanczos, reducing_gap=3.0)
    # Floats hold 16 bits exactly. In this mode itself Pillow knows no reducing_gap, and lets 12 bits overshoot their white.
    exact = Image.fromarray(np.asarray(picture).astype(np.float32)).resize(size, lanczos, reducing_gap=3.0)
    return Image.fromarray(np.clip(np.rint(np.asarray(exact)), 0, full_scale).astype(np.uint16))


def _grey(mode: str, full_scale: int) -> Any:
    if mode == "I;16":
        return round(GREY / 255 * full_scale)
    colours = (GREY,) * len(mode.removesuffix("A"))
    return (*colours, 255) if mode.endswith("A") else colours
