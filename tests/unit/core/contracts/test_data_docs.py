"""The page of a validation result: what it says, that it loads nothing, and that data cannot break out of it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd
import pytest
from great_expectations.data_context.types.base import ProgressBarsConfig

from airflow_cv_dataops import expectations as ours
from airflow_cv_dataops.core.contracts.data_docs import data_docs_page
from airflow_cv_dataops.core.contracts.markup import allowed_markup

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><style>*{display:none}</style>",
    "' onmouseover='alert(1)",
    "$success ${icon} $$x",
    "{{ 7 * 7 }} {% include 'page.j2' %}",
    "\x00\x1b[31m",
    "<!-- ",
    "javascript:alert(1)",
]
FRAME = pd.DataFrame(
    {
        "category": [*HOSTILE, None],
        "bbox_x": [1.0] * 10,
        "bbox_y": [1.0] * 10,
        "bbox_width": [0.0, *[5.0] * 9],
        "bbox_height": [5.0] * 10,
        "labels": [None] * 10,
        "<b>column</b>": [1] * 10,
    },
    dtype="object",
)


def validated(*expectations: Any, frame: pd.DataFrame = FRAME, name: str = "suite", result_format: str = "COMPLETE") -> Any:
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    batch = context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("b")
    return batch.get_batch({"dataframe": frame}).validate(
        gx.ExpectationSuite(name, expectations=list(expectations)), result_format=result_format
    )


class Elements(HTMLParser):
    """What a browser would find: element names, attributes, and the text of the body."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.texts: list[str] = []
        self.feed(re.sub(r"<style>.*?</style>", "", page[page.index("<body>") :], count=1, flags=re.DOTALL))

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links |= {value for name, value in attrs if name in ("href", "src")}

    def handle_data(self, data: str) -> None:
        self.texts.append(" ".join(data.split()))

    @property
    def text(self) -> str:
        return " ".join(text for text in self.texts if text)


EVERYTHING = (
    gxe.ExpectColumnValuesToBeInSet(column="category", value_set=["a", *HOSTILE[:2]]),
    gxe.ExpectColumnValuesToMatchRegex(column="category", regex="(?<!x)<b>"),
    gxe.ExpectColumnDistinctValuesToBeInSet(column="category", value_set=HOSTILE[:1], severity="warning"),
    gxe.ExpectColumnMostCommonValueToBeInSet(column="category", value_set=["x"]),
    gxe.ExpectCompoundColumnsToBeUnique(column_list=["category", "<b>column</b>"]),
    gxe.ExpectColumnValuesToBeBetween(column="<b>column</b>", min_value=0),
    gxe.ExpectColumnValuesToNotBeNull(column="<i>absent</i>"),
    gxe.ExpectColumnValuesToNotBeNull(
        column="category", description=HOSTILE[1], meta={"notes": {"format": "markdown", "content": HOSTILE}}
    ),
    gxe.ExpectColumnValuesToNotBeNull(column="category", notes=HOSTILE[0]),
    gxe.ExpectTableColumnsToMatchSet(column_set=HOSTILE),
    gxe.ExpectTableRowCountToEqual(value=10),
    ours.ExpectKnownCategory(categories=["a", *HOSTILE[1:3]]),
    ours.ExpectCategoryShares(bounds={HOSTILE[0]: (0.5, 0.6)}, max_share=0),
    ours.ExpectBoxHasExtent(severity="warning"),
    ours.ExpectImageHasLabel(),
)


@pytest.fixture(scope="module")
def result() -> Any:
    return validated(*EVERYTHING, name=HOSTILE[1])


@pytest.fixture(scope="module")
def page(result) -> str:
    return data_docs_page(result, title=f"Contract {HOSTILE[0]}", facts={HOSTILE[1]: HOSTILE[2], "Rows": "10 \ud800"}).decode()


