"""One image of a dataset, by its id, as a browser can show it: whoever serves it reads nothing else, and bounded in memory."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.errors import CvDataOpsError, DatasetNotFoundError, SourceError, StoreError
from airflow_cv_dataops.core.imaging.decoding.decode import MEBIBYTE, Limits, Reject
from airflow_cv_dataops.core.imaging.decoding.viewing import decode_for_viewing
from airflow_cv_dataops.core.report.encoding import encoded, fitted
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.image_files import ImageFiles
from airflow_cv_dataops.core.store.objects import without_credentials
from airflow_cv_dataops.core.store.uris import is_web

if TYPE_CHECKING:
    from PIL import Image

LONGEST_SIDE = 2048
# Stricter than ingest's: this is decoded in the process of a server, which others need. Of 64 megapixels a transparent WebP takes 1.1 GB
# for a moment, which Pillow's decoder needs, and other files about half of that or less.
VIEWING_LIMITS = Limits(max_bytes=64 * MEBIBYTE, max_pixels=64_000_000)
_LARGE_PIXELS = 16_000_000
_ONE_LARGE = threading.Lock()
_QUALITY = 90
_LOSSLESS_PX = 512
_TINY_PX = 128  # enlarged pixel by pixel: of a digit of 8 x 8 px nobody sees anything in a window
_ENLARGED_PX = 512
_IMAGE_ID = re.compile(r"[0-9a-f]{64}")
_COLUMNS = ("image_id", "source_uri", "storage_uri", "bytes", "width", "height")


class ImageTooLargeError(CvDataOpsError):
    """An image has more bytes or pixels than are decoded for a browser."""


@dataclass(frozen=True)
class BrowserImage:
    """An encoded picture: ``image/jpeg`` or ``image/png``."""

    media_type: str
    data: bytes


def read_image_for_browser(dataset: Dataset, image_id: str, *, partition_key: str | None = None) -> BrowserImage:
    """Return an image of the dataset, upright, in RGB, at most 2,048 px on its longer side, without EXIF or any other text of its file.

    Of several frames it is the first; transparent pixels lie on white; pictures of at most 128 px are enlarged pixel by pixel. Only bytes
    that were ingested are decoded, wherever they are kept: copied into the dataset or left in place.

    :param image_id: of a row of ``images``: 64 hex digits.
    :param partition_key: where to look first. Any other value costs time only.
    :raises DatasetNotFoundError: the dataset has no such image, or its file is gone or has other bytes by now.
    :raises ImageTooLargeError: more bytes or pixels than are decoded here.
    :raises SourceError: this machine cannot decode it.
    :raises StoreError: its store does not answer, or refuses.
    """
    row = _row(dataset, image_id, partition_key)
    pixels = row["width"] * row["height"]
    if pixels > VIEWING_LIMITS.max_pixels:
        raise _too_large(row, f"{row['width']:,} x {row['height']:,} pixels; at most {VIEWING_LIMITS.max_pixels:,} are decoded here")
    with _room_for(pixels):
        data = _bytes_of(dataset, image_id, row)
        picture = decode_for_viewing(data, scale=min(1.0, LONGEST_SIDE / max(row["width"], row["height"])), limits=VIEWING_LIMITS)
        del data
        if isinstance(picture, Reject):
            if picture.reason == "too_large":
                raise _too_large(row, picture.detail)
            raise SourceError(f"Image {_place(row)} cannot be decoded here: {picture.detail}")
        return BrowserImage(*_encoded(fitted(picture, LONGEST_SIDE)))


def is_served(image_id: str, storage_uri: str) -> bool:
    """Say whether :func:`read_image_for_browser` reads such an image: what lies at a web address is left to whoever looks."""
    return _IMAGE_ID.fullmatch(image_id) is not None and not is_web(storage_uri)


def _row(dataset: Dataset, image_id: str, partition_key: str | None) -> Mapping[str, Any]:
    """Return a row with this id; of several any has the same bytes.

    Row by row in little memory: PyIceberg's filter takes the same second for a million rows, and 350 MB of the server's memory.
    """
    import pyarrow.compute as pc

    if not _IMAGE_ID.fullmatch(image_id):
        raise DatasetNotFoundError(f"{image_id[:100]!r} is no image id: expected 64 digits of 0-9 and a-f.")
    for key in dict.fromkeys((partition_key, None)):
        for rows in dataset.read_batches("images", partition_key=key, columns=_COLUMNS):
            place = pc.index(rows["image_id"], image_id).as_py()
            if place >= 0:
                row: dict[str, Any] = rows.slice(place, 1).to_pylist()[0]
                return row
    raise DatasetNotFoundError(f"Dataset {dataset.name!r} has no image {image_id}.")


def _bytes_of(dataset: Dataset, image_id: str, row: Mapping[str, Any]) -> bytes:
    most = VIEWING_LIMITS.max_bytes
    if row["bytes"] > most:
        raise _too_large(row, f"{row['bytes']:,} bytes; at most {most:,} are read here")
    if is_web(row["storage_uri"]):
        # A server that fetches whatever address a table names can be sent to places that only it can reach.
        raise DatasetNotFoundError(f"Image {_place(row)} was left at a web address, which is not fetched here.")
    try:
        return ImageFiles(dataset).read_ingested(row["storage_uri"], image_id, max_bytes=most)
    except StoreError:
        raise
    except OSError as error:
        told = str(error) if type(error) is OSError else type(error).__name__  # the name of a folder says more than is needed
        raise DatasetNotFoundError(f"Image {_place(row)} cannot be read: {told}.") from error


def _place(row: Mapping[str, Any]) -> str:
    return without_credentials(row["source_uri"])


def _too_large(row: Mapping[str, Any], detail: str) -> ImageTooLargeError:
    return ImageTooLargeError(f"Image {_place(row)} is too large to be shown: {detail}.")


def _room_for(pixels: int) -> AbstractContextManager[Any]:
    """Return what to hold while a picture of so many pixels is read and decoded: of the large ones, one at a time in this process."""
    return _ONE_LARGE if pixels > _LARGE_PIXELS else nullcontext()


def _encoded(picture: Image.Image) -> tuple[str, bytes]:
    from PIL.Image import Resampling

    longest = max(picture.size)
    if longest <= _TINY_PX:
        by = _ENLARGED_PX // longest
        picture = picture.resize((picture.width * by, picture.height * by), Resampling.NEAREST)
    return encoded(picture, quality=None if longest <= _LOSSLESS_PX else _QUALITY)
