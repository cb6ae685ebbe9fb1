"""What a card of a comparison says of its image's file, and what a server needs to show it."""

from __future__ import annotations

import pytest

from airflow_cv_dataops.core.diff.cards import Card, card_html
from airflow_cv_dataops.core.diff.showcase import Shown
from airflow_cv_dataops.core.report.entries import gallery_image

IMAGE_ID = "ab" * 32


@pytest.mark.parametrize("source", ["s3://photos/a.png", "file:///photos/a.png"])
@pytest.mark.parametrize(("storage", "wanted"), [("s3://warehouse/objects/a", True), ("https://host/a.png", False)])
def test_a_card_names_its_image_where_a_server_can_show_it(source, storage, wanted):
    row = {"source_uri": source, "image_id": IMAGE_ID, "storage_uri": storage, "bytes": 1, "width": 2, "height": 3}
    card = card_html(Card(Shown(IMAGE_ID, ("image added",)), gallery_image(row, 0), {}))
    assert (f'data-image="{IMAGE_ID}"' in card) is wanted
    assert (f'<a class="free" href="{source}"' in card) is source.startswith("file:")
    assert "a.png" in card
