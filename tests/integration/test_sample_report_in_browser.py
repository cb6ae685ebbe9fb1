"""Reports of batches in a real browser: pictures, boxes, filters, the closer look, light, dark and narrow, and nothing on the console.

The pictures of docs/images are of runs: test_sample_page_of_a_run.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sample_datasets import batch_of_cells, batch_of_digits

from airflow_cv_dataops.core.dataset import open_dataset
from airflow_cv_dataops.core.report.served import served_page
from airflow_cv_dataops.core.sampling.report.write import write_sample_report
from airflow_cv_dataops.core.store.objects import local_path

pytestmark = [
    pytest.mark.integration,
    pytest.mark.browser,
    pytest.mark.once(reason="what a browser makes of a report does not depend on Airflow's version"),
]

HOSTILE = "<img src=x onerror=alert(1)>"
WIDE, PHONE = (1360, 1500), (390, 844)
LOADED = "async (image) => { const one = new Image(); one.src = image.href.baseVal; await one.decode(); return one.naturalWidth; }"


@pytest.fixture(scope="module")
def cells(shared_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> str:
    home = tmp_path_factory.mktemp("cells")
    dataset = open_dataset("blood_cells", home=str(home))
    return write_sample_report(dataset, batch_of_cells(dataset, shared_data("bccd"), home / "landing"))


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> str:
    home = tmp_path_factory.mktemp("digits")
    dataset = open_dataset("digits", home=str(home))
    report = batch_of_digits(dataset, home / "landing")
    first, *others = report.images
    return write_sample_report(dataset, replace(report, images=[replace(first, category=HOSTILE), *others]))


def test_pictures_load_and_the_filters_choose_cards(look: Any, cells: str) -> None:
    with look(cells) as page:
        assert page.locator(".card").count() == 12
        loaded = page.locator(".card svg image").evaluate_all(f"(images) => Promise.all(images.map({LOADED}))")
        assert loaded == [640] * 12
        assert page.locator("#status").inner_text() == "Showing all 12 images."
        assert "Minimum not met" in page.locator(".unjudged").inner_text()
        page.locator("#strategy").select_option(label="exploration (2)")
        assert page.locator(".card:visible .rank").all_inner_texts() == ["11", "12"]
        assert page.locator("#status").inner_text() == "Showing 2 of 12 images."
        page.locator("button[type=reset]").click()
        page.locator(".card:visible").nth(11).wait_for()
        page.locator("#text").fill("least SURE")
        assert page.locator(".card:visible").count() == 10
        page.locator("#text").fill("no such thing")
        assert page.locator("#status").inner_text() == "Showing 0 of 12 images."
        page.locator("button[type=reset]").click()
        page.locator(".card:visible").nth(11).wait_for()
        page.locator(".card .box:visible").first.wait_for()
        page.locator("#boxes").uncheck()
        assert page.locator(".card .box:visible").count() == 0


def test_a_closer_look_names_every_box_and_steps_by_keys(look: Any, cells: str) -> None:
    with look(cells) as page:
        assert page.locator(".card").first.locator(".tag:visible").count() == 1  # the most uncertain box's
        page.locator(".look").first.click()
        assert page.locator("#closer .tag:visible").count() == page.locator("#closer .box").count() > 1
        assert page.locator("#closer-title").inner_text() == "BloodImage_00000.jpg"
        page.keyboard.press("ArrowRight")
        assert page.locator("#closer-title").inner_text() == "BloodImage_00001.jpg"
        page.keyboard.press("Escape")
        assert not page.locator("#closer").is_visible()
        assert page.locator(".look").nth(1).evaluate("(button) => button === document.activeElement")


def test_small_images_are_enlarged_pixel_by_pixel_and_hostile_names_are_text(look: Any, digits: str) -> None:
    with look(digits) as page:
        picture = page.locator(".card svg image").first
        assert picture.evaluate("(image) => getComputedStyle(image).imageRendering") == "pixelated"
        assert picture.evaluate(LOADED) == 8
        assert picture.evaluate("(image) => image.getBoundingClientRect().height") > 100
        assert page.locator(".card .category-text").first.inner_text() == HOSTILE
        page.locator("#category").select_option(label=f"{HOSTILE} (1)")
        assert page.locator(".card:visible").count() == 1
        assert not page.locator("#strategy").is_visible()  # there is one only
        assert page.locator("#boxes").count() == 0


@pytest.mark.parametrize("size", [WIDE, PHONE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_the_window_and_follows_the_colour_scheme(
    look: Any, cells: str, digits: str, size: tuple[int, int], scheme: str
) -> None:
    for uri in (cells, digits):
        with look(uri, size, scheme) as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
            shades = [int(part) for part in page.evaluate("getComputedStyle(document.body).backgroundColor").strip("rgb()").split(",")]
            assert (min(shades) > 200) if scheme == "light" else (max(shades) < 60)


def test_on_a_phone_bars_leave_room_for_their_words(look: Any, cells: str) -> None:
    with look(cells, PHONE) as page:
        row = page.locator(".compared tbody tr").first
        bars, words = row.locator(".pair svg").first.bounding_box(), row.locator("td").last.bounding_box()
        assert bars["width"] < PHONE[0] / 3
        assert words["x"] > bars["x"] + bars["width"], "beside the bars, not below them"


def test_without_javascript_all_pictures_and_words_are_there(look: Any, cells: str) -> None:
    with look(cells, java_script_enabled=False) as page:
        assert page.locator(".card:visible").count() == 12
        assert not page.locator("#filters").is_visible()


def test_where_it_is_served_images_are_where_the_server_shows_them(look: Any, cells: str, tmp_path: Path) -> None:
    served = tmp_path / "served.html"
    served.write_bytes(served_page(Path(local_path(cells)).read_bytes(), task="/task", told="Task", images="/images/"))
    with look(served.as_uri()) as page:
        assert [link[:8] for link in page.locator(".card .file a").evaluate_all("(links) => links.map((a) => a.getAttribute('href'))")] == [
            "/images/"
        ] * 12
