"""Cards in a few words: small releases without any image, and both texts read back as a reader of theirs would."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html.parser import HTMLParser
from typing import Any

import yaml
from markdown_it import MarkdownIt
from unit.core.release.release_rows import NOW, write_annotations, write_images

from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.release.reader import Release

KEY = "2026-11-05"


def release_of(dataset: Dataset, images: Sequence[str], labels: Iterable[tuple[str, str]], *, key: str = KEY, **arguments: Any) -> Release:
    """Return the release of images by their names, and of labels: image and category."""
    write_images(dataset, key, images)
    if labels := list(labels):
        write_annotations(dataset, key, labels)
    result = promote_dataset(dataset, recorded_at=NOW, **arguments)
    assert result.failure is None, result.failure
    return dataset.release(result.summary.details["release"])


def head_of(markdown: str) -> dict[str, Any]:
    """Return what Hugging Face reads of a card."""
    before, head, _ = markdown.split("---\n", 2)
    assert before == ""
    found: dict[str, Any] = yaml.safe_load(head)
    return found


def tables_of(markdown: str) -> dict[str, list[list[str]]]:
    """Return the first table of each section as a Markdown reader sees it: rows of texts, its head first."""
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown.split("---\n", 2)[2])
    found: dict[str, list[list[str]]] = {}
    title, rows, is_first = "", [], False
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            title = text_of(tokens[place + 1])
        elif token.type == "table_open":
            is_first, rows = title not in found, []
            if is_first:
                found[title] = rows
        elif token.type == "tr_open":
            rows.append([])
        elif token.type == "inline" and tokens[place - 1].type in ("td_open", "th_open"):
            rows[-1].append(text_of(token))
    return found


def text_of(token: Any) -> str:
    """Return what stands in an inline token. Nothing but text and code may."""
    assert {child.type for child in token.children} <= {"text", "text_special", "code_inline", "softbreak", "strong_open", "strong_close"}
    return "".join(child.content for child in token.children)


def headings_of(markdown: str) -> list[str]:
    """Return the titles of a card, and make sure that no text is anything else than text."""
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown.split("---\n", 2)[2])
    for token in tokens:
        if token.type == "inline":
            text_of(token)
    blocks = {token.type for token in tokens if token.nesting >= 0}
    expected = {"heading_open", "paragraph_open", "inline", "blockquote_open", "fence"}
    assert {kind for kind in blocks if not kind.startswith(("table", "thead", "tbody", "tr_", "th_", "td_"))} <= expected
    return [text_of(tokens[place + 1]) for place, token in enumerate(tokens) if token.type == "heading_open"]


class Elements(HTMLParser):
    """The elements of a page, and its words."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words.append(data)
