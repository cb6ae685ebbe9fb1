"""A chosen image to what the page shows of it: the picture with the predicted boxes over it, its score, and why it was chosen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from airflow_cv_dataops.core.report.drawing import box_svg, file_html, image_svg, look_html, outlined, without_picture_html
from airflow_cv_dataops.core.report.entries import GalleryImage, box_of
from airflow_cv_dataops.core.report.plots import clean, cut
from airflow_cv_dataops.core.report.views import Box
from airflow_cv_dataops.core.sampling.report.values import BatchImage, PredictedBox
from airflow_cv_dataops.core.store.objects import without_credentials
from airflow_cv_dataops.core.wording import percent, printable

_MOST_BOXES = 200
_MOST_REASONS = 8
_MOST_PROBABILITIES = 5
_LONGEST_REASON = 300
_LONGEST_NAME = 60
_LONGEST_TAG = 24
_TAG = 1 / 21  # of the image's longer side: the height of the words beside a box


@dataclass(frozen=True)
class Card:
    """:param image: with its picture, where there is one; ``None``: ``images`` has no such row."""

    chosen: BatchImage
    image: GalleryImage | None


@dataclass(frozen=True)
class _Drawn:
    """A box that can be drawn. :param style: ``given`` for the most uncertain one, ``suggested`` for the others."""

    predicted: PredictedBox
    box: Box
    style: str


def card_html(card: Card, *, groups: str = "", with_partition: bool = False) -> str:
    """Return the card. Everything from outside is escaped.

    :param groups: attributes by which the script filters. :param with_partition: whether to name the image's partition.
    """
    chosen = card.chosen
    boxes = _drawn(chosen.boxes)
    partition = f'<p class="small">partition <bdi>{clean(cut(chosen.partition_key, _LONGEST_NAME))}</bdi></p>' if with_partition else ""
    return (
        f'<article class="card"{groups}>{_look(card, boxes)}<div class="about">{_head(chosen)}{_reasons(chosen)}{_told(chosen, boxes)}'
        f"{_probabilities(chosen.probabilities)}{_file(card)}{partition}</div></article>"
    )


def _drawn(boxes: Sequence[PredictedBox]) -> list[_Drawn]:
    """Return the boxes that can be drawn, at most 200 and of more the most uncertain, the most uncertain one last, on top of the others."""
    found = [(predicted, box) for predicted in boxes if (box := box_of(predicted.bbox))]
    found.sort(key=lambda pair: (_uncertain(pair[0].score), pair[1], pair[0].category or ""))
    found = found[-_MOST_BOXES:]
    marked = len(found) - 1 if found and _uncertain(found[-1][0].score) >= 0 else None
    return [_Drawn(*pair, "given" if place == marked else "suggested") for place, pair in enumerate(found)]


def _uncertain(score: float) -> float:
    """Return how uncertain a box is, 0 to 1: a confidence of 0.5 is as uncertain as can be; -1 where the score is no confidence."""
    return 1 - abs(2 * score - 1) if 0 <= score <= 1 else -1.0


def _look(card: Card, boxes: Sequence[_Drawn]) -> str:
    image = card.image
    picture = None if image is None else image.values.get("picture")
    if image is None or picture is None:
        return without_picture_html(image)
    whole = (0, 0, image.width, image.height)
    shapes = [(drawn.style, box_svg(drawn.box, image.width)) for drawn in boxes]
    spoken = clean(cut(f"image {card.chosen.rank}, {'; '.join(card.chosen.reasons)}", 400))
    return look_html(spoken, whole, (image_svg(picture, whole, whole), *outlined(shapes), *_tags(boxes, image)))


def _tags(boxes: Sequence[_Drawn], image: GalleryImage) -> Iterator[str]:
    """Yield category and confidence above each box; the style sheet shows those of the others only in the closer look."""
    size = max(image.width, image.height) * _TAG
    for drawn in boxes:
        left, top = min(drawn.box[0], drawn.box[0] + drawn.box[2]), min(drawn.box[1], drawn.box[1] + drawn.box[3])
        y = top - size / 4 if top > 1.2 * size else top + size  # above the box, or inside at the image's upper edge
        is_right = left > 0.75 * image.width
        x = min(left + abs(drawn.box[2]), image.width) if is_right else max(left, 0)
        anchor = ' text-anchor="end"' if is_right else ""
        yield (
            f'<text class="tag {drawn.style}" x="{x:g}" y="{y:g}"{anchor} font-size="{size:g}" stroke-width="{size / 6:g}">'
            f"{_box_in_words(drawn.predicted, _LONGEST_TAG)}</text>"
        )


def _box_in_words(predicted: PredictedBox, longest: int) -> str:
    name = "(no category)" if predicted.category is None else printable(cut(predicted.category, longest))
    return clean(f"{name} {percent(predicted.score)}" if 0 <= predicted.score <= 1 else name)


def _head(chosen: BatchImage) -> str:
    score = f"score {chosen.score:.3f}" if math.isfinite(chosen.score) else "no score"
    category = ""
    if chosen.category is not None and not chosen.boxes:  # of boxes, the most uncertain one is named below
        name = clean(cut(chosen.category, _LONGEST_NAME))
        category = f'<div class="words"><span class="small">predicted</span> <span class="category-text free">{name}</span></div>'
    return (
        f'<div class="head"><span class="rank">{chosen.rank:,}</span><span class="badge info free">'
        f'{clean(cut(chosen.strategy, _LONGEST_NAME))}</span><span class="score" title="how much the image is worth by its scores; what '
        f'is taken is up to the strategy">{score}</span></div>{category}'
    )


def _reasons(chosen: BatchImage) -> str:
    lines = [clean(cut(reason, _LONGEST_REASON)) for reason in chosen.reasons[:_MOST_REASONS]]
    if (more := len(chosen.reasons) - _MOST_REASONS) > 0:
        lines.append(f"and {more:,} more")
    items = "".join(f'<li class="free">{line}</li>' for line in lines)
    return f'<ul class="reasons">{items}</ul>' if lines else '<p class="small">No reason was given.</p>'


def _told(chosen: BatchImage, boxes: Sequence[_Drawn]) -> str:
    """Return how many boxes there are and which is the most uncertain."""
    if not chosen.boxes:
        return ""
    count = len(chosen.boxes)
    told = f"{count:,} {'box' if count == 1 else 'boxes'}"
    if len(boxes) < count:
        told += f" ({len(boxes):,} drawn)"
    if boxes and boxes[-1].style == "given":
        told += f', most uncertain: <bdi class="given-text">{_box_in_words(boxes[-1].predicted, _LONGEST_NAME)}</bdi>'
    return f'<p class="small">{told}</p>'


def _probabilities(probabilities: Mapping[str, float]) -> str:
    """Return the five largest, as bars of one scale: all of the width is 1."""
    known = [(name, value) for name, value in probabilities.items() if 0 <= value <= 1]
    largest = sorted(known, key=lambda pair: (-pair[1], pair[0]))[:_MOST_PROBABILITIES]
    rows = "".join(
        f'<dt class="free">{clean(cut(name, _LONGEST_NAME))}</dt>'
        '<dd><svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="track" width="100" height="8"/><rect width="{100 * value:.1f}" height="8"/></svg><span>{percent(value)}</span></dd>'
        for name, value in largest
    )
    return f'<dl class="probabilities" aria-label="Probabilities">{rows}</dl>' if rows else ""


def _file(card: Card) -> str:
    image = card.image
    return file_html(cut(without_credentials(card.chosen.source_uri), 1_000) if image is None else image.values["uri"], image)
