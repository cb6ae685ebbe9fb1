"""Whatever stands in names, notes and sources, a card has the elements that it should have, and says the texts as they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from unit.core.release.card.card_rows import Elements, head_of, headings_of, release_of, tables_of

from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.release.card.blocks import Section, Table, Words
from airflow_cv_dataops.core.release.card.card import dataset_card
from airflow_cv_dataops.core.release.card.facts import CardFacts, collect_facts
from airflow_cv_dataops.core.release.card.front_matter import front_matter, licence_lines, size_category
from airflow_cv_dataops.core.release.card.html import html_card
from airflow_cv_dataops.core.release.card.markdown import markdown_card
from airflow_cv_dataops.core.release.describe import describe_dataset
from airflow_cv_dataops.core.release.descriptions import Description

NASTY = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "a | b `c` **d** [e](javascript:alert(1)) ![f](http://g/h.png)",
    "---\nlicense: mit\n---\n# no heading",
    "# no heading\n\n- no list\n1. no list\n> no quote\n***\n```\nno fence",
    "    no code\n\ttab",
    "a\\|b\\",
    "<!-- &lt;b&gt; &amp; https://x.example/a_b_c",
    "one\r\ntwo\rthree\x0bfour\x1b[31m\u2028five",
    "=== \n---\n+++",
    "{{ 7 * 7 }} $x$ ~~y~~ _z_",
)
ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "a", "header", "h1", "p", "b", "bdi", "nav", "ul", "li", "main", "section", "h2",
    "dl", "div", "dt", "dd", "table", "thead", "tbody", "tr", "th", "td", "blockquote", "figure", "figcaption", "svg", "text", "rect",
    "path", "pre", "code", "span", "footer", "script",
}  # fmt: skip
texts = st.one_of(
    st.sampled_from(NASTY), st.text(min_size=1, max_size=40), st.builds("".join, st.lists(st.sampled_from(NASTY), max_size=3))
)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Category names and everything that people say are nasty."""
    from airflow_cv_dataops.core.dataset import open_dataset

    dataset = open_dataset("hostile", home=str(tmp_path_factory.mktemp("home")))
    release_of(dataset, ["a", "b"], [("a", name) for name in NASTY], notes=NASTY[3])
    said = {"description": NASTY[4], "owner": NASTY[1], "license": NASTY[3], "notes": NASTY[2]}
    describe_dataset(dataset, **said, others={"contact": NASTY[0], "more": NASTY[8]}, cards=False)
    return dataset


@pytest.fixture(scope="module")
def facts(hostile: Dataset) -> CardFacts:
    return collect_facts(hostile.release(), pictures=False)


def test_a_page_of_nasty_texts_has_the_elements_of_a_card(hostile: Dataset):
    page = Elements(dataset_card(hostile.release()).html)
    assert set(page.tags) <= ALLOWED
    assert page.tags.count("script") == 2
    assert {value for name, value in page.attributes if name == "href" and not str(value).startswith("#")} == set()
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("style", "src")]
    assert NASTY[0] in page.words, "it is there, as a text"


def test_markdown_of_nasty_texts_has_the_headings_and_tables_of_a_card(hostile: Dataset):
    card = dataset_card(hostile.release()).markdown
    titles = ["Numbers", "About", "Splits", "Categories", "Images", "Labels", "Gates", "Open findings", "Measures", "Sources and licences"]
    assert headings_of(card) == ["hostile v1", *titles, "How to read it", "Lineage"]
    told = tables_of(card)
    names = {row[0] for row in told["Categories"][1:]}
    assert {NASTY[0], NASTY[1], NASTY[2], NASTY[6]} <= names, "as they are"
    assert all(len(row) == len(told["Categories"][0]) for row in told["Categories"])
    assert "<img" not in card
    assert "<script" not in card
    head = head_of(card)
    assert (head["license"], head["license_name"]) == ("other", "license-mit-no-heading")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=texts, said=texts, licence=texts)
def test_any_text_stays_a_text(facts: CardFacts, text: str, said: str, licence: str):
    told = replace(facts, description=Description(license=licence))
    parts = [Section("One", [Words(said, is_said=True), Table(("name", "n"), [[text, 1]]), Words(text), Words(text, is_notice=True)])]
    card = markdown_card(told, parts)
    assert headings_of(card) == ["hostile v1", "One"]
    assert len(tables_of(card)["One"]) == 2
    rendered = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(card.split("---\n", 2)[2])
    assert set(Elements(rendered).tags) <= {"h1", "h2", "p", "table", "thead", "tbody", "tr", "th", "td", "blockquote", "strong"}
    assert set(head_of(card)) <= {"license", "license_name", "pretty_name", "size_categories", "task_categories"}
    page = Elements(html_card(told, parts).decode())
    assert set(page.tags) <= ALLOWED
    assert page.tags.count("td") == 1


@pytest.mark.parametrize(
    ("stated", "lines"),
    [
        (None, ["license: unknown"]),
        ("CC-BY-4.0", ["license: cc-by-4.0"]),
        ("mit", ["license: mit"]),
        ("GPL-3.0-or-later", ["license: gpl-3.0"]),
        ("ODbL-1.0", ["license: odbl"]),
        ("Proprietary: ask Maria", ["license: other", 'license_name: "proprietary-ask-maria"']),
        ("秘密", ["license: other", 'license_name: "other"']),
    ],
)
def test_a_licence_is_named_as_the_hub_names_it(stated: str | None, lines: list[str]):
    assert licence_lines(stated) == lines
    assert yaml.safe_load("\n".join(lines))


@pytest.mark.parametrize(("images", "word"), [(0, "n<1K"), (999, "n<1K"), (1_000, "1K<n<10K"), (10**6, "1M<n<10M"), (10**9, "100M<n<1B")])
def test_sizes_have_the_hubs_words(images: int, word: str):
    assert size_category(images) == word


def test_the_head_is_yaml(facts: CardFacts):
    assert front_matter(facts).startswith("---\nlicense: other\n")
    assert front_matter(facts).endswith("\n---")


def test_what_is_written_is_utf_8(hostile: Dataset, make_dataset: Callable[..., Dataset]):
    card = dataset_card(hostile.release())
    assert (card.markdown.encode(), card.html.encode()) != (b"", b"")
