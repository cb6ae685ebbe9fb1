"""A report as the API server sends it, in a real browser: the sandbox, the way back, and images that open beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from report_datasets import audited_cells

from airflow_cv_dataops.core.dataset import open_dataset
from airflow_cv_dataops.core.report.browser_image import read_image_for_browser
from airflow_cv_dataops.core.report.location import read_report
from airflow_cv_dataops.core.report.served import served_page
from airflow_cv_dataops.core.store.dataset import Dataset

pytestmark = [
    pytest.mark.integration,
    pytest.mark.browser,
    pytest.mark.once(reason="what a browser makes of a report does not depend on Airflow's version"),
]

RUN = "scheduled__2026-11-05T00%3A00%3A00%2B00%3A00"
REPORT = f"/airflow/cv_dataops/audit-report/cells/{RUN}/audit/-1"
TASK = f"/airflow/dags/cells/runs/{RUN}/tasks/audit"


@pytest.fixture(scope="module")
def audited(shared_data, tmp_path_factory) -> tuple[Dataset, str]:
    home = tmp_path_factory.mktemp("cells")
    dataset = open_dataset("bccd", home=str(home))
    return dataset, str(audited_cells(dataset, shared_data("bccd"), home / "results.json").summary.report_uri)


@contextmanager
def served(dataset: Dataset, uri: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Serve a report and its images as the API server does; yield where, and the path and cookie of each request."""
    from airflow_cv_dataops.plugins.report_page import _HEADERS, _IMAGE_HEADERS

    page = served_page(read_report(dataset, uri), task=TASK, told="Task audit in run x of cells", images=f"{REPORT}/images/")
    asked: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers.get("Cookie", "")))
            if self.path == REPORT:
                self.answer("text/html; charset=utf-8", page, _HEADERS)
            elif self.path.startswith(f"{REPORT}/images/"):
                image = read_image_for_browser(dataset, self.path.rpartition("/")[2])
                self.answer(image.media_type, image.data, _IMAGE_HEADERS)
            else:
                self.answer("text/html", b"<h1>Airflow</h1>", {"Set-Cookie": "_token=secret; SameSite=Lax; HttpOnly; Path=/"})

        def answer(self, media_type: str, content: bytes, headers: dict[str, str]) -> None:
            self.send_response(200)
            for name, value in {"Content-Type": media_type, **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@pytest.fixture
def opened(chromium, audited) -> Iterator[tuple[Any, list[tuple[str, str]]]]:
    """The report in a browser that has logged in, and what was asked of the server."""
    context = chromium.new_context(viewport={"width": 1360, "height": 900})
    with served(*audited) as (where, asked):
        page = context.new_page()
        said: list[str] = []
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda message: said.append(message.text))
        page.goto(where)  # sets the cookie
        page.goto(where + REPORT)
        yield page, asked
        assert said == []
        context.close()


def test_the_page_works_in_its_sandbox(opened):
    page, _ = opened
    assert page.locator("#status").inner_text().startswith("Showing 1 to 24 of ")
    page.locator(".look").first.click()
    assert page.locator("dialog svg.drawn image").count() == 1
    assert page.evaluate("window.origin") == "null"  # so there is no cookie and no storage of Airflow's


def test_an_image_opens_decoded_in_a_tab_of_its_own_with_the_login(opened):
    page, asked = opened
    link = page.locator(".card .file a").first
    assert link.get_attribute("title").startswith("file://")
    with page.context.expect_page() as popup:
        link.click()
    tab = popup.value
    tab.wait_for_load_state()
    assert tab.evaluate("[document.images.length, document.images[0].naturalWidth, document.images[0].naturalHeight]") == [1, 640, 480]
    assert [cookie for path, cookie in asked if path.startswith(f"{REPORT}/images/")] == ["_token=secret"]
    assert tab.evaluate("[window.opener, window.origin]") == [None, "null"]


def test_a_closer_look_opens_the_image_and_says_where_it_lies(opened):
    page, _ = opened
    page.locator(".look").first.click()
    lies = page.locator("dialog .about p.small span.free").last.inner_text()
    assert lies.startswith("file:///")
    assert lies.endswith(".jpg")
    assert page.locator("dialog a[href^='file:']").count() == 0
    with page.context.expect_page() as popup:
        page.locator("dialog a", has_text="Open the whole image").click()
    popup.value.wait_for_load_state()
    assert popup.value.evaluate("document.images[0].naturalWidth") == 640


def test_the_way_back_leads_to_the_task_with_the_login(opened):
    page, asked = opened
    page.locator(".run a").click()
    page.locator("h1", has_text="Airflow").wait_for()
    assert (TASK, "_token=secret") in asked


def test_the_way_back_stands_on_top(opened):
    page, _ = opened
    for width in (1360, 390):
        page.set_viewport_size({"width": width, "height": 800})
        link, title = page.locator(".run a").bounding_box(), page.locator("h1").bounding_box()
        assert 0 <= link["y"] < link["y"] + link["height"] <= title["y"]
        assert abs(link["x"] - title["x"]) < 2
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_page_that_is_opened_as_a_file_has_no_way_back(look, audited):
    with look(audited[1]) as page:
        assert page.locator(".run").count() == 0
        assert page.locator(".card .file a").first.get_attribute("href").startswith("file://")
        assert page.locator("body[data-images]").count() == 0
