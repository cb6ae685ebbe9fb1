"""Parts of a card that shows one image: the picture with shapes over it, or why there is none, and the name of its file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from airflow_cv_dataops.core.report.entries import GalleryImage
from airflow_cv_dataops.core.report.plots import clean
from airflow_cv_dataops.core.report.views import Box

_DOT = 1 / 80  # of the view's width: a box that is smaller is drawn as a dot
_PIXELS_SHOW = 96  # a view of fewer pixels is enlarged pixel by pixel


def look_html(spoken: str, view: Sequence[float], parts: Iterable[str], attributes: str = "") -> str:
    """Return the button that opens the closer look. :param spoken: what the picture shows, escaped. :param parts: SVG elements."""
    return (
        f'<button class="look" type="button" aria-label="Look closer: {spoken}"><svg class="drawn" viewBox="{numbers(view)}"'
        f'{attributes} role="img"><title>{spoken}</title>{"".join(parts)}</svg></button>'
    )


def without_picture_html(image: GalleryImage | None) -> str:
    """Return what stands in place of a picture that is not there. :param image: ``None``: ``images`` has no such row."""
    why = "The table of images has no such image any more."
    if image is not None:
        why = image.values.get("problem") or "Without picture: this page holds pictures of the first images only."
    return f'<div class="empty">{clean(why)}</div>'


def image_svg(picture: Mapping[str, Any], place: Box, view: Sequence[float]) -> str:
    """Return a picture as part of a drawing. :param place: where it lies. :param view: what the drawing shows."""
    x, y, width, height = place
    crisp = ' class="crisp"' if max(view[2], view[3]) <= _PIXELS_SHOW else ""
    href = f"data:{picture['type']};base64,{picture['data']}"
    return f'<image{crisp} x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" preserveAspectRatio="none" href="{href}"/>'


def box_svg(box: Box, view_width: float) -> str:
    """Return a box without its class, for :func:`outlined`; one that is too small to be seen is a dot."""
    x, y, width, height = box
    least = view_width * _DOT
    if abs(width) < least and abs(height) < least:
        return f'circle cx="{x + width / 2:g}" cy="{y + height / 2:g}" r="{3 * least:g}"'
    return f'rect x="{min(x, x + width):g}" y="{min(y, y + height):g}" width="{abs(width):g}" height="{abs(height):g}"'


def outlined(shapes: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield shapes over a picture, given by style and element: dark lines below all coloured ones, so that they show on any picture."""
    for layer in ("halo", "box"):
        for style, shape in shapes:
            yield f'<{shape} class="{layer} {style}"/>'


def file_html(uri: str, image: GalleryImage | None) -> str:
    """Return the name of an image's file, linked where a browser may open it. :param uri: without credentials."""
    name = clean(unquote(uri.rsplit("/", 1)[-1]))
    served = f' data-image="{clean(image.values["id"])}"' if image is not None and "id" in image.values else ""
    if image is not None and image.values.get("link"):
        address = f'href="{clean(uri)}" title="{clean(uri)}"'
        return f'<p class="file"{served}><a class="free" {address} target="_blank" rel="noopener noreferrer">{name}</a></p>'
    return f'<p class="file free"{served} title="{clean(uri)}">{name}</p>'


def numbers(values: Sequence[float]) -> str:
    """Return numbers as SVG has them."""
    return " ".join(f"{value:g}" for value in values)
