"""One file's bytes to one row's facts: a pure, picklable function, so that it can run in a thread or in another process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from airflow_cv_dataops.core.imaging.decoding.decode import DEFAULT_FORMATS, Limits, Reject, decode
from airflow_cv_dataops.core.imaging.measures.fingerprint import hashes, image_id
from airflow_cv_dataops.core.imaging.measures.quality import QualityThresholds, measure, quality_issues

_EXTENSIONS = {"JPEG": "jpg", "TIFF": "tif", "JPEG2000": "jp2"}
# Common extensions, those that Pillow does not register among them, and the formats that they promise.
_PROMISED = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"), "JPEG"),
    **dict.fromkeys((".png", ".apng"), "PNG"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    **dict.fromkeys((".bmp", ".dib"), "BMP"),
    **dict.fromkeys((".avif", ".avifs"), "AVIF"),
    **dict.fromkeys((".heic", ".heif"), "HEIF"),
    ".webp": "WEBP",
    ".gif": "GIF",
    ".jxl": "JPEG XL",
    ".svg": "SVG",
}
# Formats whose files carry one another's extension without anybody being wrong.
_SAME = {"MPO": "JPEG", "DIB": "BMP"}


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What the bytes of an accepted image say; each field is the column of that name in ``schema.IMAGES``."""

    image_id: str
    bytes: int
    format: str
    width: int
    height: int
    mode: str
    aspect_ratio: float
    bit_depth: int
    has_alpha: bool
    frames: int
    phash: str
    dhash: str
    brightness: float
    brightness_p05: float
    brightness_p50: float
    brightness_p95: float
    brightness_p99: float
    contrast: float
    sharpness: float
    entropy: float
    colourfulness: float
    saturation: float
    is_grayscale: bool
    issues: list[str]
    exif_orientation: int | None
    captured_at: str | None
    camera: str | None
    has_gps: bool | None

    @property
    def object_path(self) -> str:
        """Where the copy lives below the dataset's objects: by content, with the extension of its format."""
        extension = _EXTENSIONS.get(self.format, self.format.lower())
        return f"objects/{self.image_id[:2]}/{self.image_id[2:4]}/{self.image_id}.{extension}"


def image_facts(
    data: bytes,
    file_name: str,
    *,
    formats: tuple[str, ...] = DEFAULT_FORMATS,
    limits: Limits | None = None,
    thresholds: QualityThresholds | None = None,
) -> ImageFacts | Reject:
    """Return what an image's bytes say, or why they were not taken; never raises over ``data``.

    :param file_name: only compared with the content, for ``extension_mismatch``.
    """
    decoded = decode(data, formats=formats, limits=limits)
    if isinstance(decoded, Reject):
        return decoded
    measures = measure(decoded.pictures)
    phash, dhash = hashes(decoded.pictures.luminance)
    issues = quality_issues(measures, decoded.width, decoded.height, thresholds or QualityThresholds())
    if extension_disagrees(file_name, decoded.format):
        issues.append("extension_mismatch")
    return ImageFacts(
        image_id=image_id(data),
        bytes=len(data),
        format=decoded.format,
        width=decoded.width,
        height=decoded.height,
        mode=decoded.mode,
        aspect_ratio=decoded.width / decoded.height,
        bit_depth=decoded.bit_depth,
        has_alpha=decoded.has_alpha,
        frames=decoded.frames,
        phash=phash,
        dhash=dhash,
        brightness=measures.brightness,
        brightness_p05=measures.brightness_p05,
        brightness_p50=measures.brightness_p50,
        brightness_p95=measures.brightness_p95,
        brightness_p99=measures.brightness_p99,
        contrast=measures.contrast,
        sharpness=measures.sharpness,
        entropy=measures.entropy,
        colourfulness=measures.colours.colourfulness,
        saturation=measures.colours.saturation,
        is_grayscale=measures.colours.is_grayscale,
        issues=issues,
        exif_orientation=decoded.exif.orientation,
        captured_at=decoded.exif.captured_at,
        camera=decoded.exif.camera,
        has_gps=decoded.exif.has_gps,
    )


def extension_disagrees(file_name: str, image_format: str) -> bool:
    """Say whether the extension promises another image format; no extension, or one that promises none, does not."""
    name = file_name.rpartition("/")[2]
    stem, dot, extension = name.rpartition(".")
    promised = _promised_format("." + extension.lower()) if stem and dot else None
    return promised is not None and promised != _SAME.get(image_format, image_format)


@cache
def _promised_format(extension: str) -> str | None:
    """Return the format; Pillow's register is asked last, as it has to import all of its plugins for an answer."""
    if extension in _PROMISED:
        return _PROMISED[extension]
    from PIL import Image

    name = Image.registered_extensions().get(extension)
    return None if name is None else _SAME.get(name, name)
