"""The second wall of a page that others' templates made: what is no plain element of text, list or table does not pass."""

from __future__ import annotations

from html import escape
from html.parser import HTMLParser

_TEXT = ("a", "b", "br", "code", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "p", "pre", "small", "span", "strong")
_PARTS = ("blockquote", "details", "div", "input", "label", "li", "main", "nav", "ol", "summary", "ul")
_TABLES = ("caption", "table", "tbody", "td", "th", "thead", "tr")
_ELEMENTS = frozenset((*_TEXT, *_PARTS, *_TABLES))
_ATTRIBUTES = frozenset(("class", "id", "hidden", "type", "name", "checked", "for", "colspan", "scope", "aria-label", "role", "tabindex"))
_EMPTY = frozenset(("br", "hr", "input"))
_WITH_CONTENT = frozenset(("script", "style"))  # whose content is no text for readers


def allowed_markup(markup: str) -> str:
    """Return the markup with allowed elements and attributes only, every element closed; links lead to places of the page itself."""
    writer = _Writer()
    writer.feed(markup)
    writer.close()
    return "".join(writer.parts) + "".join(f"</{name}>" for name in reversed(writer.open))


class _Writer(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.open: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent += tag in _WITH_CONTENT
        if tag not in _ELEMENTS:
            return
        kept = "".join(f' {name}="{escape(value or "")}"' for name, value in attrs if _is_allowed(name, value))
        self.parts.append(f"<{tag}{kept}>")
        if tag not in _EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _EMPTY:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _WITH_CONTENT:
            self.silent = max(0, self.silent - 1)
        if tag not in self.open:
            return
        while self.open:
            name = self.open.pop()
            self.parts.append(f"</{name}>")
            if name == tag:
                return

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.parts.append(escape(data, quote=False))


def _is_allowed(name: str, value: str | None) -> bool:
    return name in _ATTRIBUTES or (name == "href" and (value or "").startswith("#"))
