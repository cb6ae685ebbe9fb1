"""Reports of real audits in a real browser: what one sees, in light and dark, and what the page does not do.

With ``CV_DATAOPS_SCREENSHOTS`` set to a folder, the pictures of docs/images are written there.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from project import PROJECT_ROOT
from report_datasets import KEY, audited_cells, audited_digits, tiny_digits

from airflow_cv_dataops.core.audit.audit import audit_labels
from airflow_cv_dataops.core.audit.check import Check
from airflow_cv_dataops.core.audit.finding_rows import annotation_rows, category_rows
from airflow_cv_dataops.core.audit.structure import unknown_category
from airflow_cv_dataops.core.dataset import open_dataset
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.imaging.ingest.settings import IngestSettings
from airflow_cv_dataops.core.labels.importing import import_labels
from airflow_cv_dataops.core.store.objects import local_path

pytestmark = [
    pytest.mark.integration,
    pytest.mark.browser,
    pytest.mark.once(reason="what a browser makes of a report does not depend on Airflow's version"),
]

WIDE, NARROW, PHONE = (1360, 900), (420, 900), (390, 844)


@pytest.fixture(scope="module")
def audited(shared_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[dict[str, Any]]]:
    """The report of BCCD with 135 faults put in, and its findings."""
    home = tmp_path_factory.mktemp("cells")
    dataset = open_dataset("bccd", home=str(home))
    result = audited_cells(dataset, shared_data("bccd"), home / "results.json")
    return str(result.summary.report_uri), dataset.read("findings", partition_key=KEY).to_pylist()


@pytest.fixture(scope="module")
def cells(audited: tuple[str, list[dict[str, Any]]]) -> str:
    return audited[0]


@pytest.fixture(scope="module")
def found(audited: tuple[str, list[dict[str, Any]]]) -> Counter[str]:
    """How many findings BCCD has by check, by severity, and in all (``""``); most of the faults that were put in are among them."""
    counts = Counter(name for row in audited[1] for name in (row["check"], row["severity"], ""))
    assert all(counts[check] >= 30 for check in ("overlooked_bbox", "badly_located_bbox", "swapped_category"))
    return counts


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report of a day of digits."""
    home = tmp_path_factory.mktemp("digits")
    with pytest.MonkeyPatch.context() as patched:
        found = audited_digits(open_dataset("digits", home=str(home)), home / "landing", patched, PROJECT_ROOT / "example_dags")
    return str(found.summary.report_uri)


def status(page: Any) -> str:
    return page.locator("#status").inner_text()


def background(page: Any) -> str:
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_the_numbers_and_pictures_of_bccd_are_visible(look, cells, found):
    with look(cells) as page:
        assert page.locator("h1").inner_text() == "Label audit of bccd"
        assert page.locator(".tile.error dd").inner_text() == "2"  # the two boxes that have no area in BCCD itself
        assert page.locator(".tile.warning dd").inner_text() == str(found["warning"])
        assert page.locator("figure svg.plot").count() == 4
        assert status(page) == f"Showing 1 to 24 of {found['']} findings."
        assert page.locator(".card").count() == 24
        pictures = page.locator(".card svg image")
        assert pictures.count() >= 24
        assert (
            pictures.first.evaluate(
                "async (image) => { const one = new Image(); one.src = image.href.baseVal; await one.decode(); return one.naturalWidth; }"
            )
            == 640
        )
        assert page.locator(".card .box.suggested").count() >= 10


@pytest.mark.parametrize("size", [WIDE, NARROW])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_the_window_and_follows_the_colour_scheme(look, cells, digits, tmp_path, size, scheme):
    for name, uri in (("cells", cells), ("digits", digits)):
        with look(uri, size, scheme) as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
            shades = [int(part) for part in background(page).strip("rgb()").split(",")]
            assert (min(shades) > 200) if scheme == "light" else (max(shades) < 60)
            file = tmp_path / f"{name}_{scheme}_{size[0]}.png"
            page.screenshot(path=file)
            drawn = Image.open(file).convert("L")
            assert drawn.size == size
            assert len(drawn.getcolors(256) or range(256)) > 50  # not a blank page
            keep(page, f"audit-report-{name}-{scheme}", only=size == WIDE)


