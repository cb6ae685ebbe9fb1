"""Whatever stands in names, reasons and addresses, the page of a batch has its own elements, script and links, and no others."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from property_tests import examples
from unit.core.report.test_report_escaping import Elements, texts
from unit.core.sampling.report.conftest import sample

from airflow_cv_dataops.core.report.document import resource
from airflow_cv_dataops.core.sampling.report.cards import Card
from airflow_cv_dataops.core.sampling.report.page import sample_page
from airflow_cv_dataops.core.sampling.report.values import BatchImage, Distribution, LeftOut, PredictedBox

CONTENT_OF_THE_PAGE = {
    "html", "head", "meta", "title", "style", "body", "a", "header", "h1", "p", "b", "bdi", "main", "section", "dl", "div", "dt", "dd",
    "figure", "figcaption", "svg", "text", "rect", "image", "h2", "table", "thead", "tbody", "tr", "th", "td", "i", "span", "ul", "li",
    "colgroup", "col", "article", "form", "label", "select", "input", "button", "dialog", "footer", "script",
}  # fmt: skip


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=texts, reason=texts, source=texts, note=texts)
def test_no_text_becomes_an_element_an_attribute_or_a_script(cells, batch_of, page_of, name, reason, source, note):
    [image, *_] = batch_of(cells, reasons=[reason, reason], boxes=[PredictedBox(name, 0.5, (1, 1, 9, 9))], probabilities={name: 0.5})
    images = [replace(image, source_uri=source, category=name, strategy=name), replace(image, rank=2, category=None, source_uri="s3://a/b")]
    report = sample(images, strategy=name, model=name, budget=note, notes=[note], expected_gain=note, numbers={name: note}, dataset=name)
    report = replace(report, left_out=[LeftOut(reason, 3, note)], distributions=[Distribution(name, {name: 4}, {name: 1}, {name: note})])
    page = page_of(cells, report)
    found = Elements(page)
    assert set(found.tags) <= CONTENT_OF_THE_PAGE
    assert (found.tags.count("script"), found.tags.count("style"), found.tags.count("article")) == (2, 1, 2)
    assert not [key for key, _ in found.attributes if key.startswith("on") or key in ("src", "style", "srcdoc", "action")]
    links = [value or "" for key, value in found.attributes if key == "href"]
    assert [link for link in links if not link.startswith(("data:image/png;base64,", "#gallery", "https://", "http://", "file://"))] == []


@pytest.mark.parametrize("uri", ["javascript:alert(1)//x.jpg", "JaVaScRiPt://%0aalert(1)/a.jpg", "data:text/html,<b>", "s3://photos/a.jpg"])
def test_only_addresses_of_files_and_of_the_web_become_links(cells, batch_of, page_of, uri):
    [image, *_] = batch_of(cells)
    assert "<a " not in page_of(cells, sample([replace(image, source_uri=uri)])).partition("</header>")[2]
    assert '<a class="free" href="file:///data/a.jpg"' in page_of(cells, sample([replace(image, source_uri="file:///data/a.jpg")]))


def test_names_written_from_right_to_left_do_not_turn_what_stands_beside_them():
    turned = "\u202egnp.exe"
    box = PredictedBox(turned, 0.5, (1, 1, 9, 9))
    image = BatchImage(1, "0" * 64, f"s3://photos/{turned}", "s3://lake/a", 0.5, turned, turned, [turned], "k", [box], {turned: 0.5})
    report = sample(
        [image], strategy=turned, model=turned, distributions=[Distribution(turned, {turned: 1}, {turned: 1}, {turned: turned})]
    )
    page = sample_page(report, [Card(image, None)]).decode()
    body = page.partition("<body>")[2].partition('<script type="application/json"')[0]
    told = re.findall(r"(<[^<>]*>)([^<>]*\u202e[^<>]*)<", body)
    assert {text for _, text in told} == {turned}  # nothing else stands in the same element
    inline = [tag for tag, _ in told if re.match(r"<(b|i|span|text)\b", tag)]
    assert [tag for tag in inline if tag != "<b>" and not re.search(r'class="[^"]*\bfree\b', tag)] == []
    assert body.count("<b>\u202e") == body.count("<bdi><b>\u202e") == 2  # strategy and model
    assert "\ufffdgnp.exe 50%" in body  # where a number follows, the mark that turns it is taken away


def test_the_script_makes_elements_without_reading_html():
    script = resource("airflow_cv_dataops.core.sampling.report", "sample.js")
    ways = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "fetch(", "XMLHttpRequest", "srcdoc")
    assert [way for way in ways if way in script] == []
