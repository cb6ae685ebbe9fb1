"""Cards of the model's mistakes: a picture with boxes, the label, the prediction."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_cv_dataops.core.report.plots import clean, cut
from airflow_cv_dataops.core.report.views import Box
from airflow_cv_dataops.core.sampling.review.mistakes import Mistake

_MOST_NAMED = 6
_CRISP_PX = 128  # smaller pictures are shown pixel by pixel


def mistake_cards(shown: Sequence[Mistake]) -> str:
    """Return the cards, and what the colours are where there are boxes."""
    has_boxes = any(mistake.given_boxes or mistake.predicted_boxes for mistake in shown)
    legend = '<p class="legend"><span class="key">label</span><span class="key suggested">prediction</span></p>' if has_boxes else ""
    return f'{legend}<div class="cards">{"".join(map(_card, shown))}</div>'


def _card(mistake: Mistake) -> str:
    words = (
        f'<p class="words"><span>label <span class="given-text"><bdi>{_named(mistake.said)}</bdi></span></span>'
        f'<span>model <span class="suggested-text"><bdi>{_named(mistake.predicted)}</bdi></span></span></p>'
    )
    errors = ", ".join(f"{count:g} {name}" for name, count in mistake.errors)
    told = f'<p class="errors">{clean(errors)}</p>' if errors else ""
    name = str(mistake.image.values["uri"]).rpartition("/")[2] or mistake.image.values["uri"]
    small = (
        f'<p class="small"><bdi>{clean(cut(mistake.strategy, 60))}</bdi> · rank {mistake.rank:,} · '
        f'<bdi title="{clean(mistake.image.values["uri"])}">{clean(cut(str(name), 80))}</bdi></p>'
    )
    return f'<figure class="card mistake">{_picture(mistake)}<figcaption class="about">{words}{told}{small}</figcaption></figure>'


def _named(names: Sequence[str]) -> str:
    if not names:
        return "nothing"
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(clean(cut(name, 60)) for name in names[:_MOST_NAMED]) + more


def _picture(mistake: Mistake) -> str:
    image, picture = mistake.image, mistake.image.values.get("picture")
    if not picture:
        return f'<div class="empty">{clean(image.values.get("problem", "The pictures before it fill the page."))}</div>'
    crisp = ' class="crisp"' if max(image.width, image.height) <= _CRISP_PX else ""
    shown = (
        f'<image{crisp} width="{image.width}" height="{image.height}" preserveAspectRatio="none" '
        f'href="data:{clean(picture["type"])};base64,{clean_base64(picture["data"])}"/>'
    )
    boxes = "".join(_box(box, "given") for box in mistake.given_boxes) + "".join(_box(box, "suggested") for box in mistake.predicted_boxes)
    spoken = f"label {', '.join(mistake.said[:_MOST_NAMED])}; model {', '.join(mistake.predicted[:_MOST_NAMED]) or 'nothing'}"
    return (
        f'<div class="stage"><svg class="drawn" viewBox="0 0 {image.width} {image.height}" role="img" aria-label="{clean(spoken)}">'
        f"{shown}{boxes}</svg></div>"
    )


def clean_base64(data: str) -> str:
    """Return base64, which needs no escaping. :raises ValueError: it is something else."""
    if not data.isascii() or any(letter in data for letter in "\"'<>& "):
        raise ValueError("a picture that is not base64")
    return data


def _box(box: Box, style: str) -> str:
    x, y, width, height = box
    place = f'x="{x:g}" y="{y:g}" width="{max(width, 0):g}" height="{max(height, 0):g}"'
    return f'<rect class="halo" {place}/><rect class="box {style}" {place}/>'
