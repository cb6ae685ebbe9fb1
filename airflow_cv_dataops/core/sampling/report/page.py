"""The page around the pictures: what was chosen from what and how, what to know first, what was left out, the batch against its pool."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from airflow_cv_dataops.core.report.document import html_document, resource
from airflow_cv_dataops.core.report.entries import json_bytes
from airflow_cv_dataops.core.report.page import Tile, table_head, tile_html
from airflow_cv_dataops.core.report.plots import clean, cut
from airflow_cv_dataops.core.sampling.report.cards import Card, card_html
from airflow_cv_dataops.core.sampling.report.compared import compared_html
from airflow_cv_dataops.core.sampling.report.values import BatchImage, SampleReport
from airflow_cv_dataops.core.wording import counted, printable

_MOST_NOTES = 30
_MOST_REASONS = 30
_MOST_TILES = 12
_MOST_DISTRIBUTIONS = 8
_LONGEST_NOTE = 600
_LONGEST_NAME = 60
_GROUPS = ' data-category="{}" data-strategy="{}"'
_NO_CATEGORY = "(no category)"


def sample_page(report: SampleReport, cards: Sequence[Card]) -> bytes:
    """Return the whole file. :param cards: of the images that are shown, in their order."""
    name = clean(cut(report.dataset, _LONGEST_NAME))
    title = f"Sample {report.sample_id} of {report.dataset}, {report.partition_key}"
    compared = "".join(map(compared_html, report.distributions[:_MOST_DISTRIBUTIONS]))
    body = f"""<a class="skip" href="#gallery">Skip to the pictures</a>
<header>
<h1>Sample of <bdi>{name}</bdi>, to be labelled</h1>
<p class="where">Sample <b><bdi>{clean(cut(report.sample_id, 120))}</bdi></b> · partition <b><bdi>{clean(report.partition_key)}</bdi></b> \
· seed <b>{report.seed}</b></p>
</header>
<main>
<section aria-label="What was chosen">
{_chosen(report)}{_notes(report)}
<dl class="tiles">{"".join(map(tile_html, _tiles(report)))}</dl>
</section>
{_figures(_left_out(report), compared)}
{_gallery(report, cards)}
</main>"""
    style = [resource("airflow_cv_dataops.core.report", "page.css"), resource(__package__, "sample.css")]
    script = resource("airflow_cv_dataops.core.report", "gallery.js") + resource(__package__, "sample.js")
    return html_document(title, body, style=style, script=script, data=_groups(cards))


def card_bytes(card: Card, *, pictured: bool) -> int:
    """Return at most how many bytes of the page a card takes, its picture's own bytes apart. :param pictured: with what lies over one."""
    names = json_bytes([_category(card.chosen), _strategy(card.chosen)])
    if pictured and card.image is not None:
        # What stands around a picture and over it is more than what stands in its place.
        card = replace(card, image=replace(card.image, values={**card.image.values, "picture": {"type": "", "data": ""}}))
    return len(card_html(card, groups=_GROUPS.format(10**4, 10**4), with_partition=True).encode()) + names


def _chosen(report: SampleReport) -> str:
    """Return in a sentence what was chosen, from how many, and how."""
    count = len(report.images)
    of = f" of {counted(report.candidates, 'image')} that could be chosen" if report.candidates is not None else ""
    how_many = "Nothing" if not count else f"{count:,}" if of else counted(count, "image")
    what = (
        f"<b>{how_many}</b>{of} {'were' if count > 1 else 'was'} chosen"
        if count or report.candidates != 0
        else "<b>Nothing</b> could be chosen"
    )
    by = f" by <bdi><b>{clean(cut(report.strategy, 300))}</b></bdi>"
    model = f", from what <bdi><b>{clean(cut(report.model, 120))}</b></bdi> predicts" if report.model is not None else ", without a model"
    budget = f" Budget: <bdi>{clean(cut(report.budget, 200))}</bdi>." if report.budget else ""
    return f'<p class="chosen">{what}{by}{model}.{budget}</p>'


def _notes(report: SampleReport) -> str:
    gain = (
        f'<p class="notice gain"><b>Expected of these labels:</b> {clean(cut(report.expected_gain, _LONGEST_NOTE))}</p>'
        if report.expected_gain
        else ""
    )
    if not report.notes:
        return gain
    lines = [clean(cut(note, _LONGEST_NOTE)) for note in report.notes[:_MOST_NOTES]]
    if (more := len(report.notes) - _MOST_NOTES) > 0:
        lines.append(f"and {more:,} more")
    items = "".join(f'<li class="free">{line}</li>' for line in lines)
    return f'<div class="notice unjudged" role="note"><b>Before it is sent</b><ul>{items}</ul></div>{gain}'


