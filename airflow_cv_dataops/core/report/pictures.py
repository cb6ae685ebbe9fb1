"""Images to small pictures for the page, worst findings first, until the bytes or the number of pictures are used up."""

from __future__ import annotations

import base64
import hashlib
import logging
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.ahead import ahead
from airflow_cv_dataops.core.imaging.decoding.decode import Limits, Reject
from airflow_cv_dataops.core.imaging.decoding.viewing import decode_for_viewing
from airflow_cv_dataops.core.progress import Progress
from airflow_cv_dataops.core.report.encoding import encoded, fit, fitted
from airflow_cv_dataops.core.report.entries import Gallery, GalleryImage
from airflow_cv_dataops.core.report.views import Box
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.image_files import ImageFiles

if TYPE_CHECKING:
    from PIL import Image

log = logging.getLogger(__name__)

OVERVIEW_PX = 640
CROP_PX = 400
_SHARP_ENOUGH_PX = 200  # a view with at least so many pixels of the overview needs no crop of its own
_MOST_CROPS = 4  # of one image; its other findings look at the overview from nearer
_LOSSLESS_PX = 128
_QUALITY = 78
_WORKERS = 4
# Of images with more pixels only one is decoded at a time: at 4 bytes a pixel, four of the largest would take 2 GB.
_LARGE_PIXELS = 25_000_000


@dataclass(frozen=True)
class Picture:
    """An encoded picture and the part of the image that it shows."""

    media_type: str
    data: bytes
    view: Box

    def values(self) -> dict[str, Any]:
        """Return what goes into the page."""
        return {"view": self.view, "type": self.media_type, "data": base64.b64encode(self.data).decode()}

    @property
    def page_bytes(self) -> int:
        return -(-len(self.data) // 3) * 4 + 100


@dataclass(frozen=True)
class _Made:
    """What came of one image: its pictures, or why there are none."""

    overview: Picture | None = None
    crops: tuple[tuple[int, Picture], ...] = ()
    problem: str | None = None

    @property
    def page_bytes(self) -> int:
        return (self.overview.page_bytes if self.overview else 0) + sum(crop.page_bytes for _, crop in self.crops)


def add_pictures(dataset: Dataset, gallery: Gallery, *, most_pictures: int, most_bytes: int) -> list[GalleryImage]:
    """Put pictures into the gallery's images (``picture``, or ``problem`` where there is none) and findings (``crop``).

    Images are taken in the gallery's order. One that cannot be read costs only its picture.

    :param most_pictures: images that are read.
    :param most_bytes: of pictures, as they stand in the page.
    :return: the images that have a picture.
    """
    wanted = gallery.images[:most_pictures]
    progress = Progress("pictures", len(wanted), log)
    left, shown = most_bytes, []
    for image, made in _made(_Reader(dataset), gallery, wanted):
        progress.advance()
        if made.overview is None:
            image.values["problem"] = made.problem
            continue
        left -= made.page_bytes
        if left < 0:
            break
        image.values["picture"] = made.overview.values()
        for finding, crop in made.crops:
            gallery.findings[finding]["crop"] = crop.values()
        shown.append(image)
    return shown


def _made(reader: _Reader, gallery: Gallery, images: Sequence[GalleryImage]) -> Iterator[tuple[GalleryImage, _Made]]:
    """Yield what came of each image, in order."""
    pool = ThreadPoolExecutor(_WORKERS)
    try:
        yield from ahead(pool, partial(_make, reader, gallery), images, 2 * _WORKERS)
    finally:
        pool.shutdown(cancel_futures=True)


def _make(reader: _Reader, gallery: Gallery, image: GalleryImage) -> _Made:
    try:
        data = reader.read(image)
    except Exception as error:  # noqa: BLE001 (whatever a store says of one image: it costs this picture)
        return _Made(problem=f"The picture cannot be read: {type(error).__name__}.")
    if hashlib.sha256(data).hexdigest() != image.image_id:
        # Ingest decoded exactly these bytes, in a process that could be spared. Others are not decoded here.
        return _Made(problem="The file has changed since it was ingested.")
    views = _crops(gallery, image)
    with reader.room_for(image.width * image.height):
        picture = decode_for_viewing(data, scale=_scale(image, [view for _, view in views]))
        if isinstance(picture, Reject):
            return _Made(problem=f"The picture cannot be decoded: {picture.detail}")
        crops = tuple((finding, crop) for finding, view in views if (crop := _crop(picture, image, view)))
        return _Made(_encoded(fitted(picture, OVERVIEW_PX), (0, 0, image.width, image.height)), crops)


def _crops(gallery: Gallery, image: GalleryImage) -> list[tuple[int, Box]]:
    """Return the findings, with their views, for which the overview is too coarse."""
    coarse = min(1.0, OVERVIEW_PX / max(image.width, image.height))
    views = [(finding, gallery.findings[finding].get("view")) for finding in image.findings]
    return [(finding, view) for finding, view in views if view and coarse < 1 and view[2] * coarse < _SHARP_ENOUGH_PX][:_MOST_CROPS]


def _scale(image: GalleryImage, views: Sequence[Box]) -> float:
    """Return how small the picture may be decoded: as the overview, or as the finest crop needs it."""
    needed = [CROP_PX / max(view[2], view[3]) for view in views]
    return min(1.0, max([OVERVIEW_PX / max(image.width, image.height), *needed]))


def _crop(picture: Image.Image, image: GalleryImage, view: Box) -> Picture | None:
    """Return the part of the picture that a view shows, as far as it lies inside the image."""
    x, y = max(0, view[0]), max(0, view[1])
    right, bottom = min(image.width, view[0] + view[2]), min(image.height, view[1] + view[3])
    if right <= x or bottom <= y:
        return None
    across, down = picture.width / image.width, picture.height / image.height
    part = picture.resize(
        fit((right - x) * across, (bottom - y) * down, CROP_PX), box=(x * across, y * down, right * across, bottom * down)
    )
    return _encoded(part, (x, y, right - x, bottom - y))


def _encoded(picture: Image.Image, view: Box) -> Picture:
    """Encode small pictures, which are shown pixel by pixel, without loss."""
    is_small = max(picture.size) <= _LOSSLESS_PX and view[2] <= _LOSSLESS_PX
    return Picture(*encoded(picture, quality=None if is_small else _QUALITY), view)


class _Reader:
    """Reads images of ordinary size, and says when a picture is too large to be decoded beside others."""

    def __init__(self, dataset: Dataset) -> None:
        self._files = ImageFiles(dataset)
        self._alone = threading.Lock()

    def read(self, image: GalleryImage) -> bytes:
        if image.bytes > Limits().max_bytes:
            raise OSError(f"{image.bytes:,} bytes are too many")
        return self._files.read(image.storage_uri)

    def room_for(self, pixels: int) -> AbstractContextManager[Any]:
        """Return what to hold while a picture of so many pixels is decoded."""
        return self._alone if pixels > _LARGE_PIXELS else nullcontext()
