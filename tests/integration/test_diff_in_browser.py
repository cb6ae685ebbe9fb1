"""The report of a comparison in a real browser: the filter, the closer look, narrow and dark, and nothing on the console."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from airflow_cv_dataops.core.dataset import open_dataset
from airflow_cv_dataops.core.diff.step import report_diff
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.labels.importing import import_labels
from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.report.served import served_page
from airflow_cv_dataops.core.store.objects import local_path

pytestmark = [
    pytest.mark.integration,
    pytest.mark.browser,
    pytest.mark.once(reason="what a browser makes of a report does not depend on Airflow's version"),
]

KEY, HOSTILE = "2026-11-05", "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Six photos: one label is renamed, one moved, one removed, one added; a photo is added."""
    folder = tmp_path_factory.mktemp("diff")
    dataset = open_dataset("digits", home=str(folder / "home"))
    photos = folder / "photos"
    photos.mkdir()
    sides = (
        (5, "0.png,cat,20,20,90,90\n1.png,dog,10,10,60,60\n2.png,dog,200,100,230,140\n"),
        (6, f"0.png,{HOSTILE},20,20,90,90\n1.png,dog,20,10,60,60\n3.png,cat,5,5,300,200\n"),
    )
    for count, rows in sides:
        for number in range(len(list(photos.iterdir())), count):
            Image.effect_noise((320, 240), 30 + number).save(photos / f"{number}.png")
        (folder / "labels.csv").write_text("file,label,xmin,ymin,xmax,ymax\n" + rows)
        assert ingest_images(dataset, KEY, photos, workers=1).failure is None
        assert import_labels(dataset, KEY, folder / "labels.csv", format="csv").failure is None
        assert promote_dataset(dataset, splits={"train": 1.0}).failure is None
    return str(report_diff(dataset).summary.report_uri)


def test_changes_are_drawn_filtered_and_looked_at_closer(look: Any, report: str) -> None:
    with look(report) as page:
        assert page.locator(".card svg image").count() >= 5
        assert page.locator(".card").count() == 5
        assert HOSTILE in page.locator(".card .suggested-text").first.inner_text()
        assert "Images added\n1" in page.locator(".tiles").inner_text()
        assert page.locator(".plot rect.after").count() == page.locator(".plot rect.before").count() == 3
        page.locator("#kind").select_option(label="moved (1)")
        assert page.locator(".card:visible").count() == 1
        assert page.locator("#status").inner_text() == "Showing 1 of 5 images."
        assert "moved (IoU 0.80)" in page.locator(".card:visible").inner_text()
        page.locator("button[type=reset]").click()
        page.locator(".card:visible").nth(4).wait_for()
        page.locator(".look").first.click()
        assert page.locator("#closer svg").get_attribute("viewBox") == "0 0 320 240"
        title = page.locator("#closer-title").inner_text()
        page.keyboard.press("ArrowRight")
        assert page.locator("#closer-title").inner_text() != title
        page.keyboard.press("Escape")
        assert not page.locator("#closer").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone_and_follows_the_colour_scheme(look: Any, report: str, scheme: str, tmp_path: Path) -> None:
    with look(report, (390, 844), scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        shades = [int(part) for part in page.evaluate("getComputedStyle(document.body).backgroundColor").strip("rgb()").split(",")]
        assert (min(shades) > 200) if scheme == "light" else (max(shades) < 60)


def test_where_it_is_served_images_are_where_the_server_shows_them(look: Any, report: str, tmp_path: Path) -> None:
    with look(report) as page:
        assert page.locator(".card .file a").first.get_attribute("href").startswith("file:///")
        assert page.locator(".run").count() == 0
    file = tmp_path / "served.html"
    file.write_bytes(served_page(Path(local_path(report)).read_bytes(), task="/dags/d", told="Task diff", images="/base/images/"))
    with look(file.as_uri()) as page:
        for link in page.locator(".card .file a").all():
            assert re.fullmatch(r"/base/images/[0-9a-f]{64}", link.get_attribute("href"))
            assert link.get_attribute("title").startswith("file:///")
        assert page.locator(".card .file a").count() == 5
        page.locator(".look").first.click()
        assert page.locator("#closer .file a").get_attribute("href").startswith("/base/images/")
        assert page.locator(".run a").get_attribute("href") == "/dags/d"