def keep(page: Any, name: str, *, only: bool = True) -> None:
    """Write pictures for the documentation, where they are asked for: the top, the tables, the gallery, and a closer look."""
    folder = os.environ.get("CV_DATAOPS_SCREENSHOTS")
    if not folder or not only:
        return
    parts = {
        "numbers": "window.scrollTo(0, 0)",
        "checks": "document.querySelector('.tables').scrollIntoView()",
        "gallery": "document.getElementById('gallery').scrollIntoView()",
    }
    for part, script in parts.items():
        page.evaluate(script)
        shoot(page, Path(folder) / f"{name}-{part}.webp")
    page.locator(".look").nth(2).click()
    page.wait_for_timeout(200)
    # Where the images lie on the machine that makes the pictures is of no interest to readers.
    page.locator("dialog .about a").evaluate(
        "(link) => { link.textContent = 'file:///data/' + link.textContent.split('/').slice(-2).join('/'); }"
    )
    shoot(page, Path(folder) / f"{name}-closer.webp")
    page.keyboard.press("Escape")


def shoot(page: Any, file: Path) -> None:
    page.screenshot(path=file.with_suffix(".png"))
    Image.open(file.with_suffix(".png")).convert("RGB").save(file, "WEBP", quality=82, method=6)
    file.with_suffix(".png").unlink()


def test_filters_show_what_they_say(look, cells, found):
    with look(cells) as page:
        page.select_option("#check", "=overlooked_bbox")
        assert status(page) == f"Showing 1 to 24 of {found['overlooked_bbox']} findings (of {found['']})."
        assert set(page.locator(".card .head .id").all_inner_texts()) == {"overlooked_bbox"}
        page.select_option("#category", "=Platelets")
        named = page.locator(".card .words").all_inner_texts()
        assert 0 < len(named) < found["overlooked_bbox"]
        assert all("Platelets" in words for words in named)
        page.click("button[type=reset]")
        page.locator("#status", has_text=f"Showing 1 to 24 of {found['']} findings.").wait_for()
        page.select_option("#severity", "=error")
        assert status(page) == f"Showing 2 findings (of {found['']})."
        page.fill("#text", "bloodimage_00338")
        assert status(page) == f"Showing 1 finding (of {found['']})."
        assert "has no area" in page.locator(".card").inner_text()
        page.fill("#text", "nothing has this name")
        assert (status(page), page.locator(".card").count()) == ("No finding matches.", 0)


def test_an_overlooked_object_has_a_suggestion_and_nothing_that_was_given(look, cells):
    with look(cells) as page:
        assert page.locator("#legend .key").all_inner_texts() == ["given", "suggested"]
        page.check("#others")
        assert page.locator("#legend .key").all_inner_texts() == ["given", "suggested", "other labels"]
        page.uncheck("#others")
        page.select_option("#check", "=overlooked_bbox")
        assert page.locator("#legend .key").all_inner_texts() == ["suggested"]
        words = page.locator(".card .words").all_inner_texts()
        assert len(words) == 24
        assert all(re.fullmatch(r"suggested\s(RBC|WBC|Platelets) \(\d+(\.\d)?%\)", text) for text in words)
        spoken = [button.get_attribute("aria-label") for button in page.locator(".card .look").all()]
        assert all(re.fullmatch(r"Look closer: overlooked_bbox, suggested (RBC|WBC|Platelets) \(.*\)", text) for text in spoken)
        assert not any("given" in text for text in page.locator(".card svg title").all_text_contents())
        page.locator(".card .look").first.click()
        assert page.locator("dialog .key").all_inner_texts() == ["suggested", "other labels"]
        facts = page.locator("dialog .about p.small").all_inner_texts()
        assert not any(fact.startswith(("label", "given")) for fact in facts)
        assert any(fact.startswith("suggested box ") for fact in facts)


