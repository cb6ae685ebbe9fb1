"""The page around the pictures: both releases, counts, splits, category shares and metrics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.diff.release_diff import ReleaseDiff
from airflow_cv_dataops.core.diff.showcase import KINDS
from airflow_cv_dataops.core.report.document import html_document, resource
from airflow_cv_dataops.core.report.page import Tile, table_head, tile_html
from airflow_cv_dataops.core.report.plots import clean, cut

if TYPE_CHECKING:
    from airflow_cv_dataops.core.release.reader import Release

_MOST_CATEGORIES = 16
_MOST_SPLITS = 12
_MOST_METRICS = 40
_WIDTH, _LEFT, _ROW, _BAR = 440, 118, 40, 13
_LONGEST_LABEL = 15
_IMAGES_IN_WORDS = (
    ("relabelled", "with labels that changed"),
    ("added", "added"),
    ("removed", "removed"),
    ("moved", "moved to another split"),
)


def diff_page(diff: ReleaseDiff, cards: Sequence[str]) -> bytes:
    """Return the whole file. :param cards: HTML, one an image."""
    name = diff.after.dataset.name
    title = f"Changes of {name}, {diff.before.name if diff.before else 'nothing'} to {diff.after.name}"
    figures = "".join((_categories(diff), _splits(diff), _metrics(diff)))
    body = f"""<a class="skip" href="#gallery">Skip to the pictures</a>
