"""The page of a review: the verdict, rates and errors per image, what more labels would bring, the model's mistakes as pictures."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

from airflow_cv_dataops.core.intervals import Interval
from airflow_cv_dataops.core.report.document import html_document, resource
from airflow_cv_dataops.core.report.entries import Gallery
from airflow_cv_dataops.core.report.limits import ReportLimits
from airflow_cv_dataops.core.report.location import has_place, report_path, report_uri
from airflow_cv_dataops.core.report.page import Tile, table_head, tile_html
from airflow_cv_dataops.core.report.pictures import add_pictures
from airflow_cv_dataops.core.report.plots import clean, cut
from airflow_cv_dataops.core.sampling.learning_curve import LearningCurve
from airflow_cv_dataops.core.sampling.review.curve_chart import curve_chart
from airflow_cv_dataops.core.sampling.review.mistakes import Mistake, mistakes
from airflow_cv_dataops.core.sampling.review.mistakes_html import mistake_cards
from airflow_cv_dataops.core.sampling.review.outcome import (
    FEWER,
    MORE,
    NO_DIFFERENCE,
    NOT_JUDGED,
    Comparison,
    Group,
    percent,
    points,
    signed,
)
from airflow_cv_dataops.core.sampling.review.reading import ReviewSources
from airflow_cv_dataops.core.sampling.review.verdicts import Verdicts
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.wording import readable

log = logging.getLogger(__name__)

_BAR = 240
_BADGES = {
    MORE: ("found", "more errors than at random"),
    FEWER: ("missed", "fewer errors than at random"),
    NO_DIFFERENCE: ("level", "no difference shown"),
    NOT_JUDGED: ("unknown", "not judged"),
}


@dataclass(frozen=True)
class Review:
    """What was found.

    :param groups: the strategies', then the one that they are compared with. :param said: the verdicts as sentences.
    :param curve: ``None``: no evaluations were given. :param next_labels: for how many more labels the gain is told.
    """

    dataset: str
    partition_key: str
    sample_id: str
    model: str | None
    comparisons: tuple[Comparison, ...]
    groups: tuple[Group, ...]
    said: Sequence[str]
    curve: LearningCurve | None
    next_labels: int
    min_answered: int


def write_review_report(
    dataset: Dataset, review: Review, sources: ReviewSources, verdicts: Verdicts, *, min_score: float, limits: ReportLimits
) -> str | None:
    """Write one self-contained HTML page below the dataset's ``reports/`` and return its URI, without credentials.

    Equal input makes equal bytes and so the same name; an older page is never overwritten. ``None`` where the catalog names no place.
    """
    if not has_place(dataset):
        return None
    shown = mistakes(dataset, review.partition_key, sources, verdicts, min_score=min_score, most=limits.max_pictures)
    empty = review_page(review, shown)
    gallery = Gallery([], [mistake.image for mistake in shown])
    add_pictures(dataset, gallery, most_pictures=limits.max_pictures, most_bytes=limits.max_bytes - len(empty))
    page = review_page(review, shown)
    path = report_path(f"sampling_review_{review.sample_id}", review.partition_key, page)
    store = dataset.objects()
    if store.size(path) != len(page):
        store.write(path, page)
    uri = report_uri(dataset, path)
    log.info(
        "Review of sample %s with %d of the model's mistakes, %.1f MB: %s", review.sample_id, len(shown), len(page) / 1e6, readable(uri)
    )
    return uri


def review_page(review: Review, shown: Sequence[Mistake]) -> bytes:
    """Return the whole file."""
    model = f" · model <b><bdi>{clean(cut(review.model))}</bdi></b>" if review.model else ""
    body = f"""<a class="skip" href="#mistakes">Skip to what the model got wrong</a>
