"""The page around numbers, plots and gallery."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_cv_dataops.core.report.document import html_document, resource
from airflow_cv_dataops.core.report.plots import clean
from airflow_cv_dataops.core.wording import share

_NAME = re.compile(r"`([^`]*)`")
_BAR = 160  # units of the widest interval


@dataclass(frozen=True)
class Tile:
    """One number at the top. :param style: class of ``page.css``. :param note: small print below."""

    label: str
    value: str
    note: str = ""
    style: str = ""


@dataclass(frozen=True)
class CheckRow:
    """One check: what its findings mean and how to mend them. :param unable: why it could not look at anything; empty: it looked."""

    id: str
    severity: str
    count: int
    meaning: str
    fix: str
    unable: str = ""


@dataclass(frozen=True)
class CategoryRow:
    """A category, its labels, and how many of them are wrong or suspect. :param interval: both ends of the rate's 95 % interval, 0 to 1."""

    category: str
    annotations: int
    erroneous: int
    interval: tuple[float, float]

    @property
    def label_error_rate(self) -> float:
        return self.erroneous / self.annotations


@dataclass(frozen=True)
class Page:
    """What stands in the page beside the gallery. :param plots: HTML. :param notice: what the audit could not judge; empty for nothing."""

    dataset: str
    partition_key: str
    audit: str
    tiles: Sequence[Tile]
    checks: Sequence[CheckRow]
    categories: Sequence[CategoryRow]
    plots: str
    findings: int
    notice: str = ""


def html_page(page: Page, data: Mapping[str, Any]) -> bytes:
    """Return the whole file. :param data: the gallery's JSON."""
    name = f"{page.audit} of {page.dataset}, {page.partition_key}"
    body = f"""<a class="skip" href="#gallery">Skip to the findings</a>
<header>
<h1>Label audit of <bdi>{clean(page.dataset)}</bdi></h1>
<p class="where">Partition <b><bdi>{clean(page.partition_key)}</bdi></b> · audit <b><bdi>{clean(page.audit)}</bdi></b></p>
</header>
<main>
<section aria-label="Numbers"><dl class="tiles">{"".join(map(tile_html, page.tiles))}</dl>{_notice(page.notice)}</section>
<section class="figures" aria-label="Distributions">{page.plots}</section>
<div class="tables">
{_categories(page.categories)}
{_checks(page.checks)}
</div>
{_gallery(page)}
</main>"""
    return html_document(name, body, style=[resource(__package__, "page.css")], script=resource(__package__, "page.js"), data=data)


def _notice(notice: str) -> str:
    return f'<p class="notice unjudged">{clean(notice)}</p>' if notice else ""


def tile_html(tile: Tile) -> str:
    note = f'<dd class="note">{clean(tile.note)}</dd>' if tile.note else ""
    return f'<div class="tile {tile.style}"><dt>{clean(tile.label)}</dt><dd>{clean(tile.value)}</dd>{note}</div>'


def _categories(rows: Sequence[CategoryRow]) -> str:
    if not rows:
        return ""
    highest = max(row.interval[1] for row in rows)
    cells = "".join(
        f'<tr><th scope="row"><bdi>{clean(row.category)}</bdi></th><td class="rate">{_rate(row, highest)}</td>'
        f'<td class="count">{row.erroneous:,} <span class="small">of {row.annotations:,}</span></td></tr>'
        for row in rows
    )
    head = table_head("category", "error rate, 95% interval", "at fault")
    told = "Sorted by where the bar begins: the error rate is hardly lower than that. Few labels make a long bar."
    table = f'<div class="scroll"><table class="worst">{head}<tbody>{cells}</tbody></table></div>'
    return f'<section><h2>Worst categories</h2><p class="small">{told}</p>{table}</section>'