<header>
<h1>Changes of <bdi>{clean(name)}</bdi></h1>
<p class="where">From {_release(diff.before, "given-text")} to {_release(diff.after, "suggested-text")}</p>
</header>
<main>
<section aria-label="Numbers"><dl class="tiles">{"".join(map(tile_html, _tiles(diff)))}</dl>{_notice(diff)}</section>
<section class="figures" aria-label="Shares">{figures}</section>
{_gallery(diff, cards)}
</main>"""
    style = [resource("airflow_cv_dataops.core.report", "page.css"), resource(__package__, "diff.css")]
    script = resource("airflow_cv_dataops.core.report", "gallery.js") + resource(__package__, "diff.js")
    return html_document(title, body, style=style, script=script, data={"kinds": list(KINDS)})


def _release(release: Release | None, style: str) -> str:
    if release is None:
        return f'<b class="{style}">nothing</b> (there is no release before)'
    made = f"{release.created_at:%Y-%m-%d %H:%M} UTC"
    return f'<b class="{style}">{clean(release.name)}</b> (<bdi>{clean(cut(release.stage, 60))}</bdi>, {made})'


def _notice(diff: ReleaseDiff) -> str:
    if diff.before is None:
        return '<p class="notice">There is no release to compare with: everything is new.</p>'
    if diff.is_empty:
        return '<p class="notice">Nothing changed: both releases hold the same images, splits and labels.</p>'
    return ""


def _tiles(diff: ReleaseDiff) -> Iterator[Tile]:
    images, labels = diff.counts["images"], diff.counts["labels"]
    apart = diff.counts["labels_of_images"]
    touched = labels["changed"] + labels["added"] + labels["removed"]
    of_both = labels["unchanged"] + labels["changed"] + labels["removed"]
    share = f"{(labels['changed'] + labels['removed']) / of_both:.2%} of {of_both:,}" if of_both else "none"
    yield Tile("Labels that differ", f"{touched:,}", f"{share} before, of images that both have, are changed or gone", "main")
    yield Tile("Images", _step(images["before"], images["after"]), f"labels of {images['relabelled']:,} changed", "main")
    yield Tile("Labels", _step(labels["before"], labels["after"]), _apart(apart["added"], apart["removed"]), "main")
    yield Tile("Images added", f"{images['added']:,}", style="good")
    yield Tile("Images removed", f"{images['removed']:,}", style="error")
    yield Tile("To another split", f"{images['moved']:,}", style="info")
    yield Tile("Labels added", f"{labels['added']:,}", style="good")
    yield Tile("Labels removed", f"{labels['removed']:,}", style="error")
    for change in ("recategorised", "moved", "reshaped", "edited"):
        yield Tile(change, f"{labels[change]:,}", style="info")
    stated = diff.counts["stated_empty"]
    if any(stated.values()):
        yield Tile("Stated empty", f"+{stated['added']:,} −{stated['removed']:,}", style="info")


def _step(before: int, after: int) -> str:
    return f"{before:,} → {after:,}"


def _apart(added: int, removed: int) -> str:
    words = [f"{count:,} of images {change}" for count, change in ((added, "added"), (removed, "removed")) if count]
    return ", ".join(words) or "none of images added or removed"


def _categories(diff: ReleaseDiff) -> str:
    """Draw the shares of categories in both releases, one bar below the other, the biggest change first."""
    rows = diff.categories.slice(0, _MOST_CATEGORIES).to_pylist()
    if not rows:
        return ""
    shares = [[row[f"share_{side}"] or 0.0 for side in ("before", "after")] for row in rows]
    highest, room = max(max(pair) for pair in shares), _WIDTH - _LEFT - 146
    parts = []
    for number, (row, pair) in enumerate(zip(rows, shares, strict=True)):
        y = number * _ROW
        name = "(none)" if row["category"] is None else row["category"]
        parts.append(f'<text class="label" x="{_LEFT - 10}" y="{y + 22}">{clean(_short(name))}<title>{clean(cut(name))}</title></text>')
        for place, (side, share) in enumerate(zip(("before", "after"), pair, strict=True)):
            top, length = y + 4 + place * (_BAR + 2), max(1.5 if row[side] else 0.0, room * share / highest)
            parts.append(f'<rect class="{side}" x="{_LEFT}" y="{top}" width="{length:.1f}" height="{_BAR}" rx="2"/>')
            change = f" ({_points(pair[1] - pair[0])})" if place else ""
            parts.append(f'<text x="{_LEFT + length + 6:.1f}" y="{top + 11}">{share:.1%} · {row[side]:,}{change}</text>')
    more = f": {len(rows)} of {diff.categories.num_rows:,}" if diff.categories.num_rows > len(rows) else ""
    told = [f"{cut(row['category'] or '(none)', 60)} {old:.1%}, {new:.1%}" for row, (old, new) in zip(rows, shares, strict=True)]
    size = f'viewBox="0 0 {_WIDTH} {len(rows) * _ROW}"'
    return (
        f'<figure class="wide"><figcaption>Share of the labels by category{more}</figcaption>'
        f'<p class="legend">{_key("given", "before")}{_key("suggested", "after")}</p>'
        f'<svg class="plot shares" {size} role="img" aria-label="{clean("; ".join(told))}">{"".join(parts)}</svg></figure>'
    )


def _points(change: float) -> str:
    return "±0.0" if round(100 * change, 1) == 0 else f"{100 * change:+.1f}".replace("-", "−")


def _splits(diff: ReleaseDiff) -> str:
    """Return the images by split before (down) and after (across)."""
    names = sorted({name for pair in diff.moves for name in pair if name is not None})
    shown: list[str | None] = [*names[:_MOST_SPLITS], None]
    left_out = sum(count for (before, after), count in diff.moves.items() if before not in shown or after not in shown)
    head = table_head("before ↓ after →", *(f"<bdi>{clean(cut(name, 30))}</bdi>" if name else "removed" for name in shown))
    lines = []
    for before in shown:
        cells = "".join(_cell(before, after, diff.moves.get((before, after), 0)) for after in shown)
        title = f"<bdi>{clean(cut(before, 30))}</bdi>" if before else "added"
        lines.append(f'<tr><th scope="row">{title}</th>{cells}</tr>')
    note = f'<p class="small">{left_out:,} more images of {len(names) - _MOST_SPLITS:,} more splits.</p>' if left_out else ""
    return (
        "<figure><figcaption>Images by split</figcaption>"
        f'<div class="scroll"><table class="matrix">{head}<tbody>{"".join(lines)}</tbody></table></div>{note}</figure>'
    )


def _cell(before: str | None, after: str | None, count: int) -> str:
    if before is None and after is None:
        return "<td></td>"
    style = "same" if before == after else "hit" if count else "none"
    return f'<td class="{style}">{count:,}</td>'


def _metrics(diff: ReleaseDiff) -> str:
    if not diff.metrics:
        return ""
    rows = "".join(
        f'<tr><th scope="row"><bdi>{clean(name)}</bdi></th><td>{before:,.6g}</td><td>{after:,.6g}</td>'
        f"<td>{_signed(after - before)}</td></tr>"
        for name, (before, after) in list(diff.metrics.items())[:_MOST_METRICS]
    )
    more = f": {_MOST_METRICS} of {len(diff.metrics):,}" if len(diff.metrics) > _MOST_METRICS else ""
    head = table_head("metric", "before", "after", "change")
    return (
        f'<figure class="wide"><figcaption>Metrics that differ{more}</figcaption><div class="scroll"><table class="matrix">{head}'
        f"<tbody>{rows}</tbody></table></div></figure>"
    )


def _signed(change: float) -> str:
    return f"{change:+,.4g}".replace("-", "−")


def _gallery(diff: ReleaseDiff, cards: Sequence[str]) -> str:
    if not cards:
        words = "Nothing changed that could be shown." if diff.is_empty else "This report was written without pictures."
        return f'<section id="gallery" tabindex="-1"><h2>What changed</h2><p class="clear">{words}</p></section>'
    return f"""<section id="gallery" tabindex="-1" aria-labelledby="gallery-title">
<h2 id="gallery-title">What changed, most first</h2>
<form class="filters" id="filters" hidden>
<label>Change <select id="kind"></select></label>
<button type="reset">Clear</button>
</form>
<p class="legend">{_key("given", "before")}{_key("suggested", "after")}</p>
<p id="status" role="status" aria-live="polite">{_shown(diff, len(cards))}</p>
<div class="cards" id="cards">{"".join(cards)}</div>
<dialog id="closer" aria-labelledby="closer-title"></dialog>
</section>"""


def _shown(diff: ReleaseDiff, cards: int) -> str:
    images = diff.counts["images"]
    numbers = [(images[name], words) for name, words in _IMAGES_IN_WORDS]
    of_all = ", ".join(f"{count:,} {words}" for count, words in numbers if count)
    return f"Showing {cards:,} images, of every kind of change first those with most of it. In all: {of_all}."


def _key(style: str, words: str) -> str:
    return f'<span class="key {style}">{words}</span>'


def _short(label: str) -> str:
    """Cut in the middle: long names often differ at their ends."""
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 9]}…{label[-8:]}"
