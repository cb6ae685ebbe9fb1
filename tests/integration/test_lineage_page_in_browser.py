"""The page of an events file in a real browser: what a click shows, what fits where, and what the page does not do.

With ``CV_DATAOPS_SCREENSHOTS`` set to a folder, the pictures of docs/images are written there: of ``CV_DATAOPS_LINEAGE_EVENTS``, an events
file such as ``make demo`` leaves.
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest
from browser import SCREENSHOTS, keep_screenshot
from PIL import Image

from airflow_cv_dataops.core.lineage.page.page import main

pytestmark = [
    pytest.mark.integration,
    pytest.mark.browser,
    pytest.mark.once(reason="what a browser makes of a page does not depend on Airflow's version"),
]

STEPS = [
    ("signs.ingest", ["raw/signs"], ["signs/images"]),
    ("signs.import_labels", ["raw/labels"], ["signs/annotations"]),
    ("signs.audit", ["signs/images", "signs/annotations"], ["signs/findings"]),
    ("signs.promote", ["signs/images", "signs/annotations", "signs/findings"], ["signs/releases"]),
    ("faces.ingest", ["raw/faces"], ["faces/images"]),
]
BOOKS = [("signs.ingest", [], ["signs/metrics", "signs/rejects"]), ("signs.promote", ["signs/metrics"], [])]
WIDTHS = [(1900, 1000), (1300, 900), (390, 844)]
HOSTILE = [
    "<script>alert(1)</script>/'\"&",
    "javascript:alert(1)",
    "\u202etxt.exe/\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd",
    "W" * 300,
]
HOSTILE += ["\u753b\u50cf\u306e\u8868" * 20, "\U0001f600" * 30, "mmmmmmmmmmMMMMMMMMMM@@@@@@", "a\u0301" * 26, "x", ""]


def write_page(folder, steps, **facets):
    def datasets(names):
        return [{"namespace": "s3://lake", "name": name, "facets": facets.get(name, {})} for name in names]

    events = [
        {
            "eventType": "COMPLETE",
            "eventTime": "2026-11-05T01:02:03Z",
            "run": {"runId": name, "facets": {}},
            "job": {"namespace": "prod", "name": name, "facets": {"documentation": {"description": f"What {name} does."}}},
            "inputs": datasets(inputs),
            "outputs": datasets(outputs),
        }
        for name, inputs, outputs in steps
    ]
    (folder / "events.jsonl").write_text("\n".join(map(json.dumps, events)))
    assert main([str(folder / "events.jsonl"), "--out", str(folder / "lineage.html")]) == 0
    return (folder / "lineage.html").as_uri()


@pytest.fixture(scope="module")
def page_uri(tmp_path_factory):
    return write_page(tmp_path_factory.mktemp("lineage"), STEPS)


@pytest.fixture(scope="module")
def with_books(tmp_path_factory):
    return write_page(tmp_path_factory.mktemp("books"), [*STEPS, *BOOKS])


def box(page, name):
    return page.locator(".full a.node").filter(has_text=name)


def test_a_click_shows_what_a_table_came_from_and_went_into_and_another_click_ends_it(look, page_uri):
    with look(page_uri) as page:
        assert page.locator("a.node").count() == 8 + 5
        assert page.locator("#overview").is_visible()
        box(page, "findings").click()
        assert page.locator(".about.open h2").inner_text().endswith("findings")
        assert not page.locator("#overview").is_visible()
        # Above findings: two sources, two tables, their two imports and the audit; below: promotion and releases.
        assert page.locator("a.node:not(.faded)").count() == 7 + 1 + 2
        assert box(page, "faces").first.evaluate("node => node.classList.contains('faded')")
        assert page.locator(".edge.lit").count() == 4 + 3 + 2
        assert page.url.endswith(box(page, "findings").get_attribute("href"))
        box(page, "findings").click()
        assert page.locator("#overview").is_visible()
        assert page.locator(".faded").count() == 0


def test_an_address_with_a_box_opens_it_and_the_keyboard_reaches_it(look, page_uri):
    with look(page_uri) as page:
        target = box(page, "findings").get_attribute("href")
        box(page, "findings").focus()
        page.keyboard.press("Enter")
        assert page.locator(".about.open").get_attribute("id") == target[1:]
        page.reload()
        assert page.locator(".about.open").get_attribute("id") == target[1:]
        page.keyboard.press("Escape")
        assert page.locator(".about.open").count() == 0
        assert page.locator("#overview").is_visible()


def test_a_link_in_a_section_opens_the_other_node(look, page_uri):
    with look(page_uri) as page:
        box(page, "findings").click()
        page.locator(".about.open").get_by_role("link", name="audit").click()
        assert page.locator(".about.open h2").inner_text() == "audit"
        assert page.locator(".about.open").get_by_text("What signs.audit does.").is_visible()
        assert box(page, "audit").evaluate("node => node.classList.contains('chosen')")


def test_without_scripts_the_links_open_the_same_sections(look, page_uri):
    with look(page_uri, java_script_enabled=False) as page:
        target = box(page, "findings").get_attribute("href")
        box(page, "findings").click()
        assert page.locator(f"{target}.about").is_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_metrics_and_rejects_are_left_out_on_request_and_shown_by_default(look, with_books, scripts):
    with look(with_books, java_script_enabled=scripts) as page:
        assert box(page, "metrics").is_visible()
        assert not page.locator(".brief").is_visible()
        page.get_by_label("metrics and rejects").uncheck()
        assert not page.locator(".full").is_visible()
        names = page.locator(".brief a.node .title").all_text_contents()
        assert len(names) == len(set(names)) == 8 + 5
        assert not any("metrics" in name or "rejects" in name for name in names)
        page.locator(".brief a.node").filter(has_text="findings").click()
        assert page.locator(".about").filter(has_text="signs/findings").first.is_visible()
        page.get_by_label("metrics and rejects").check()
        assert box(page, "metrics").is_visible()


def test_choosing_a_dag_fades_the_others(look, page_uri):
    with look(page_uri) as page:
        page.get_by_label("DAG").select_option("faces")
        assert page.locator("a.node:not(.faded)").count() == 3
        page.get_by_label("DAG").select_option("")
        assert page.locator(".faded").count() == 0


@pytest.mark.parametrize("size", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_the_window_and_follows_the_colour_scheme(look, with_books, size, scheme):
    with look(with_books, size, scheme) as page:
        box(page, "findings").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        shades = page.evaluate("getComputedStyle(document.body).backgroundColor").strip("rgb()").split(",")
        assert (min(map(int, shades)) > 200) if scheme == "light" else (max(map(int, shades)) < 60)
        # Letters stay readable: where the window is narrow the picture scrolls.
        height = page.locator(".full .title").first.evaluate("text => text.getBoundingClientRect().height")
        assert height >= 0.7 * 13.5


def test_on_a_narrow_window_the_graph_moves_to_what_was_opened(look, with_books):
    with look(with_books, (390, 844)) as page:
        page.goto(with_books + box(page, "releases").get_attribute("href"))
        left, right = box(page, "releases").evaluate("node => [node.getBoundingClientRect().left, node.getBoundingClientRect().right]")
        assert 0 <= left < right <= 390


def test_in_print_everything_is_there(look, with_books):
    with look(with_books) as page:
        page.emulate_media(media="print")
        assert all(section.is_visible() for section in page.locator(".about").all())
        assert page.locator(".full").is_visible()
        assert not page.locator(".brief").is_visible()
        assert page.locator(".full svg").bounding_box()["width"] <= page.locator(".full").bounding_box()["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_any_name_stays_text_and_in_its_box_and_no_two_boxes_overlap(look, tmp_path, scheme):
    names = [*HOSTILE, *(f"{name}.metrics" for name in HOSTILE[:4])]
    steps = [(f"dag.{name}", [name], [names[(number + 1) % len(names)]]) for number, name in enumerate(names)]
    facets = {name: {"schema": {"fields": [{"name": name, "type": name, "description": name}]}} for name in names}
    uri = write_page(tmp_path, steps, **facets)
    with look(uri, (1300, 900), scheme) as page:
        boxes = page.evaluate("""[...document.querySelectorAll('.full a.node')].map((node) => {
            const box = node.querySelector('rect').getBoundingClientRect();
            const texts = [...node.querySelectorAll('text')].map((text) => text.getBoundingClientRect());
            return {box, inside: texts.every((text) => text.width === 0 || (text.left >= box.left && text.right <= box.right
                && text.top >= box.top - 1 && text.bottom <= box.bottom + 1)), name: node.textContent};
        })""")
        assert len(boxes) == 2 * len(names)
        assert [one["name"] for one in boxes if not one["inside"]] == []
        for number, one in enumerate(boxes):
            for other in boxes[:number]:
                a, b = one["box"], other["box"]
                apart = a["right"] <= b["left"] or b["right"] <= a["left"] or a["bottom"] <= b["top"] or b["bottom"] <= a["top"]
                assert apart, (one["name"], other["name"])
        for node in page.locator(".full a.node").all():
            node.dispatch_event("click")
            assert page.locator(".about.open").count() == 1
            assert page.evaluate("document.documentElement.scrollWidth") <= 1300


@pytest.mark.skipif(not SCREENSHOTS, reason="writes the pictures of the documentation")
@pytest.mark.parametrize(
    ("name", "size", "scheme", "opened"),
    [
        ("lineage-view", (1640, 860), "light", ""),
        ("lineage-view-dataset", (1640, 1250), "light", "annotations"),
        ("lineage-view-dark", (1900, 800), "dark", "findings"),
        ("lineage-view-narrow", (390, 844), "light", "annotations"),
    ],
)
def test_pictures_of_the_documentation(look, tmp_path, name, size, scheme, opened):
    events = os.environ.get("CV_DATAOPS_LINEAGE_EVENTS", str(Path(__file__).parents[2] / ".demo" / "lineage" / "events.jsonl"))
    if not Path(events).is_file():
        pytest.skip(f"no such file: {events} (make demo leaves one)")
    # Where the demo lay on the machine that makes the pictures is of no interest to readers.
    home = str(Path(events).resolve().parents[1])
    told = Path(events).read_text().replace(home, "/data")
    (tmp_path / "events.jsonl").write_text(told)
    main([str(tmp_path / "events.jsonl"), "--out", str(tmp_path / "lineage.html")])
    with look((tmp_path / "lineage.html").as_uri(), size, scheme, device_scale_factor=2 if size[0] < 500 else 1) as page:
        if opened:
            page.locator(".full a.node").filter(has=page.get_by_text(opened, exact=True)).click()
            page.evaluate("document.activeElement.blur()")
        picture = page.screenshot()
        with Image.open(io.BytesIO(picture)) as image:
            assert len(image.convert("L").getcolors(256)) > 50  # not a blank page
        keep_screenshot(name, picture, width=2 * size[0])
        assert (Path(SCREENSHOTS) / f"{name}.webp").stat().st_size < 150_000