def _rate(row: CategoryRow, highest: float) -> str:
    """Return the rate and its interval, drawn and in numbers; all bars of a table have one scale."""
    low, high = row.interval
    start, end, at = (_BAR * value / highest for value in (low, high, row.label_error_rate))
    bar = (
        f'<svg class="interval" viewBox="0 0 {_BAR} 12" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="axis" d="M0 6H{_BAR}"/><rect x="{start:.1f}" y="3" width="{max(1.5, end - start):.1f}" height="6" rx="3"/>'
        f'<path class="rate" d="M{at:.1f} 0V12"/></svg>'
    )
    return f"{bar}<b>{share(row.label_error_rate)}</b> <span>{share(low)} to {share(high)}</span>"


def _checks(rows: Sequence[CheckRow]) -> str:
    found = [row for row in rows if row.count]
    cells = "".join(
        f'<tr><td><span class="badge {row.severity}">{row.severity}</span></td><th scope="row">{clean(row.id)}</th><td>{row.count:,}</td>'
        f"<td>{sentence(row.meaning)} <i>{sentence(row.fix)}</i></td></tr>"
        for row in found
    )
    head = table_head("severity", "check", "findings", "what it means, <i>what to do</i>")
    table = f'<div class="scroll"><table class="checks">{head}<tbody>{cells}</tbody></table></div>'
    passed = _passed([clean(row.id) for row in rows if not row.count and not row.unable])
    return f"<section><h2>Checks</h2>{table if found else '<p>No check found anything.</p>'}{passed}{_unable(rows)}</section>"


def _passed(ids: Sequence[str]) -> str:
    if not ids:
        return ""
    summary = f"{_checks_in_words(len(ids))} looked and found nothing"
    return f'<details><summary>{summary}</summary><p class="ids">{", ".join(ids)}</p></details>'


def _unable(rows: Sequence[CheckRow]) -> str:
    """Return which checks had nothing to go by, by why."""
    by_reason: dict[str, list[str]] = {}
    for row in rows:
        if row.unable:
            by_reason.setdefault(row.unable, []).append(clean(row.id))
    if not by_reason:
        return ""
    lines = "".join(f"<dt>{clean(reason)}</dt><dd>{', '.join(ids)}</dd>" for reason, ids in by_reason.items())
    summary = f"{_checks_in_words(sum(map(len, by_reason.values())))} could not look: that is no clean bill"
    return f'<details class="unable"><summary>{summary}</summary><dl class="ids">{lines}</dl></details>'


def _checks_in_words(count: int) -> str:
    return f"{count:,} {'check' if count == 1 else 'checks'}"


def table_head(*names: str) -> str:
    return "<thead><tr>" + "".join(f'<th scope="col">{name}</th>' for name in names) + "</tr></thead>"


def sentence(text: str) -> str:
    """Return a check's meaning or fix, in which names stand in backticks."""
    return _NAME.sub(r"<code>\1</code>", clean(text))


def _gallery(page: Page) -> str:
    if not page.findings:
        unable = sum(bool(row.unable) for row in page.checks)
        but = f" {unable:,} of {_checks_in_words(len(page.checks))} could not look, though." if unable else ""
        clear = f'<p class="clear">Nothing was found: there is nothing to look at.{but}</p>'
        return f'<section id="gallery" tabindex="-1"><h2>Findings</h2>{clear}</section>'
    return """<section id="gallery" tabindex="-1" aria-labelledby="findings-title">
<h2 id="findings-title">Findings, worst first</h2>
<noscript><p class="notice">The gallery needs JavaScript; the numbers above do not.</p></noscript>
<form class="filters" id="filters" hidden>
<label>Check <select id="check"></select></label>
<label>Category <select id="category"></select></label>
<label>Severity <select id="severity"></select></label>
<label class="search">Text <input id="text" type="search" placeholder="file, message, category" autocomplete="off"></label>
<label class="tick"><input id="pictured" type="checkbox"> with picture</label>
<label class="tick"><input id="others" type="checkbox"> other labels</label>
<button type="reset">Clear</button>
</form>
<p class="legend" id="legend"></p>
<p id="status" role="status" aria-live="polite"></p>
<nav class="pages" id="pages-top" aria-label="Pages of findings" hidden></nav>
<div class="cards" id="cards"></div>
<nav class="pages" id="pages-bottom" aria-label="Pages of findings, below" hidden></nav>
<dialog id="closer" aria-labelledby="closer-title"></dialog>
</section>"""