def test_a_relabelled_object_shows_what_was_given(look, cells):
    with look(cells) as page:
        page.select_option("#check", "=swapped_category")
        assert re.match(r"given\s\w+\s+suggested\s\w+", page.locator(".card .words").first.inner_text())
        page.locator(".card .look").first.click()
        assert "given" in page.locator("dialog .key").all_inner_texts()
        facts = page.locator("dialog .about p.small").all_inner_texts()
        assert [fact.split()[0] for fact in facts[:2]] == ["label", "given"]


def test_a_finding_about_a_category_names_it_without_saying_that_it_was_given(look, make_dataset, tmp_path):
    Image.effect_noise((8, 8), 90).save(tmp_path / "a.png")
    (tmp_path / "labels.csv").write_text("file,label\na.png,x\n")
    dataset = make_dataset("about")
    ingest_images(dataset, KEY, str(tmp_path), IngestSettings(pattern="*.png"))
    import_labels(dataset, KEY, str(tmp_path / "labels.csv"), format="csv")
    check = Check("vanished", "warning", "A question.", "An answer.", lambda data: category_rows(["y"], ["no label names it"]))
    with look(str(audit_labels(dataset, KEY, checks=[check], on_findings="warn").summary.report_uri)) as page:
        assert page.locator(".card .words").inner_text().split() == ["category", "y"]
        assert page.locator("#legend").is_hidden()


def test_the_numbers_fit_one_row_and_both_error_rates_are_wide(look, digits):
    with look(digits) as page:
        boxes = [tile.bounding_box() for tile in page.locator(".tile").all()]
        assert len(boxes) == 8
        assert len({box["y"] for box in boxes}) == 1
        assert boxes[0]["width"] == pytest.approx(boxes[1]["width"], abs=1)
        assert boxes[1]["width"] > 1.8 * boxes[2]["width"]


def test_on_a_phone_each_check_is_a_block_that_one_sees_whole(look, cells):
    with look(cells, PHONE) as page:
        for cell in page.locator(".checks tbody td:last-child").all():
            box = cell.bounding_box()
            assert 0 < box["x"] < box["x"] + box["width"] < PHONE[0]
            row = cell.locator("xpath=..").bounding_box()
            assert box["y"] - row["y"] < 80  # the line above it: severity, name and count
        assert page.locator(".scroll:has(.checks)").evaluate("(table) => table.scrollWidth <= table.clientWidth")


