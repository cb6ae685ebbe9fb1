"""Sections as one HTML file, in the look of the audit's report. It loads nothing and has no script."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_cv_dataops.core.release.card.blocks import Block, Cell, Code, Mark, Pictures, Plot, Section, Sentence, Table, Tiles, Words
from airflow_cv_dataops.core.release.card.facts import CardFacts
from airflow_cv_dataops.core.release.card.html_pictures import pictures
from airflow_cv_dataops.core.report.document import html_document, resource
from airflow_cv_dataops.core.report.page import Tile, sentence
from airflow_cv_dataops.core.report.plots import bars, clean, histogram

_TALL = 20  # rows or bars: what has more scrolls


def html_card(facts: CardFacts, parts: Sequence[Section]) -> bytes:
    """Return the whole file."""
    links = "".join(f'<li><a href="#{_id(part)}">{clean(part.title)}</a></li>' for part in parts)
    made = f"{facts.created_at:%Y-%m-%d %H:%M} {facts.created_at.tzname() or ''}".strip()
    body = f"""<a class="skip" href="#{_id(parts[0])}">Skip to the card</a>
<header>
<h1>Dataset card of <bdi>{clean(facts.dataset)}</bdi> {clean(facts.release)}</h1>
<p class="where">Stage <b><bdi>{clean(facts.stage)}</bdi></b> · made <b>{clean(made)}</b></p>
<nav aria-label="Sections"><ul class="contents">{links}</ul></nav>
</header>
<main>{"".join(map(_section, parts))}</main>"""
    style = [resource("airflow_cv_dataops.core.report", "page.css"), resource(__package__, "card.css")]
    return html_document(f"{facts.dataset} {facts.release}", body, style=style, script="", data={})


def _id(part: Section) -> str:
    return part.title.lower().replace(" ", "-")


def _section(part: Section) -> str:
    return f'<section id="{_id(part)}"><h2>{clean(part.title)}</h2>{"".join(_grouped(part.blocks))}</section>'


def _grouped(blocks: Sequence[Block]) -> list[str]:
    """Return the blocks, with plots that follow each other side by side."""
    found: list[str] = []
    plots: list[str] = []
    for block in [*blocks, None]:
        if isinstance(block, Plot):
            plots.append(_plot(block))
            continue
        if plots:
            found.append(f'<div class="figures">{"".join(plots)}</div>')
            plots = []
        if block is not None:
            found.append(_block(block))
    return found


def _block(block: Block) -> str:
    if isinstance(block, Words):
        return _words(block)
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Tiles):
        return f'<dl class="tiles">{"".join(map(_tile, block.tiles))}</dl>'
    if isinstance(block, Code):
        return f'<pre class="code" tabindex="0"><code>{_lines(block.text)}</code></pre>'
    return pictures(block) if isinstance(block, Pictures) else ""


def _words(words: Words) -> str:
    if words.is_said:
        return f'<blockquote class="said" dir="auto">{_lines(words.text)}</blockquote>'
    return f'<p class="notice unjudged">{clean(words.text)}</p>' if words.is_notice else f"<p>{clean(words.text)}</p>"


def _lines(text: str) -> str:
    """Return a text with its line breaks, each line cleaned for itself: in a whole one they would be control characters."""
    return "\n".join(clean(line) for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))


def _tile(tile: Tile) -> str:
    note = f'<dd class="note">{clean(tile.note)}</dd>' if tile.note else ""
    return f'<div class="tile {tile.style}"><dt>{clean(tile.label)}</dt><dd>{clean(tile.value)}</dd>{note}</div>'


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col"{_number(table, at)}>{clean(name)}</th>' for at, name in enumerate(table.head))
    shown = f"<thead><tr>{head}</tr></thead>" if any(table.head) else ""
    rows = "".join(f"<tr>{''.join(_cell(cell, at) for at, cell in enumerate(row))}</tr>" for row in table.rows)
    tall = ' tabindex="0"' if len(table.rows) > _TALL else ""
    kind = "facts" if not any(table.head) else "listed"
    return f'<div class="scroll{" tall" if tall else ""}"{tall}><table class="{kind}">{shown}<tbody>{rows}</tbody></table></div>'


def _number(table: Table, at: int) -> str:
    return ' class="number"' if any(isinstance(row[at], int) for row in table.rows) else ""


def _cell(cell: Cell, at: int) -> str:
    if isinstance(cell, int):
        return f'<td class="number">{cell:,}</td>'
    if isinstance(cell, Mark):
        return f'<td><span class="badge {clean(cell.style)}">{clean(cell.text)}</span></td>'
    if isinstance(cell, Sentence):
        return f"<td>{sentence(cell.text)}</td>"
    return f'<th scope="row"><bdi>{clean(cell)}</bdi></th>' if at == 0 else f"<td><bdi>{clean(cell)}</bdi></td>"


def _plot(plot: Plot) -> str:
    drawn = histogram(plot.title, plot.bars, plot.below) if plot.below else bars(plot.title, plot.bars)
    return f'<div class="tall" tabindex="0">{drawn}</div>' if len(plot.bars) > _TALL and not plot.below else drawn
