"""Hostile bytes to small upright pictures and the facts of the file's header, or to the reason why not."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.imaging.decoding.channels import bit_depth, has_alpha
from airflow_cv_dataops.core.imaging.decoding.descriptions import without_descriptions
from airflow_cv_dataops.core.imaging.decoding.exif import ExifFacts, read_exif
from airflow_cv_dataops.core.imaging.decoding.frames import count_frames
from airflow_cv_dataops.core.imaging.decoding.jpeg import decode_only_what_is_measured
from airflow_cv_dataops.core.imaging.decoding.openers import DEFAULT_FORMATS, Opener, openers
from airflow_cv_dataops.core.imaging.decoding.pictures import Pictures, pictures
from airflow_cv_dataops.core.imaging.decoding.sniff import cut_short, known_format, looks_like_text

if TYPE_CHECKING:
    from PIL import ImageFile

MEBIBYTE = 1024 * 1024
OUT_OF_MEMORY = "MemoryError: more than a worker may have (worker_memory_bytes)"
_LONGEST_DETAIL = 300


@dataclass(frozen=True)
class Limits:
    """What is refused before it costs anything.

    :param max_bytes: largest file in bytes, judged by the listing before the file is read.
    :param max_pixels: most pixels (width x height), judged by the header before anything is decoded: at 4 bytes each, 512 MB of memory.
    :param min_side: shortest side in pixels.
    """

    max_bytes: int = 256 * MEBIBYTE
    max_pixels: int = 128_000_000
    min_side: int = 1

    def __post_init__(self) -> None:
        for name in ("max_bytes", "max_pixels", "min_side"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ConfigurationError(f"Limit {name}={value!r} cannot be used: expected a whole number of at least 1.")


@dataclass(frozen=True)
class Reject:
    """Why a file could not be taken: a code of ``schema.REJECT_REASONS``, and what the decoder said.

    :param may_pass: the cause may lie outside the file's bytes, and be gone at the next look.
    """

    reason: str
    detail: str
    may_pass: bool = False


@dataclass(frozen=True)
class Decoded:
    """An image that was decoded to its end.

    :param format: format by content, in Pillow's spelling; a multi-picture JPEG (MPO) is ``JPEG``.
    :param width: of the upright image, pixels.
    :param height: of the upright image, pixels.
    :param mode: Pillow's pixel mode as the header states it.
    :param bit_depth: bits of a channel as the file stores it.
    :param has_alpha: whether pixels can be transparent.
    :param pictures: what is measured (docs/fingerprints.md).
    """

    format: str
    width: int
    height: int
    mode: str
    bit_depth: int
    has_alpha: bool
    frames: int
    exif: ExifFacts
    pictures: Pictures


def decode(data: bytes, *, formats: tuple[str, ...] = DEFAULT_FORMATS, limits: Limits | None = None) -> Decoded | Reject:
    """Decode one file's bytes; whatever a decoder throws at hostile input comes back as a :class:`Reject`.

    What only describes the picture (texts, a colour profile, the time) rejects no file, however large or broken it is.

    :param formats: the only decoders that are tried; the file's content decides between them, never its name.
    :raises ConfigurationError: ``formats`` is empty, or names one that is unknown here.
    """
    limits = limits or Limits()
    allowed = openers(formats)
    if not data:
        return Reject("empty", "0 bytes")
    if len(data) > limits.max_bytes:
        return too_many_bytes(len(data), limits)
    found = _attempt(data, allowed, limits)
    if isinstance(found, Decoded) or not is_broken(found) or (bare := without_descriptions(data)) is None:
        return found
    again = _attempt(bare.data, allowed, limits)
    if isinstance(again, Reject):
        return again if is_limit(again) else found
    return again if not bare.lost_facts else replace(again, exif=again.exif.with_unknown_position())


def is_broken(reject: Reject) -> bool:
    """Say whether a decoder stumbled over the file's own bytes."""
    return reject.reason in ("unreadable", "truncated") and not reject.may_pass


def is_limit(reject: Reject) -> bool:
    """Say whether the picture may be whole, and is refused for its size."""
    return reject.reason in ("too_large", "too_small") or reject.may_pass


