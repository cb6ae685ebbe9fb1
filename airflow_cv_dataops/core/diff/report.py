"""The report of a comparison: what changed, in numbers and as pictures."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.diff.cards import Card, card_html, drawn_of
from airflow_cv_dataops.core.diff.page import diff_page
from airflow_cv_dataops.core.diff.release_diff import ReleaseDiff
from airflow_cv_dataops.core.diff.showcase import Shown
from airflow_cv_dataops.core.release.reader import Release
from airflow_cv_dataops.core.release.snapshot_reader import SnapshotReader
from airflow_cv_dataops.core.report.entries import Gallery, GalleryImage, gallery_image
from airflow_cv_dataops.core.report.limits import MEGABYTE, ReportLimits
from airflow_cv_dataops.core.report.location import report_path, report_uri
from airflow_cv_dataops.core.report.pictures import add_pictures
from airflow_cv_dataops.core.report.views import view_of
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.wording import readable

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

REPORT = "release_diff"
_IMAGE_COLUMNS = ("image_id", "partition_key", "source_uri", "storage_uri", "bytes", "width", "height")
_SHARE_OF_WORDS = 0.45  # of the bytes; pictures get what cards leave


def write_diff_report(dataset: Dataset, diff: ReleaseDiff, shown: Sequence[Shown], limits: ReportLimits) -> str:
    """Write one self-contained HTML page below the dataset's ``reports/`` and return its URI, without credentials.

    Equal input makes equal bytes and so the same name; an older report is never overwritten.

    :param shown: the images that the page shows, in its order.
    :raises ConfigurationError: the catalog names no warehouse to write below.
    """
    started = time.monotonic()
    cards, gallery = _cards(diff, shown, int(limits.max_bytes * _SHARE_OF_WORDS))
    page = diff_page(diff, [card_html(card) for card in cards])
    add_pictures(dataset, gallery, most_pictures=limits.max_pictures, most_bytes=limits.max_bytes - len(page))
    whole = diff_page(diff, [card_html(card) for card in cards])
    path = report_path(REPORT, f"{diff.before.name if diff.before else 'nothing'}-{diff.after.name}", whole)
    store = dataset.objects()
    if store.size(path) != len(whole):
        store.write(path, whole)
    uri = report_uri(dataset, path)
    log.info(
        "Report of %d images that changed, %.1f MB in %.1f s: %s",
        len(cards),
        len(whole) / MEGABYTE,
        time.monotonic() - started,
        readable(uri),
    )
    return uri


def _cards(diff: ReleaseDiff, shown: Sequence[Shown], most_bytes: int) -> tuple[list[Card], Gallery]:
    """Return what is shown of each image, as far as it fits, and the same for whoever makes pictures."""
    rows = _image_rows(diff, shown)
    cards: list[Card] = []
    gallery = Gallery([], [])
    for one in shown:
        row = rows.get(one.image_id)
        image: GalleryImage | None = None
        entry: dict[str, Any] = {}
        if row is not None:
            image = gallery_image(row, len(gallery.images))
            boxes = [box for drawn in drawn_of(one) for box in drawn.boxes]
            entry = {"view": view_of(boxes, image.width, image.height)}
            image.findings.append(len(gallery.findings))
        card = Card(one, image, entry)
        most_bytes -= len(card_html(card))
        if most_bytes < 0:
            break
        cards.append(card)
        if image is not None:
            gallery.findings.append(entry)
            gallery.images.append(image)
    return cards, gallery


def _image_rows(diff: ReleaseDiff, shown: Sequence[Shown]) -> dict[str, Mapping[str, Any]]:
    """Return a row of ``images`` for each image: of the release after, or of the one before, where only that has it."""
    wanted = {one.image_id for one in shown}
    found: dict[str, Mapping[str, Any]] = {}
    for release in (diff.after, diff.before):
        if release is not None and (missing := wanted - found.keys()):
            found |= _rows_in(release, missing)
    return found


def _rows_in(release: Release, image_ids: set[str]) -> dict[str, Mapping[str, Any]]:
    """Return of each image the row with the smallest partition key and source: any has the same bytes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    reader = SnapshotReader(release.dataset, release.snapshots, release.partition_keys)
    value_set = pa.array(sorted(image_ids), pa.string())
    parts: list[pa.Table] = [
        batch.filter(pc.is_in(batch["image_id"], value_set=value_set)) for batch in reader.batches("images", _IMAGE_COLUMNS)
    ]
    rows = pa.concat_tables(parts).sort_by([(name, "descending") for name in ("partition_key", "source_uri")]).to_pylist() if parts else []
    return {row["image_id"]: row for row in rows}
