"""The page of an events file in a real browser: what a click shows, and what the page does not do."""

from __future__ import annotations

import json

import pytest

from airflow_cv_dataops.core.lineage.page import main

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


@pytest.fixture(scope="module")
def page_uri(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lineage")

    def datasets(names):
        return [{"namespace": "s3://lake", "name": name, "facets": {}} for name in names]

    events = [
        {
            "eventType": "COMPLETE",
            "eventTime": "2026-11-05T01:02:03Z",
            "run": {"runId": name, "facets": {}},
            "job": {"namespace": "prod", "name": name},
            "inputs": datasets(inputs),
            "outputs": datasets(outputs),
        }
        for name, inputs, outputs in STEPS
    ]
    (folder / "events.jsonl").write_text("\n".join(map(json.dumps, events)))
    assert main([str(folder / "events.jsonl"), "--out", str(folder / "lineage.html")]) == 0
    return (folder / "lineage.html").as_uri()


def box(page, name):
    return page.locator("a.node").filter(has_text=name)


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


def test_without_scripts_the_links_open_the_same_sections(look, page_uri):
    with look(page_uri, java_script_enabled=False) as page:
        target = box(page, "findings").get_attribute("href")
        box(page, "findings").click()
        assert page.locator(f"{target}.about").is_visible()


def test_choosing_a_dag_fades_the_others(look, page_uri):
    with look(page_uri) as page:
        page.get_by_label("DAG").select_option("faces")
        assert page.locator("a.node:not(.faded)").count() == 3
        page.get_by_label("DAG").select_option("")
        assert page.locator(".faded").count() == 0


@pytest.mark.parametrize("size", [(1360, 900), (390, 844)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_the_window_and_follows_the_colour_scheme(look, page_uri, size, scheme):
    with look(page_uri, size, scheme) as page:
        box(page, "findings").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        shades = page.evaluate("getComputedStyle(document.body).backgroundColor").strip("rgb()").split(",")
        assert (min(map(int, shades)) > 200) if scheme == "light" else (max(map(int, shades)) < 60)
