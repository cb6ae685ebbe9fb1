"""An image that changed to what the page shows of it: the picture with the labels of both releases over it, and what changed in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_cv_dataops.core.diff.showcase import EMPTY_STATED, IMAGE_KINDS, KINDS, Shown
from airflow_cv_dataops.core.report.drawing import box_svg, file_html, image_svg, look_html, numbers, outlined, without_picture_html
from airflow_cv_dataops.core.report.entries import GalleryImage, box_of, outline_of
from airflow_cv_dataops.core.report.plots import clean, cut
from airflow_cv_dataops.core.report.views import Box

_MOST_LINES = 12
_LONGEST_CATEGORY = 60
_STYLE_OF_SIDE = {"before": "given", "after": "suggested"}
_TAG = 1 / 24  # of the view's width: the height of a number
_STYLES = {"image added": "good", "added": "good", "image removed": "error", "removed": "error"}


@dataclass(frozen=True)
class Card:
    """:param image: ``None``: its row is gone from ``images``. :param entry: its ``view``, and its ``crop`` where one was made."""

    shown: Shown
    image: GalleryImage | None
    entry: Mapping[str, Any]


@dataclass(frozen=True)
class Drawn:
    """Shapes of one label as one release has it. :param side: ``before`` or ``after``. :param row: its place in ``Shown.labels``."""

    side: str
    row: int
    boxes: Sequence[Box]
    polygons: Sequence[Sequence[float]]


def drawn_of(shown: Shown) -> Iterator[Drawn]:
    """Yield the shapes of an image's changed labels, those of before first."""
    for side in ("before", "after"):
        for place, row in enumerate(shown.labels):
            box, outline = box_of(row[f"bbox_{side}"]), outline_of(row[f"segmentation_{side}"])
            if box or outline:
                yield Drawn(side, place, [box] if box else [], outline or [])


def card_html(card: Card) -> str:
    """Return the card. Everything from outside is escaped."""
    shown = card.shown
    kinds = " ".join(str(KINDS.index(kind)) for kind in shown.kinds)
    badges = "".join(f'<span class="badge {_STYLES.get(kind, "info")}">{kind}</span>' for kind in shown.kinds)
    lines = "".join(f"<li>{line}</li>" for line in (*_lines_of_image(shown), *_lines_of_labels(shown)))
    return (
        f'<article class="card" data-kinds="{kinds}">{_look(card)}<div class="about"><div class="head">{badges}</div>'
        f'<ul class="changes">{lines}</ul>{_file(card.image, shown)}</div></article>'
    )


def _look(card: Card) -> str:
    image, entry = card.image, card.entry
    picture = None if image is None else image.values.get("picture")
    if image is None or picture is None:
        return without_picture_html(image)
    whole = (0, 0, image.width, image.height)
    view = entry.get("view") or whole
    pictures = [image_svg(part, part["view"], view) for part in (picture, entry.get("crop")) if part]
    # Equal labels of both releases show both colours: those of after are broken lines.
    shapes = [(_STYLE_OF_SIDE[drawn.side], shape) for drawn in drawn_of(card.shown) for shape in _shapes(drawn, view)]
    spoken = clean(cut("; ".join(_plain_lines(card.shown)), 400))
    return look_html(spoken, view, (*pictures, *outlined(shapes), *_tags(card.shown, view)), f' data-whole="{numbers(whole)}"')


def _shapes(drawn: Drawn, view: Sequence[float]) -> Iterator[str]:
    for polygon in drawn.polygons:
        yield f'polygon points="{numbers(polygon)}"'
    for box in drawn.boxes:
        yield box_svg(box, view[2])


def _tags(shown: Shown, view: Sequence[float]) -> Iterator[str]:
    """Yield the number of its line for each label that is drawn, once: at its place in the release after, if it is there."""
    lines = _numbers_of_lines(shown)
    corners = {drawn.row: (drawn.side, *drawn.boxes[0][:2]) for drawn in drawn_of(shown) if drawn.boxes}
    size = view[2] * _TAG
    for row, (side, x, y) in corners.items():
        if number := lines.get(_line(shown.labels[row])):
            left, top = (
                min(max(value, first), first + length - size) for value, first, length in zip((x, y), view[:2], view[2:], strict=True)
            )
            place = f'x="{left + size / 4:g}" y="{top + size:g}" font-size="{size:g}" stroke-width="{size / 5:g}"'
            yield f'<text class="tag {_STYLE_OF_SIDE[side]}" {place}>{number}</text>'


def _numbers_of_lines(shown: Shown) -> dict[str, int]:
    lines = dict.fromkeys(_line(row) for row in shown.labels)
    return {line: number for number, line in enumerate(list(lines)[:_MOST_LINES], 1)}


def _lines_of_image(shown: Shown) -> Iterator[str]:
    """Yield what happened to the image itself, as HTML."""
    for kind in shown.kinds:
        if kind == IMAGE_KINDS["moved"]:
            yield f"split {_before(shown.split_before)} → {_after(shown.split_after)}"
        elif kind == IMAGE_KINDS["added"]:
            yield f"in split {_after(shown.split_after)}"
        elif kind == IMAGE_KINDS["removed"]:
            yield f"was in split {_before(shown.split_before)}"


def _lines_of_labels(shown: Shown) -> Iterator[str]:
    """Yield what changed in labels, as HTML, each with its number in the picture; what several have in common once."""
    counts = Counter(_line(row) for row in shown.labels)
    lines = _numbers_of_lines(shown)
    for line, number in lines.items():
        yield f'<span class="number">{number}</span> {line}' + (f" <b>×{counts[line]}</b>" if counts[line] > 1 else "")
    left = shown.count - sum(counts[line] for line in lines)
    if left > 0:
        yield f"and {left:,} more {'label' if left == 1 else 'labels'}"


def _line(row: Mapping[str, Any]) -> str:
    old, new = row["category_before"], row["category_after"]
    if not row["is_label"]:
        return "no longer stated to be empty" if "removed" in row["changes"] else "now stated to be empty"
    if "added" in row["changes"]:
        return f"added {_after(new)}"
    if "removed" in row["changes"]:
        return f"removed {_before(old)}"
    parts = [f"{_before(old)} → {_after(new)}" if "recategorised" in row["changes"] else f"<bdi>{_name(new)}</bdi>"]
    for change in ("moved", "reshaped", "edited"):
        if change in row["changes"]:
            far = f" (IoU {row['iou']:.2f})" if change == "moved" and row["iou"] is not None else ""
            parts.append(f"{change}{far}")
    return ", ".join(parts)


def _plain_lines(shown: Shown) -> list[str]:
    """Return what kinds of change the image has, in words without names from outside."""
    counted = Counter(change for row in shown.labels for change in row["changes"] if row["is_label"])
    words = [kind for kind in shown.kinds if kind in IMAGE_KINDS.values() or kind == EMPTY_STATED]
    return [*words, *(f"{count} {'label' if count == 1 else 'labels'} {change}" for change, count in counted.items())]


def _file(image: GalleryImage | None, shown: Shown) -> str:
    return f'<p class="file free">{clean(shown.image_id)}</p>' if image is None else file_html(image.values["uri"], image)


def _before(name: str | None) -> str:
    return f'<bdi class="given-text">{_name(name)}</bdi>'


def _after(name: str | None) -> str:
    return f'<bdi class="suggested-text">{_name(name)}</bdi>'


def _name(name: str | None) -> str:
    return "(none)" if name is None else clean(cut(name, _LONGEST_CATEGORY))
