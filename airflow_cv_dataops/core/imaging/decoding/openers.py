"""Which of Pillow's header parsers may be tried: an allow-list, with those that need an optional package where it is installed."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from functools import cache
from typing import Any

from airflow_cv_dataops.core.errors import ConfigurationError

DEFAULT_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "HEIF")

Opener = tuple[Callable[..., Any], Callable[[bytes], bool | str] | None]

# Where the header parsers of common formats live, and how files of each begin, at the least: from which byte on, and with what. One is
# imported with the first file that begins so: all of them take the start of a worker 40 ms, JPEG's alone 14.
_PLUGINS = {
    "JPEG": ("PIL.JpegImagePlugin", 0, (b"\xff\xd8",)),
    "PNG": ("PIL.PngImagePlugin", 0, (b"\x89PNG",)),
    "WEBP": ("PIL.WebPImagePlugin", 8, (b"WEBP",)),
    "TIFF": ("PIL.TiffImagePlugin", 0, (b"II", b"MM")),
    "BMP": ("PIL.BmpImagePlugin", 0, (b"BM",)),
    "GIF": ("PIL.GifImagePlugin", 0, (b"GIF",)),
    "AVIF": ("PIL.AvifImagePlugin", 4, (b"ftyp",)),
    "HEIF": ("pillow_heif", 4, (b"ftyp",)),
}
# Of the default formats, those that a machine may lack: they are then left out, and such a file is an unsupported_format.
_OPTIONAL = ("AVIF", "HEIF")
_ALIASES = {"JPG": "JPEG", "MPO": "JPEG", "TIF": "TIFF", "HEIC": "HEIF"}


@cache
def openers(formats: tuple[str, ...]) -> dict[str, Opener]:
    """Return Pillow's header parsers by format, in the order of ``formats``.

    They are called by us rather than through ``Image.open`` because that checks ``Image.MAX_IMAGE_PIXELS``, a global of the whole
    process: our own limit is the one that counts, in every thread.

    :raises ConfigurationError: ``formats`` is empty, or names one that is unknown here; AVIF and HEIF may only be absent where
        ``formats`` is the default.
    """
    wanted = list(dict.fromkeys(_ALIASES.get(name.upper(), name.upper()) for name in formats))
    absent = [name for name in wanted if not _is_there(name)]
    if formats == DEFAULT_FORMATS:
        wanted = [name for name in wanted if name not in absent or name not in _OPTIONAL]
        absent = [name for name in absent if name not in _OPTIONAL]
    if absent == ["HEIF"]:
        raise ConfigurationError("Format HEIF needs the package pillow-heif: pip install 'airflow-cv-dataops[heif]'.")
    if absent:
        from PIL import Image

        Image.init()
        raise ConfigurationError(f"Formats {absent} are unknown to Pillow: expected some of {', '.join(sorted(Image.OPEN))}.")
    if not wanted:
        raise ConfigurationError("No image formats are allowed: expected at least one, e.g. JPEG.")
    return {name: _imported_when_needed(name) if name in _PLUGINS else _registered(name) for name in wanted}


def _is_there(name: str) -> bool:
    """Say whether there is a header parser for a format, of the common ones without importing it."""
    if name in _PLUGINS:
        return importlib.util.find_spec(_PLUGINS[name][0]) is not None
    from PIL import Image

    Image.init()
    return name in Image.OPEN


def _imported_when_needed(name: str) -> Opener:
    _, start, beginnings = _PLUGINS[name]

    def accept(prefix: bytes) -> bool | str:
        if not prefix.startswith(beginnings, start):
            return False
        accepted = _registered(name)[1]
        return accepted is None or accepted(prefix)

    return lambda *arguments: _registered(name)[0](*arguments), accept


@cache
def _registered(name: str) -> Opener:
    """Return Pillow's header parser of a format, and have it know no more formats than needed."""
    from PIL import Image

    if name == "HEIF":
        import pillow_heif

        # One image for each of our threads is enough; thumbnails are never looked at.
        pillow_heif.register_heif_opener(thumbnails=False, decode_threads=1)
    elif name in _PLUGINS:
        importlib.import_module(_PLUGINS[name][0])
        if name == "AVIF":
            from PIL import AvifImagePlugin

            AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # there is a worker for each processor
    opener: Opener = Image.OPEN[name]
    return opener
