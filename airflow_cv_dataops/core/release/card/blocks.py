"""What a section of a card is made of: plain values, of which Markdown and HTML are made. Texts are as they came, not escaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airflow_cv_dataops.core.release.card.gallery import Example
from airflow_cv_dataops.core.report.page import Tile
from airflow_cv_dataops.core.report.plots import Bar


@dataclass(frozen=True)
class Words:
    """A paragraph. :param is_said: it is what people wrote: its line breaks stay. :param is_notice: it must not be overlooked."""

    text: str
    is_said: bool = False
    is_notice: bool = False


@dataclass(frozen=True)
class Mark:
    """A cell that is coloured in HTML. :param style: a class of ``card.css``: ``pass``, ``error``, ``warning`` or ``info``."""

    text: str
    style: str


@dataclass(frozen=True)
class Sentence:
    """A cell with what this package says itself; names in it stand in backticks."""

    text: str


Cell = str | int | Mark | Sentence


@dataclass(frozen=True)
class Table:
    """:param rows: whole numbers stand right, with their thousands apart; texts left."""

    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Code:
    """:param language: as Markdown's fences name it."""

    language: str
    text: str


@dataclass(frozen=True)
class Plot:
    """Bars, in HTML alone. :param below: what the axis is, of upright bars; empty for bars one below the other."""

    title: str
    bars: Sequence[Bar]
    below: str = ""


@dataclass(frozen=True)
class Tiles:
    tiles: Sequence[Tile]


@dataclass(frozen=True)
class Pictures:
    """Example images, in HTML alone.

    :param told: how they were chosen. :param colours: categories that have a colour of their own, in order.
    """

    told: str
    examples: Sequence[Example]
    colours: Sequence[str]


Block = Words | Table | Code | Plot | Tiles | Pictures


@dataclass(frozen=True)
class Section:
    title: str
    blocks: Sequence[Block]
