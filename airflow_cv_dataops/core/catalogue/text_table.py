"""A table in plain text that fits a terminal: what is long is told shorter, then cut, then left out, and the table says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from airflow_cv_dataops.core.catalogue.words import cells, cut, harmless

_GAP = "  "


@dataclass(frozen=True)
class Column:
    """One column.

    :param header: may have two lines, also of one word with a hyphen.
    :param values: of each row, ways to say it, the longest first; every row has as many.
    :param is_number: aligned to the right.
    :param cut_to: may be cut down to so many columns of the terminal; ``None``: never.
    :param goes: left out where the width does not do: 1 goes first; 0: never.
    :param name: what it is called where it is left out; made of the header.
    """

    header: str
    values: Sequence[tuple[str, ...]]
    is_number: bool = False
    cut_to: int | None = None
    goes: int = 0
    name: str = ""

    @property
    def width(self) -> int:
        return max([*map(cells, self.header.split("\n")), *(cells(value[0]) for value in self.values)])

    def clean(self) -> Column:
        """Return it with values that are harmless, and with its header as its name, however that is cut later."""
        name = self.header.replace("-\n", "").replace("\n", " ")
        return replace(self, values=[tuple(map(harmless, value)) for value in self.values], name=name)

    def shorter(self) -> Column:
        return replace(self, values=[value[1:] for value in self.values])

    def cut(self, width: int) -> Column:
        header = "\n".join(cut(line, width) for line in self.header.split("\n"))
        return replace(self, header=header, values=[(cut(value[0], width),) for value in self.values])

    def padded(self, text: str) -> str:
        room = " " * (self.width - cells(text))
        return room + text if self.is_number else text + room


def table_lines(columns: Sequence[Column], width: int | None) -> list[str]:
    """Return the lines of a table. :param width: of the terminal; ``None``: whatever it takes."""
    clean = [column.clean() for column in columns]
    fitting = clean if width is None else _fitted(clean, width)
    kept = {column.name for column in fitting}
    gone = [column.name for column in clean if column.name not in kept]
    heads = [column.header.split("\n") for column in fitting]
    height = max(map(len, heads))
    heads = [[""] * (height - len(head)) + head for head in heads]
    rows = [[head[line] for head in heads] for line in range(height)]
    rows += [[column.values[row][0] for column in fitting] for row in range(len(columns[0].values))]
    lines = [_GAP.join(column.padded(text) for column, text in zip(fitting, row, strict=True)).rstrip() for row in rows]
    return [*lines, *([f"({', '.join(gone)}: in a wider terminal, or --json)"] if gone else [])]


def _fitted(columns: list[Column], width: int) -> list[Column]:
    """Return the columns told shorter, cut or left out until they fit; if nothing helps, as narrow as they get."""
    fitting = list(columns)
    while _total(fitting) > width:
        if longest := [at for at, column in enumerate(fitting) if any(len(value) > 1 for value in column.values)]:
            at = max(longest, key=lambda place: fitting[place].width)
            fitting[at] = fitting[at].shorter()
        elif leaves := [column for column in fitting if column.goes and not _fits_cut(fitting, width)]:
            fitting.remove(min(leaves, key=lambda column: column.goes))
        else:
            return _cut(fitting, width)
    return fitting


def _fits_cut(columns: Sequence[Column], width: int) -> bool:
    """Say whether cutting alone would do."""
    return sum(_least(column) for column in columns) + len(_GAP) * (len(columns) - 1) <= width


def _cut(columns: list[Column], width: int) -> list[Column]:
    """Return the columns cut to fit, the widest most."""
    fitting = list(columns)
    while (over := _total(fitting) - width) > 0:
        at = max(range(len(fitting)), key=lambda place: fitting[place].width - _least(fitting[place]))
        room = fitting[at].width - _least(fitting[at])
        if room <= 0:
            break
        fitting[at] = fitting[at].cut(fitting[at].width - min(over, max(room // 2, 1)))
    return fitting


def _least(column: Column) -> int:
    return column.width if column.cut_to is None else min(column.width, column.cut_to)


def _total(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + len(_GAP) * (len(columns) - 1)