def test_data_cannot_break_out_of_the_page(page):
    found = Elements(page)
    inline = {"a", "b", "br", "code", "h1", "h4", "h5", "h6", "i", "input", "label", "span", "strong", "summary"}
    blocks = {"details", "div", "footer", "li", "main", "nav", "ol", "p", "ul", "table", "tbody", "td", "th", "thead", "tr"}
    assert found.names <= inline | blocks | {"body", "script"}
    assert found.attributes <= {"class", "id", "hidden", "type", "name", "checked", "for", "role", "aria-label", "href"}
    assert all(link.startswith("#") for link in found.links)
    assert page.count("<script") == 2  # those of html_document: data, and a script of no line
    assert "<script></script>" in page


def test_it_asks_for_nothing_and_says_so_in_its_policy(page):
    assert "http" not in page.replace("http-equiv", "")
    assert "url(" not in page
    assert "default-src 'none'" in page
    assert "style=" not in page


def test_hostile_text_is_still_readable(page):
    found = Elements(page)
    for text in HOSTILE[:4] + HOSTILE[5:6] + ["(?<!x)<b>"]:
        assert text in found.text
    assert "49" not in found.text.replace("{{ 7 * 7 }}", "")
    assert "\x1b" not in page


def test_it_keeps_the_words_of_great_expectations(page):
    text = Elements(page).text
    for words in (
        "Expectation Validation Result Evaluates whether a batch of data matches expectations.",
        "Validation Filter: Show All Failed Only",
        "Table of Contents Overview Table-Level Expectations",
        "Status: Failed",
        "Evaluated Expectations 15",
        "Status Expectation Observed Value Severity",
        "1 unexpected values found. 10% of 10 total rows.",
        "raised an exception",
        "Show exception traceback...",
    ):
        assert words in text


def test_it_names_severities_and_what_had_nothing_to_check(page):
    assert page.count("badge-critical") + page.count("badge-warning") >= 15
    text = Elements(page).text
    assert "images must have at least 1 label(s). nothing to check: none of 10 rows has the values critical" in text
    assert "With Nothing To Check 1" in text
    (row,) = [row for row in page.split("<tr>") if "nothing to check" in row]
    assert "fa-exclamation-triangle" in row
    assert "hide-succeeded" not in row  # so that Failed Only leaves it there


def test_equal_results_make_equal_pages_and_are_left_as_they_are(result, page):
    before = str(result.to_json_dict())
    again = validated(*EVERYTHING, name=HOSTILE[1])
    assert data_docs_page(again, title=f"Contract {HOSTILE[0]}", facts={HOSTILE[1]: HOSTILE[2], "Rows": "10 \ud800"}).decode() == page
    assert str(result.to_json_dict()) == before


def test_no_rows_no_expectations_and_every_result_format_have_a_page():
    for result_format in ("BOOLEAN_ONLY", "BASIC", "SUMMARY", "COMPLETE"):
        found = validated(*EVERYTHING[:6], *EVERYTHING[9:], frame=FRAME.iloc[:0], result_format=result_format)
        assert b"Statistics" in data_docs_page(found, title="t", facts={})
    assert b"Evaluated Expectations" in data_docs_page(validated(), title="t", facts={})


def test_a_value_of_a_megabyte_makes_no_page_of_a_megabyte():
    frame = pd.DataFrame({"category": ["x" * 1_000_000 + str(n) for n in range(20)]})
    page = data_docs_page(
        validated(gxe.ExpectColumnValuesToBeInSet(column="category", value_set=["y" * 1_000_000]), frame=frame), title="t", facts={}
    )
    assert len(page) < 150_000


@pytest.mark.parametrize(
    ("markup", "kept"),
    [
        ("<p onclick=x class='a'>b</p>", '<p class="a">b</p>'),
        ("<p>a<script>alert(1)</script>b", "<p>ab</p>"),
        ("<style>p{}</style><svg><a href='javascript:x'>b</a>", "<a>b</a>"),
        ('<a href="#here">b</a><a href="//x">c</a>', '<a href="#here">b</a><a>c</a>'),
        ("</div><div><b>a</div>b</b>", "<div><b>a</b></div>b"),
        ("a &lt;b&gt; &amp; c<br><br/>", "a &lt;b&gt; &amp; c<br><br>"),
        ("<!-- a --><?x ?><![CDATA[<b>]]>z", "z"),
    ],
)
def test_only_plain_markup_passes(markup, kept):
    assert allowed_markup(markup) == kept