<header>
<h1>Did the sample help? <bdi>{clean(review.sample_id)}</bdi> of <bdi>{clean(review.dataset)}</bdi></h1>
<p class="where">Partition <b><bdi>{clean(cut(review.partition_key))}</bdi></b>{model}</p>
</header>
<main>
{_verdicts(review)}
{_rates(review)}
{_gain(review)}
{_mistakes(review, shown)}
</main>"""
    style = [resource("airflow_cv_dataops.core.report", "page.css"), resource(__package__, "review.css")]
    return html_document(f"Review of {review.sample_id}, {cut(review.partition_key)}", body, style=style, script="", data={})


def _verdicts(review: Review) -> str:
    tiles = "".join(tile_html(tile) for comparison in review.comparisons for tile in [_tile(comparison)])
    tiles = f'<dl class="tiles">{tiles}</dl>' if tiles else ""
    told = "".join(f'<p class="said" dir="auto">{clean(sentence)}</p>' for sentence in review.said)
    return f'<section aria-label="Verdict">{tiles}{told}</section>'


def _tile(comparison: Comparison) -> Tile:
    style, words = _BADGES[comparison.outcome]
    difference = comparison.deciding
    if not difference.is_known:
        return Tile(comparison.group.name, "not judged", comparison.why_not_judged, style)
    ratio, as_many, told, unit = comparison.ratio, "times as often wrong as at random", points, "points"
    if comparison.is_of_detector:
        ratio, as_many, told, unit = comparison.errors_ratio, "times as many errors an image as at random", signed, "an image"
    interval = f"95% interval {told(difference.low)} to {told(difference.high)}"
    times = f"{ratio:.1f} {as_many}; " if ratio == ratio else ""
    return Tile(f"{comparison.group.name}: {words}", f"{told(difference.expected)} {unit}", f"{times}{interval}", style)


def _rates(review: Review) -> str:
    if not review.groups:
        return ""
    with_errors = any(group.errors for group in review.groups)
    highest = max([group.wrong_rate.high for group in review.groups if group.is_judged], default=1.0)
    most = max([group.errors_per_image.high for group in review.groups if group.errors_per_image.is_known], default=1.0)
    baseline = review.comparisons[0].baseline if review.comparisons else None
    rows = "".join(_row(group, highest, most, baseline, with_errors) for group in review.groups)
    counts = ("wrong", "judged", "unanswered", "unclear", "not predicted")
    errors = ("errors an image, 95% interval",) if with_errors else ()
    head = table_head("chosen by", *errors, "model wrong, 95% interval", *counts)
    line = " The upright line is what was drawn at random." if baseline is not None and baseline.is_judged else ""
    counted, kind = ("Errors per judged image, which decide, and wrong", " detector") if with_errors else ("Wrong", "")
    told = (
        f"{counted} of judged images. An image without a label is unanswered, never right.{line} "
        f"With fewer than {review.min_answered:,} judged images there is no rate."
    )
    return (
        f'<section><h2>How often the model was wrong</h2><p class="small">{told}</p><div class="scroll"><table class="rates{kind}">{head}'
        f"<tbody>{rows}</tbody></table></div></section>"
    )


def _row(group: Group, highest: float, most: float, baseline: Group | None, with_errors: bool) -> str:
    numbers = (group.wrong, group.judged, group.unanswered, group.unclear, group.without_prediction)
    counts = "".join(f'<td class="number">{count:,}</td>' for count in numbers)
    errors = ""
    if with_errors:
        found = group.errors_per_image
        kinds = ", ".join(f"{value:.2f} {kind.replace('_', ' ')}" for kind, value in group.errors.items()) if group.is_judged else ""
        told = f"<b>{found.expected:.2f}</b> <span>{found.low:.2f} to {found.high:.2f}</span>"
        at_random = None if baseline is None else baseline.errors_per_image.expected
        errors = f'<td class="rate">{_bar(found, most, at_random, told)}<span class="small kinds">{kinds}</span></td>'
    style = ' class="baseline"' if baseline is not None and group is baseline else ""
    rate = group.wrong_rate
    told = f"<b>{percent(rate.expected)}%</b> <span>{percent(rate.low)} to {percent(rate.high)}%</span>" if rate.is_known else ""
    wrong = f'<td class="rate">{_bar(rate, highest, None if baseline is None else baseline.wrong_rate.expected, told)}</td>'
    return f'<tr{style}><th scope="row"><bdi>{clean(group.name)}</bdi></th>{errors}{wrong}{counts}</tr>'


def _bar(found: Interval, highest: float, at_random: float | None, told: str) -> str:
    """Return an interval as a bar, and in words. :param at_random: where the upright line is; NaN and ``None``: nowhere."""
    if not found.is_known:
        return '<span class="small">too few judged</span>'
    scale = _BAR / (highest or 1)
    start, end, at = (scale * value for value in (found.low, found.high, found.expected))
    other = "" if at_random is None or math.isnan(at_random) else f'<path class="random" d="M{scale * at_random:.1f} -6V18"/>'
    return (
        f'<svg class="interval" viewBox="0 0 {_BAR} 12" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="axis" d="M0 6H{_BAR}"/>{other}'
        f'<rect x="{start:.1f}" y="2" width="{max(1.5, end - start):.1f}" height="8" rx="4"/><path class="rate" d="M{at:.1f} -1V13"/></svg>'
        f"{told}"
    )


def _gain(review: Review) -> str:
    if review.curve is None:
        return ""
    told = f'<p class="said">{clean(review.curve.in_words(review.next_labels))}</p>'
    chart = curve_chart(review.curve, review.next_labels)
    note = (
        '<p class="small">A power law through the evaluations that were given; the band holds 95% of the curves that they allow. More '
        "labels of the same kind are meant: a sample that is chosen well may do better than that.</p>"
        if chart
        else ""
    )
    return f'<section><h2>What more labels would bring</h2>{told}<div class="figures">{chart}</div>{note}</section>'


def _mistakes(review: Review, shown: Sequence[Mistake]) -> str:
    wrong = sum(group.wrong for group in review.groups if review.comparisons == () or group is not _other(review))
    if not shown:
        is_judged = any(group.judged for group in review.groups)
        told = "No judged image of the sample shows the model to be wrong." if is_judged else "Nothing was judged."
        return f'<section id="mistakes"><h2>What the model got wrong</h2><p class="clear">{told}</p></section>'
    count = f"{len(shown):,} of {wrong:,}" if len(shown) < wrong else f"{wrong:,}"
    told = f"{count} images of the sample, in the order in which they were chosen."
    return f'<section id="mistakes"><h2>What the model got wrong</h2><p class="small">{told}</p>{mistake_cards(shown)}</section>'


def _other(review: Review) -> Group | None:
    """Return the group of another sample, which is not shown in pictures."""
    baseline = review.comparisons[0].baseline
    return baseline if baseline is not None and baseline.name != "random" else None