def _tiles(report: SampleReport) -> Iterator[Tile]:
    images = report.images
    of = f"of {report.candidates:,} candidates" if report.candidates is not None else ""
    yield Tile("Images chosen", f"{len(images):,}", of, "main")
    if report.left_out:
        yield Tile("Left out", f"{sum(row.images for row in report.left_out):,}", "why: below")
    scores = [image.score for image in images if math.isfinite(image.score)]
    if scores:
        yield Tile("Highest score", f"{max(scores):.3f}", f"lowest {min(scores):.3f}")
    if categories := [image.category for image in images if image.category is not None]:
        of_boxes = any(image.boxes for image in images)
        yield Tile(
            "Categories of the most uncertain boxes" if of_boxes else "Predicted categories",
            f"{len(set(categories)):,}",
            _most_common(categories),
        )
    if len(strategies := Counter(image.strategy for image in images)) > 1:
        yield Tile("Strategies", f"{len(strategies):,}", _most_common(list(strategies.elements())))
    boxes = sum(len(image.boxes) for image in images)
    if boxes:
        yield Tile("Predicted boxes", f"{boxes:,}", f"{boxes / len(images):.3g} an image")
    for label, value in list(report.numbers.items())[:_MOST_TILES]:
        yield Tile(cut(label, _LONGEST_NAME), cut(value, 40), style="info")


def _most_common(values: Sequence[str]) -> str:
    """Return the most frequent value and its count, in words; of several the first by name."""
    name, count = min(Counter(values).items(), key=lambda pair: (-pair[1], pair[0]))
    return f"most often {printable(cut(name, 40))}: {count:,}"


def _left_out(report: SampleReport) -> str:
    """Return why images are not in the batch, those of most images first."""
    if not report.left_out:
        return ""
    rows = sorted(report.left_out, key=lambda row: (-row.images, row.reason, row.note))
    lines = "".join(
        f'<tr><td class="count">{row.images:,}</td><th scope="row" class="free">{clean(cut(row.reason, 300))}'
        + (f'<span class="small free">{clean(cut(row.note, 300))}</span>' if row.note else "")
        + "</th></tr>"
        for row in rows[:_MOST_REASONS]
    )
    if more := rows[_MOST_REASONS:]:
        lines += f'<tr><td class="count">{sum(row.images for row in more):,}</td><th scope="row">for {len(more):,} more reasons</th></tr>'
    table = f'<table class="reasons-out">{table_head("images", "why")}<tbody>{lines}</tbody></table>'
    return f"<figure><figcaption>Left out, and why</figcaption>{table}</figure>"


def _figures(left_out: str, compared: str) -> str:
    if not left_out + compared:
        return ""
    title = "What was left out, and the batch against its pool" if left_out and compared else "What was left out"
    title = title if left_out else "The batch against its pool"
    told = '<p class="small">The pool is what could be chosen. “As in the pool”: the difference is less than one image.</p>'
    return f'<section><h2>{title}</h2>{told if compared else ""}<div class="columns">{left_out}{compared}</div></section>'


def _gallery(report: SampleReport, cards: Sequence[Card]) -> str:
    if not report.images:
        why = "Why stands above." if report.left_out or report.notes else "No reason was recorded."
        clear = f'<p class="notice unjudged">Nothing was chosen: there is nothing to send. {why}</p>'
        return f'<section id="gallery" tabindex="-1"><h2>The batch</h2>{clear}</section>'
    names = _groups(cards)
    place = {name: {value: number for number, value in enumerate(values)} for name, values in names.items()}
    several = len({card.chosen.partition_key for card in cards}) > 1
    html = "".join(card_html(card, groups=_group_attributes(card.chosen, place), with_partition=several) for card in cards)
    keys = '<span class="key suggested">predicted</span><span class="key given">most uncertain of the image</span>'
    has_boxes = any(card.chosen.boxes for card in cards)
    toggle = '<label class="tick"><input id="boxes" type="checkbox" checked> boxes</label>' if has_boxes else ""
    return f"""<section id="gallery" tabindex="-1" aria-labelledby="gallery-title">
<h2 id="gallery-title">The batch, by rank</h2>
<form class="filters" id="filters" hidden>
<label>Category <select id="category"></select></label>
<label>Strategy <select id="strategy"></select></label>
<label class="search">Text <input id="text" type="search" placeholder="file, reason, category" autocomplete="off"></label>
{toggle}
<button type="reset">Clear</button>
</form>
<p class="legend">{keys if has_boxes else ""}</p>
<p id="status" role="status" aria-live="polite">{_shown(report, cards)}</p>
<div class="cards" id="cards">{html}</div>
<dialog id="closer" aria-labelledby="closer-title"></dialog>
</section>"""


def _groups(cards: Sequence[Card]) -> dict[str, list[str]]:
    """Return the names that one can filter by; a card names them by their places."""
    chosen = [card.chosen for card in cards]
    return {
        "category": sorted({_category(image) for image in chosen}),
        "strategy": sorted({_strategy(image) for image in chosen}),
    }


def _group_attributes(chosen: BatchImage, place: dict[str, dict[str, int]]) -> str:
    return _GROUPS.format(place["category"][_category(chosen)], place["strategy"][_strategy(chosen)])


def _category(chosen: BatchImage) -> str:
    return _NO_CATEGORY if chosen.category is None else cut(chosen.category, _LONGEST_NAME)


def _strategy(chosen: BatchImage) -> str:
    return cut(chosen.strategy, _LONGEST_NAME)


def _shown(report: SampleReport, cards: Sequence[Card]) -> str:
    if len(cards) == len(report.images):
        return f"Showing {'the' if len(cards) == 1 else 'all'} {counted(len(cards), 'image')}."
    return f"Showing the first {len(cards):,} of {len(report.images):,} images; the table “samples” has all."
