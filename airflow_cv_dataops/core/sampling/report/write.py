"""The report of one sample: the batch as pictures with reasons, before it is sent."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.report.entries import Gallery, GalleryImage, gallery_image
from airflow_cv_dataops.core.report.limits import MEGABYTE, ReportLimits
from airflow_cv_dataops.core.report.location import report_path, report_uri
from airflow_cv_dataops.core.report.pictures import add_pictures
from airflow_cv_dataops.core.sampling.report.cards import Card
from airflow_cv_dataops.core.sampling.report.page import card_bytes, sample_page
from airflow_cv_dataops.core.sampling.report.values import BatchImage, SampleReport
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.wording import readable

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

_IMAGE_COLUMNS = ("image_id", "source_uri", "storage_uri", "bytes", "width", "height")
_MOST_CARDS = 2_000
_SHARE_OF_WORDS = 0.45  # of the bytes, for cards; pictures get what they leave
_LEGEND_BYTES = 1_000  # what a page with cards has beside them
_LIMITS = ReportLimits()


def write_sample_report(
    dataset: Dataset, report: SampleReport, *, limits: ReportLimits = _LIMITS, images_snapshot_id: str | None = None
) -> str:
    """Write one self-contained HTML page below the dataset's ``reports/`` and return its URI, without credentials.

    Equal input makes equal bytes and so the same name; an older report is never overwritten. Images are shown by rank, at most 2,000 of
    them and as many as fit; one that cannot be read costs only its picture.

    :param images_snapshot_id: of ``images``, where files, sizes and names stand; ``None``: as they are now.
    :raises ConfigurationError: the catalog names no warehouse to write below.
    """
    started = time.monotonic()
    room = limits.max_bytes - len(sample_page(report, [])) - _LEGEND_BYTES
    most_bytes = min(room, int(limits.max_bytes * _SHARE_OF_WORDS))
    cards, used = _cards(dataset, report, images_snapshot_id, most_bytes, limits.max_pictures)
    known = [card.image for card in cards[: limits.max_pictures] if card.image is not None]
    pictures = add_pictures(dataset, Gallery([], known), most_pictures=limits.max_pictures, most_bytes=room - used)
    whole = sample_page(report, cards)
    path = report_path(f"sample_{report.sample_id}", report.partition_key, whole)
    store = dataset.objects()
    if store.size(path) != len(whole):
        store.write(path, whole)
    uri = report_uri(dataset, path)
    log.info(
        "Report of sample %s: %s of %s images, %s of them with pictures, %.1f MB in %.1f s: %s",
        report.sample_id,
        *(f"{count:,}" for count in (len(cards), len(report.images), len(pictures))),
        len(whole) / MEGABYTE,
        time.monotonic() - started,
        readable(uri),
    )
    return uri


def _cards(dataset: Dataset, report: SampleReport, snapshot_id: str | None, most_bytes: int, most_pictures: int) -> tuple[list[Card], int]:
    """Return the first images by rank, as far as what is said of them fits, and how many bytes that takes with their boxes."""
    shown = sorted(report.images, key=lambda image: (image.rank, image.image_id))[:_MOST_CARDS]
    rows = _image_rows(dataset, shown, snapshot_id)
    cards: list[Card] = []
    used = 0
    # One Python round an image: each becomes one card, and there are never more than a page can hold.
    for place, image in enumerate(shown):
        card = Card(image, _gallery_image(image, rows.get(image.image_id), place))
        size = card_bytes(card, pictured=place < most_pictures)
        if used + size > most_bytes:
            break
        used += size
        cards.append(card)
    return cards, used


def _gallery_image(image: BatchImage, row: Mapping[str, Any] | None, place: int) -> GalleryImage | None:
    """Return the image as pictures are made of it: the file that the sample names, with the size that its row has."""
    return None if row is None else gallery_image({**row, "source_uri": image.source_uri, "storage_uri": image.storage_uri}, place)


def _image_rows(dataset: Dataset, images: Sequence[BatchImage], snapshot_id: str | None) -> dict[str, dict[str, Any]]:
    """Return a row of ``images`` for each image, by its id: of several any has the same bytes."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyiceberg.expressions import In

    value_set = pa.array(sorted({image.image_id for image in images}), pa.string())
    # Partitions are found by their names, without a look at rows; ids are looked for here, in less memory than PyIceberg needs for it.
    there = In("partition_key", sorted({image.partition_key for image in images}))
    batches = dataset.read_batches("images", snapshot_id=snapshot_id, columns=_IMAGE_COLUMNS, where=there) if images else ()
    parts: list[pa.Table] = [batch.filter(pc.is_in(batch["image_id"], value_set=value_set)) for batch in batches]
    rows = pa.concat_tables(parts).sort_by([("source_uri", "descending")]).to_pylist() if parts else []
    return {row["image_id"]: row for row in rows}