def test_pages_turn_and_end(look, cells, found):
    pages = -(-found[""] // 24)
    end = f"Showing {24 * (pages - 1) + 1} to {found['']} of {found['']} findings."
    with look(cells) as page:
        first = page.locator(".card .file").all_inner_texts()
        page.locator("#pages-bottom button", has_text="Next").click()
        assert status(page) == f"Showing 25 to 48 of {found['']} findings."
        assert page.locator(".card .file").all_inner_texts() != first
        page.fill("#pages-top input", str(pages))
        page.locator("#pages-top input").press("Enter")
        assert status(page) == end
        assert page.locator("#pages-top button", has_text="Next").is_disabled()
        page.fill("#pages-top input", "600")
        page.locator("#pages-top input").press("Enter")
        assert status(page) == end


def test_a_closer_look_opens_moves_and_closes_by_keyboard(look, cells):
    with look(cells) as page:
        page.locator(".look").first.focus()
        page.keyboard.press("Enter")
        dialog = page.locator("dialog")
        assert "What to do: " in dialog.inner_text()
        assert dialog.locator("svg.drawn").get_attribute("viewBox") == "0 0 640 480"
        assert dialog.locator(".box.other").count() > 0
        title = page.locator("#closer-title").inner_text()
        page.keyboard.press("ArrowRight")
        assert page.locator("#closer-title").inner_text() != title
        page.keyboard.press("Escape")
        assert not dialog.is_visible()
        # The dialog's close event, which gives the focus back, comes after the key.
        has_focus = "document.activeElement === document.querySelectorAll('.look')[1]"
        deadline = time.monotonic() + 10
        while (
            not page.evaluate(has_focus) and time.monotonic() < deadline
        ):  # the page's policy forbids wait_for_function, which evaluates text
            page.wait_for_timeout(50)
        assert page.evaluate(has_focus)


def test_without_javascript_the_numbers_are_still_there(look, cells):
    with look(cells, java_script_enabled=False) as page:
        assert re.fullmatch(r"1\.\d\d%", page.locator(".tile.main dd").first.inner_text())  # 90 of 4,843 labels were spoilt
        assert "95% interval" in page.locator(".tile.main").first.inner_text()
        assert page.locator("table").count() == 2
        assert "needs JavaScript" in page.locator("#gallery").inner_text()
        assert page.locator("#filters").is_hidden()


def test_suspect_digits_show_what_was_given_and_what_is_likely(look, digits):
    with look(digits) as page:
        page.select_option("#check", "=suspect_label")
        assert re.fullmatch(r"Showing 1 to \d+ of \d+ findings \(of \d+\)\.", status(page))
        words = page.locator(".card .words").first.inner_text()
        assert "given" in words
        assert "suggested" in words
        drawn = page.locator(".card svg image").first
        assert drawn.evaluate("(image) => getComputedStyle(image).imageRendering") == "pixelated"
        # No label has a box: there is nothing to draw, and nothing to explain.
        assert page.locator("#others").is_hidden()
        assert page.locator("#legend").is_hidden()


def test_one_finding_and_none(look, make_dataset, tmp_path):
    Image.effect_noise((8, 8), 90).save(tmp_path / "a.png")
    (tmp_path / "labels.csv").write_text("file,label\na.png,x\n")
    dataset = make_dataset("one")
    ingest_images(dataset, KEY, str(tmp_path), IngestSettings(pattern="*.png"))
    import_labels(dataset, KEY, str(tmp_path / "labels.csv"), format="csv")
    one = audit_labels(dataset, KEY, checks=[unknown_category], categories=["y"], on_findings="warn").summary
    assert one.counts["findings"] == 1
    with look(str(one.report_uri), NARROW) as page:
        assert status(page) == "Showing 1 finding."
        assert page.locator("#pages-top").is_hidden()
        assert page.locator(".card svg image").count() == 1
    none = audit_labels(dataset, KEY, checks=[unknown_category]).summary
    with look(str(none.report_uri), NARROW) as page:
        assert "Nothing was found" in page.locator("#gallery").inner_text()
        assert page.locator(".card").count() == 0


def test_ten_thousand_findings_on_tiny_images_stay_quick_and_small(look, make_dataset, tmp_path):
    images, labels = tiny_digits(tmp_path / "digits")
    dataset = make_dataset("many")
    ingest_images(dataset, KEY, str(images))
    import_labels(dataset, KEY, str(labels), format="csv")
    checks = [
        Check(f"question_{n}", "info", "A question.", "An answer.", lambda data: annotation_rows(data, data.image_row >= 0, "why"))
        for n in range(6)
    ]
    summary = audit_labels(dataset, KEY, checks=checks, on_findings="warn").summary
    assert summary.counts["findings"] == 6 * 1797
    assert Path(local_path(str(summary.report_uri))).stat().st_size < 20_000_000
    with look(str(summary.report_uri)) as page:
        assert status(page).startswith("Showing 1 to 24 of 10,000 findings. This page lists the worst 10,000 of 10,782;")
        page.fill("#pages-top input", "417")
        page.locator("#pages-top input").press("Enter")
        assert status(page).startswith("Showing 9,985 to 10,000 of 10,000 findings.")
        page.check("#pictured")
        assert status(page).startswith("Showing 1 to 24 of 3,000 findings (of 10,000).")
