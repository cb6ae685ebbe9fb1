"""The gallery of a card: pictures with boxes, drawn in SVG."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_cv_dataops.core.release.card.blocks import Pictures
from airflow_cv_dataops.core.release.card.gallery import Example, ExampleBox
from airflow_cv_dataops.core.report.plots import clean, cut

_MOST_NAMED = 6
_CRISP_PX = 128  # smaller pictures are shown pixel by pixel


def pictures(block: Pictures) -> str:
    """Return the pictures, and which colour is which category."""
    drawn = {box.category for example in block.examples for box in example.boxes}
    keys = "".join(f'<li class="key k{at}"><bdi>{clean(cut(name, 60))}</bdi></li>' for at, name in enumerate(block.colours) if at in drawn)
    others = '<li class="key other">other categories</li>' if any(at is None or at >= len(block.colours) for at in drawn) else ""
    legend = f'<ul class="colours">{keys}{others}</ul>' if keys or others else ""
    return (
        f'<p>{clean(block.told)}</p>{legend}<div class="cards">{"".join(_card(example, block.colours) for example in block.examples)}</div>'
    )


def _card(example: Example, colours: Sequence[str]) -> str:
    named = ", ".join(clean(cut(name, 60)) for name in example.categories[:_MOST_NAMED])
    more = f" and {len(example.categories) - _MOST_NAMED:,} more" if len(example.categories) > _MOST_NAMED else ""
    boxes = f"{len(example.boxes):,} {'box' if len(example.boxes) == 1 else 'boxes'} · " if example.boxes else ""
    about = f'<p class="category-text"><bdi>{named or "no label"}{more}</bdi></p>'
    small = f'<p class="small">{boxes}{example.width:,} × {example.height:,} px · <bdi>{clean(example.split)}</bdi></p>'
    return f'<figure class="card example">{_picture(example, colours)}<figcaption class="about">{about}{small}</figcaption></figure>'


def _picture(example: Example, colours: Sequence[str]) -> str:
    if not example.data:
        return f'<div class="empty">{clean(example.problem)}</div>'
    crisp = ' class="crisp"' if max(example.width, example.height) <= _CRISP_PX else ""
    image = (
        f'<image{crisp} width="{example.width}" height="{example.height}" preserveAspectRatio="none" '
        f'href="data:{clean(example.media_type)};base64,{clean_data(example.data)}"/>'
    )
    boxes = "".join(_box(box, len(colours)) for box in example.boxes)
    spoken = clean(f"Example with {', '.join(example.categories[:_MOST_NAMED]) or 'no label'}")
    return f'<svg class="drawn" viewBox="0 0 {example.width} {example.height}" role="img" aria-label="{spoken}">{image}{boxes}</svg>'


def clean_data(data: str) -> str:
    """Return base64, which needs no escaping. :raises ValueError: it is something else."""
    if not data.isascii() or any(letter in data for letter in "\"'<>& "):
        raise ValueError("a picture that is not base64")
    return data


def _box(box: ExampleBox, colours: int) -> str:
    place = f'x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
    colour = f"k{box.category}" if box.category is not None and box.category < colours else "other"
    return f'<rect class="halo" {place}/><rect class="box {colour}" {place}/>'
