"""The few EXIF facts that are kept, read so that no tag, however broken, can stop an image from being taken."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

_ORIENTATION, _MAKE, _MODEL = 0x0112, 0x010F, 0x0110
_EXIF_IFD, _DATE_TIME_ORIGINAL = 0x8769, 0x9003
_GPS_IFD, _GPS_LATITUDE, _GPS_LONGITUDE = 0x8825, 2, 4
_LONGEST_CAMERA = 200
_DATE_TIME = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)", re.ASCII)
_XMP_POSITION = ("GPSLatitude", "GPSLongitude")


@dataclass(frozen=True)
class ExifFacts:
    """What is kept of EXIF (CIPA DC-008); ``None`` where absent or invalid.

    :param orientation: 1 to 8.
    :param captured_at: ISO 8601 local time.
    :param has_gps: whether there is a position, never which; ``None``: EXIF is there and cannot be read.
    """

    orientation: int | None = None
    captured_at: str | None = None
    camera: str | None = None
    has_gps: bool | None = False

    def with_unknown_position(self) -> ExifFacts:
        """Return the same, where more EXIF or XMP is there that cannot be read."""
        return self if self.has_gps else replace(self, has_gps=None)


def read_exif(image: Image.Image) -> ExifFacts:
    """Return what the image's EXIF says; orientation falls back to XMP's as in ``PIL.ImageOps.exif_transpose``."""
    try:
        tags = image.getexif()
        orientation = _orientation(tags.get(_ORIENTATION))
    except Exception:  # noqa: BLE001 (hostile input: a broken tag is no reason to refuse the pixels)
        return ExifFacts(has_gps=None)
    if not tags:
        return ExifFacts(orientation, has_gps=_xmp_has_position(image))
    return ExifFacts(orientation, _or_none(_captured_at, tags), _or_none(_camera, tags), _has_gps(image, tags))


def _or_none(read: Callable[[Any], str | None], tags: Image.Exif) -> str | None:
    try:
        return read(tags)
    except Exception:  # noqa: BLE001 (as above)
        return None


def _orientation(value: Any) -> int | None:
    return value if type(value) is int and 1 <= value <= 8 else None


def _captured_at(tags: Any) -> str | None:
    found = _DATE_TIME.fullmatch(_text(tags.get_ifd(_EXIF_IFD).get(_DATE_TIME_ORIGINAL)))
    try:
        return datetime(*map(int, found.groups())).isoformat() if found else None  # type: ignore[arg-type]
    except ValueError:  # 0000:00:00, or the 30th of February
        return None


def _camera(tags: Any) -> str | None:
    make, model = _text(tags.get(_MAKE)), _text(tags.get(_MODEL))
    name = model if model.lower().startswith(make.lower()) else f"{make} {model}"
    return name.strip()[:_LONGEST_CAMERA] or None


def _has_gps(image: Image.Image, tags: Any) -> bool | None:
    if _GPS_IFD in tags:
        try:
            position = tags.get_ifd(_GPS_IFD)
        except Exception:  # noqa: BLE001 (as above)
            return None
        if _GPS_LATITUDE in position or _GPS_LONGITUDE in position:
            return True
    return _xmp_has_position(image)


def _xmp_has_position(image: Image.Image) -> bool:
    """Look for the names only: an XML parser would have to be guarded against what is written in it."""
    for key in ("xmp", "XML:com.adobe.xmp"):
        packet = image.info.get(key)
        if isinstance(packet, bytes):
            packet = packet.decode("latin-1")
        if isinstance(packet, str) and any(name in packet for name in _XMP_POSITION):
            return True
    return False


def _text(value: Any) -> str:
    """Return the printable part of a text tag before its first NUL; anything but text is empty."""
    if not isinstance(value, str):
        return ""
    printable = "".join(letter for letter in value.split("\0", 1)[0] if letter.isprintable())
    return printable.encode("utf-8", "replace").decode().strip()