def _attempt(data: bytes, allowed: dict[str, Opener], limits: Limits) -> Decoded | Reject:
    image: ImageFile.ImageFile | None = None
    try:
        image = open_header(data, allowed)
        if image is None:
            return _unknown(data, tuple(allowed))
        return out_of_limits(image.size, limits) or _decoded(image, data)
    except MemoryError:
        return Reject("unreadable", OUT_OF_MEMORY, may_pass=True)  # whoever else needed it may be to blame
    except Exception as error:  # noqa: BLE001 (hostile input: a decoder may throw anything, and one bad file must not stop a run)
        return Reject(reject_reason(error, image, data), describe(error))


def check_formats(formats: tuple[str, ...]) -> None:
    """:raises ConfigurationError: ``formats`` is empty, or names one that is unknown here."""
    openers(tuple(formats))


def too_many_bytes(size: int, limits: Limits) -> Reject:
    """Return the reject of a file that is larger than the limit."""
    return Reject("too_large", f"{size:,} bytes; at most {limits.max_bytes:,} are read")


def describe(error: BaseException) -> str:
    """Return one printable line about an error, the same for the same input: no memory addresses, at most 300 characters."""
    text = re.sub(r"\s*<[^<>]* at 0x[0-9a-fA-F]+>", "", str(error))
    text = "".join(letter if letter.isprintable() else " " for letter in text.split("\n", 1)[0])
    text = text.encode("utf-8", "backslashreplace").decode().strip()
    return f"{type(error).__name__}: {text}"[:_LONGEST_DETAIL].rstrip(": ")


def open_header(data: bytes, allowed: dict[str, Opener]) -> ImageFile.ImageFile | None:
    """Return the image with its header parsed, or ``None`` where no allowed decoder knows the content."""
    prefix = data[:16]
    broken: Exception | None = None
    for factory, accept in allowed.values():
        accepted = _accepts(accept, prefix)
        if isinstance(accepted, str):
            raise NotImplementedError(accepted)
        if not accepted:
            continue
        try:
            image: ImageFile.ImageFile = factory(io.BytesIO(data), None)
        except (SyntaxError, IndexError, TypeError, struct.error) as error:
            broken = broken or (error if accept else None)
            continue
        return image
    if broken and not looks_like_text(data):
        raise broken
    return None


def _accepts(accept: Callable[[bytes], bool | str] | None, prefix: bytes) -> bool | str:
    try:
        return accept is None or accept(prefix)
    except (IndexError, struct.error):  # a prefix of fewer bytes than the magic number
        return False


def _unknown(data: bytes, formats: tuple[str, ...]) -> Reject:
    name = known_format(data, formats)
    if name is None:
        return Reject("not_an_image", "no image format is known to begin like this")
    return Reject("unsupported_format", f"{name} is not among the allowed formats {', '.join(formats)}")


def out_of_limits(size: tuple[int, int], limits: Limits) -> Reject | None:
    width, height = size
    if width * height > limits.max_pixels:
        return Reject("too_large", f"{width} x {height} pixels; at most {limits.max_pixels:,} are decoded")
    if min(width, height) < limits.min_side:
        return Reject("too_small", f"{width} x {height} pixels; each side needs at least {limits.min_side}")
    return None


def _decoded(image: ImageFile.ImageFile, data: bytes) -> Decoded:
    """Decode the first frame to its end and make it upright."""
    name = "JPEG" if image.format == "MPO" else str(image.format)
    size, mode, depth = image.size, image.mode, bit_depth(image, data)
    frames = count_frames(image, data)
    if name == "TIFF":
        exif = read_exif(image)  # loading a TIFF makes it upright and drops the tag
        image.load()
        size, left_to_do = image.size, None
    else:
        if name == "JPEG":
            decode_only_what_is_measured(image)
        image.load()
        exif = read_exif(image)  # a PNG may hold its EXIF behind the pixels
        left_to_do = exif.orientation
        if stated := image.info.get("original_orientation"):  # pillow-heif has made the pixels upright and says 1 in EXIF
            exif, left_to_do = replace(exif, orientation=stated), None
    alpha = has_alpha(image)
    image.info.pop("transparency", None)  # not measured, and Pillow's conversions stumble over one that does not fit its palette
    found = pictures(image, orientation=left_to_do, full_size=size, bit_depth=depth)
    if (left_to_do or 1) >= 5:
        size = (size[1], size[0])
    return Decoded(name, *size, mode, depth, alpha, frames, exif, found)


def reject_reason(error: Exception, image: ImageFile.ImageFile | None, data: bytes) -> str:
    from PIL import Image

    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return "too_large"
    if isinstance(error, NotImplementedError):
        return "unsupported_format"
    return "truncated" if cut_short(error, image, data) else "unreadable"
