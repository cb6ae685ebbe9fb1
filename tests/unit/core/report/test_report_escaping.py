"""Whatever stands in names, messages and addresses, the page has the elements, scripts and links that it should have and no others."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from property_tests import examples

NASTY = (
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<!--",
    "]]>",
    "<script",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "&lt;b&gt;&amp;#60;",
    "\u2028\u2029",
    "\u202e\u0000\x1b",
    "\ud800",
    "'';!--\"<XSS>=&{()}",
    "</title></style></svg></noscript>",
    "file:///etc/passwd\n<b>",
    "https://a.example/ onclick=x",
)
texts = st.one_of(st.sampled_from(NASTY), st.text(max_size=40), st.builds("".join, st.lists(st.sampled_from(NASTY), max_size=3)))
CONTENT_OF_THE_PAGE = {
    "html", "head", "meta", "title", "style", "body", "a", "header", "h1", "p", "b", "bdi", "main", "section", "dl", "div", "dt", "dd",
    "figure", "figcaption", "svg", "text", "rect", "path", "h2", "table", "thead", "tbody", "tr", "th", "td", "i", "code", "span",
    "details", "summary", "noscript", "form", "label", "select", "input", "button", "nav", "dialog", "footer", "script",
}  # fmt: skip


class Elements(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    from airflow_cv_dataops.core.dataset import open_dataset

    dataset = open_dataset("plain", home=str(tmp_path_factory.mktemp("home")))
    dataset.ensure_table("images")
    return dataset


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(category=texts, message=texts, source=texts, suggested=texts, meaning=texts, audit=texts.filter(bool))
def test_no_text_becomes_an_element_an_attribute_or_a_script(plain, report_of, category, message, source, suggested, meaning, audit):
    # Arrow holds no lone surrogates; the JSON of a suggestion may, and so may a check's meaning.
    category, message, source, audit = (text.encode("utf-8", "replace").decode() for text in (category, message, source, audit))
    row = {"annotation_id": "0", "category": category, "message": message, "source_uri": source}
    row["suggestion"] = json.dumps({"category": suggested, "probability": 0.5})
    labels = [{"annotation_id": "0", "category": category, "source_uri": source}]
    report = report_of(plain, {"error:check": [row]}, labels, audit=audit, meaning=meaning)
    page = Elements(report.html)
    assert set(page.tags) <= CONTENT_OF_THE_PAGE
    assert page.tags.count("script") == 2
    assert page.tags.count("style") == 1
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "style", "srcdoc", "action")]
    assert [value for name, value in page.attributes if name == "href"] == ["#gallery"]
    [finding] = report.data["findings"]
    assert (finding["message"], finding["suggestion"]["category"]) == (message, suggested)


def test_the_policy_allows_only_the_script_and_style_that_the_page_has(plain, report_of):
    report = report_of(plain, {"error:check": [{}]})
    [policy] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', report.html)
    [style] = re.findall(r"<style>(.*?)</style>", report.html, re.DOTALL)
    [script] = re.findall(r"<script>(.*?)</script>", report.html, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (script, style)]
    assert policy == (
        f"default-src 'none'; script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def test_the_script_makes_elements_without_reading_html():
    from airflow_cv_dataops.core.report.document import resource

    script = resource("airflow_cv_dataops.core.report", "page.js")
    for way in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "fetch(",
        "XMLHttpRequest",
        "srcdoc",
    ):
        assert way not in script


@pytest.mark.parametrize(
    ("uri", "linked"),
    [
        ("https://photos.example/a.jpg", True),
        ("file:///data/a.jpg", True),
        ("s3://photos/a.jpg", False),
        ("javascript:alert(1)//x.jpg", False),
        ("JaVaScRiPt://%0aalert(1)/a.jpg", False),
        ("data:text/html,<script>alert(1)</script>", False),
        ("https://photos.example/a\n.jpg", False),
    ],
)
def test_only_addresses_that_a_browser_may_open_become_links(uri, linked):
    from airflow_cv_dataops.core.report.entries import gallery_image

    row = {"source_uri": uri, "image_id": "a", "storage_uri": uri, "bytes": 1, "width": 1, "height": 1}
    assert gallery_image(row, 0).values.get("link", False) is linked
