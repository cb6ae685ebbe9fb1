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

# Where the header parsers of common formats live. Importing all of Pillow's plugins takes a worker 0.1 s, these 0.03 s.
_PLUGINS = {
    "JPEG": "JpegImagePlugin",
    "PNG": "PngImagePlugin",
    "WEBP": "WebPImagePlugin",
    "TIFF": "TiffImagePlugin",
    "BMP": "BmpImagePlugin",
    "GIF": "GifImagePlugin",
    "AVIF": "AvifImagePlugin",
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
    from PIL import Image

    wanted = list(dict.fromkeys(_ALIASES.get(name.upper(), name.upper()) for name in formats))
    for name in wanted:
        _register(name)
    absent = [name for name in wanted if name not in Image.OPEN]
    if formats == DEFAULT_FORMATS:
        wanted = [name for name in wanted if name not in absent or name not in _OPTIONAL]
        absent = [name for name in absent if name not in _OPTIONAL]
    if absent == ["HEIF"]:
        raise ConfigurationError("Format HEIF needs the package pillow-heif: pip install 'airflow-cv-dataops[heif]'.")
    if absent:
        Image.init()
        raise ConfigurationError(f"Formats {absent} are unknown to Pillow: expected some of {', '.join(sorted(Image.OPEN))}.")
    if not wanted:
        raise ConfigurationError("No image formats are allowed: expected at least one, e.g. JPEG.")
    return {name: Image.OPEN[name] for name in wanted}


def _register(name: str) -> None:
    """Have Pillow know a format, if it can, and no more formats than needed."""
    from PIL import Image

    if name == "HEIF":
        _register_heif()
    elif name in _PLUGINS:
        importlib.import_module(f"PIL.{_PLUGINS[name]}")
        if name == "AVIF":
            from PIL import AvifImagePlugin

            AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # there is a worker for each processor
    else:
        Image.init()


def _register_heif() -> None:
    if importlib.util.find_spec("pillow_heif") is None:
        return
    import pillow_heif

    # One image for each of our threads is enough; thumbnails are never looked at.
    pillow_heif.register_heif_opener(thumbnails=False, decode_threads=1)
