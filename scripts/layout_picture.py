"""Draw the package's layout, floor by floor: ``docs/images/layout.svg``, which ``make docs`` writes.

Floors come from ``FLOORS`` of ``check_imports.py``, rooms from the package on disk; only the captions are written here. So the picture
shows the walls that ``make lint`` enforces, and a room that has no caption yet is refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from check_imports import FLOORS, PACKAGE

# What each room that is on disk is for, in some 45 characters at most; of a room inside another, only if it has a floor there.
CAPTIONS: Mapping[str, str] = {
    "__init__": "the names that notebooks and scripts import",
    "__main__": "list and show, from a shell",
    "plugins": "what Airflow loads: links, the report's page",
    "preload": "what operators import, ahead of time",
    "expectations": "for Great Expectations suites",
    "operators": "a task: one call of a core function",
    "sensors": "wait for images and for releases",
    "links": "from a task to its report and its dataset",
    "triggers": "what deferred sensors leave to the triggerer",
    "hooks": "the connection to a catalog",
    "common": "partition key, arguments, lineage, settings",
    "get_provider_info": "what Airflow discovers; literals only",
    "core": "plain Python, no Airflow",
    "version": "the number that package and events carry",
    "core.catalogue": "what there is, for people",
    "core.deletion": "images that must go",
    "core.diff": "what changed between two releases",
    "core.export": "a release to files",
    "core.contracts": "a table and a suite to findings",
    "core.dataset": "a dataset as people open it",
    "core.release": "gates, splits, promotion, readers",
    "core.sampling": "which images to label next, by score",
    "core.health": "usual, or not",
    "core.trends": "metrics over time, with the releases",
    "core.audit": "labels of one partition to findings",
    "core.predictions": "model outputs in: boxes, classes, pixels",
    "core.embeddings": "images as vectors",
    "core.labels": "label files in and out, joined to images",
    "core.lineage": "what a step read and wrote, as OpenLineage",
    "core.report": "what pages for people are made of",
    "core.imaging": "bytes to facts",
    "core.findings": "what a step found wrong, as rows",
    "core.metrics": "what a step measured, as rows",
    "core.store": "object storage, catalog, tables, schema",
    "core.ahead": "work ahead, in order",
    "core.arguments": "what steps ask of theirs",
    "core.progress": "a log line meanwhile",
    "core.summary": "what a step hands back",
    "core.summary_words": "a summary as lines",
    "core.wording": "places and durations as people read them",
    "core.errors": "what was wrong, what to do",
    "core.step_lineage": "what a step read and wrote",
    "core.image_places": "images by their ids",
    "core.intervals": "how sure a share is",
    "core.imaging.ingest": "a source to a partition",
    "core.imaging.sources": "prefix, list, archive",
    "core.imaging.measures": "fingerprints, colour, quality",
    "core.imaging.decoding": "hostile bytes to pictures",
}

WIDTH = 960
MARGIN = 18
LEFT = 62  # where the frames begin, right of the arrow
PADDING = 14
GAP = 8
FRAME_WIDTH = WIDTH - LEFT - MARGIN
SECOND_LINE = 16
CHIP_GAP = 5
SWATCH = 20
NAME, SMALL = 14, 12  # font sizes, as in flow.svg
BOLD = 1.13  # how much wider bold letters are
LETTERS = {"ijlI.,:;'| ": 0.36, "frt-()[]": 0.42, "_": 0.5, "mwMW@%": 1.0, "ABCDEFGHJKLNOPQRSTUVXYZ": 0.8}  # of the font size
FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"

# By style, what the legend says of it.
LEGEND: Mapping[str, str] = {
    "surface": "Airflow surface",
    "room": "core",
    "inner": "a room inside",
    "file": "a single file",
    "planned": "has its floor, not built yet",
}

# Colours and fonts are those of flow.svg.
STYLE = """\
  <style>
    .page { fill: #ffffff; stroke: #d0d7de; }
    .band { fill: #f6f8fa; stroke: #d0d7de; }
    .surface > rect, rect.surface { fill: #e3ebfb; stroke: #4f74c9; }
    .room > rect, rect.room { fill: #ddf4e4; stroke: #2da44e; }
    .inner > rect, rect.inner { fill: #ffffff; stroke: #2da44e; }
    .file > rect, rect.file { fill: #ffffff; stroke: #8c959f; }
    .planned > rect, rect.planned { fill: none; stroke: #8c959f; stroke-dasharray: 5 4; }
    text { fill: #1f2328; }
    .name, .title { font-weight: 600; }
    .planned text { font-weight: 400; }
    .title, .inside, .chip, .small { font-size: 12px; }
    .chip, .middle { text-anchor: middle; }
    .title, .small, .planned text { fill: #57606a; }
    .arrow { fill: none; stroke: #57606a; stroke-width: 1.6; marker-end: url(#head); }
    #head path { fill: #57606a; }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; stroke: #30363d; }
      .band { fill: #161b22; stroke: #30363d; }
      .surface > rect, rect.surface { fill: #16233f; stroke: #6f93e8; }
      .room > rect, rect.room { fill: #12321d; stroke: #3fb950; }
      .inner > rect, rect.inner { fill: #0d1117; stroke: #3fb950; }
      .file > rect, rect.file { fill: #0d1117; stroke: #6e7681; }
      .planned > rect, rect.planned { stroke: #6e7681; }
      text { fill: #e6edf3; }
      .title, .small, .planned text { fill: #9da7b1; }
      .arrow { stroke: #9da7b1; }
      #head path { fill: #9da7b1; }
    }
  </style>
  <defs>
    <marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">
      <path d="M0 0 10 5 0 10z"/>
    </marker>
  </defs>"""


@dataclass(frozen=True)
class Room:
    """A folder or file of the package. :param style: its class in the picture, a key of :data:`LEGEND`."""

    name: str
    style: str
    caption: str = ""
    floors: Floors = ()  # inside it, from the top down
    chips: Sequence[Room] = ()  # the rooms inside it, where they have no floors


Floors = Sequence[Sequence[Room]]


@dataclass(frozen=True)
class Stack:
    """Where floors stand one below the other. :param row: the height of a floor of one line. :param column: where captions begin."""

    x: float
    width: float
    column: float
    row: float = 32
    gap: float = GAP


@dataclass(frozen=True)
class House:
    """A package on disk, the floors of its folders from the ground up, and what its rooms are for."""

    package: Path
    floors: Mapping[str, Sequence[Sequence[str]]]
    captions: Mapping[str, str]

    def unplaced(self) -> Iterator[str]:
        """Yield what cannot be drawn, and what to do."""
        for folder, floors in self.floors.items():
            placed = {name for names in floors for name in names}
            for name in self.on_disk(folder):
                room = path_of(folder, name)
                if name not in placed:
                    yield f"{room} has no floor yet: give it one in FLOORS of scripts/check_imports.py"
                elif room not in self.captions:
                    yield f"{room} has no caption yet: give it one in CAPTIONS of scripts/layout_picture.py"

    def rooms(self, folder: str) -> Floors:
        """Return a folder's floors from the top down."""
        return [[self.room(folder, name) for name in names] for names in reversed(self.floors.get(folder, ()))]

    def room(self, folder: str, name: str) -> Room:
        path, found = path_of(folder, name), self.on_disk(folder)
        if name not in found:
            return Room(name, "planned")
        if not found[name]:
            return Room(name, "file", self.captions[path])
        style = "inner" if "." in folder else "room" if path.partition(".")[0] == "core" else "surface"
        chips = [Room(inner, "inner") for inner, is_folder in self.on_disk(path).items() if is_folder and path not in self.floors]
        return Room(name, style, self.captions[path], self.rooms(path), chips)

    def on_disk(self, folder: str) -> Mapping[str, bool]:
        """Return by name the rooms in a folder, and whether each is a folder; the ``__init__`` of an inner folder is none."""
        place = self.package.joinpath(*folder.split(".")) if folder else self.package
        files = {path.stem: False for path in place.glob("*.py") if not folder or path.stem != "__init__"}
        return dict(sorted({**files, **{path.parent.name: True for path in place.glob("*/__init__.py")}}.items()))


HOUSE = House(PACKAGE, FLOORS, CAPTIONS)


def layout_picture(house: House = HOUSE) -> str:
    """Return the picture as SVG, the same for the same package; a ``ValueError`` names each room that has no floor or no caption."""
    problems = list(house.unplaced())
    if problems:
        raise ValueError("\n".join(problems))
    floors = house.rooms("")
    ground = next(number for number, rooms in enumerate(floors) if rooms[0].name == "core")
    (core,), surface, below = floors[ground], floors[:ground], floors[ground + 1 :]

    upper, bottom = framed("the Airflow surface: opens no file and no table", surface, MARGIN)
    lower, bottom = framed(f"core: {core.caption}", core.floors, bottom + GAP)
    base, bottom = stacked(below, Stack(LEFT + PADDING, FRAME_WIDTH - 2 * PADDING, column_of([*core.floors, *below])), bottom + GAP)
    drawn = [*upper, *lower, "", *base]
    styles = [style for style in LEGEND if any(f'<g class="{style}">' in line for line in drawn)]
    drawn += ["", *arrow(MARGIN, bottom), *legend(styles, bottom + MARGIN)]
    return "\n".join([*head([*surface, *core.floors, *below], bottom + 2 * MARGIN + SWATCH), *drawn, "</svg>", ""])


def path_of(folder: str, name: str) -> str:
    return f"{folder}.{name}" if folder else name


def framed(title: str, floors: Floors, top: float) -> tuple[list[str], float]:
    """Return floors in a frame with a title, and where it ends."""
    drawn, end = stacked(floors, Stack(LEFT + PADDING, FRAME_WIDTH - 2 * PADDING, column_of(floors)), top + 32)
    bottom = end + PADDING
    frame = rect(LEFT, top, FRAME_WIDTH, bottom - top, "band")
    return ["", f"  {frame}", f"  {label('title', LEFT + PADDING, top + 21, title)}", *drawn], bottom


def column_of(floors: Floors) -> float:
    """Return where captions begin, so that they stand one below the other: behind the longest name that has one."""
    return max((name_width(room) for rooms in floors for room in rooms if room.caption), default=0) + PADDING


def stacked(floors: Floors, stack: Stack, top: float) -> tuple[list[str], float]:
    """Return floors one below the other, and where the lowest ends."""
    drawn: list[str] = []
    for rooms in floors:
        width = (stack.width - stack.gap * (len(rooms) - 1)) / len(rooms)
        height = max(height_of(room, width, stack) for room in rooms)
        drawn.append('  <g class="floor">')
        for number, room in enumerate(rooms):
            drawn += (f"    {line}" for line in box(room, stack.x + number * (width + stack.gap), top, width, height, stack))
        drawn.append("  </g>")
        top += height + stack.gap
    return drawn, top - stack.gap


def height_of(room: Room, width: float, stack: Stack) -> float:
    """Return the height that a room needs: of a line, of two if its caption does not fit beside its name, or of the floors inside."""
    if room.floors:
        return stacked(room.floors, inner_stack(room, 0, width), 0)[1] + 2 * GAP
    needed = PADDING + stack.column + text_width(room.caption, SMALL) + PADDING + sum(chip_width(chip) + CHIP_GAP for chip in room.chips)
    return stack.row if not room.caption or needed <= width else stack.row + SECOND_LINE


def inner_stack(room: Room, x: float, width: float) -> Stack:
    """Return where the floors inside a room stand: in the right part of its box."""
    part = round(width * 0.58)
    return Stack(x + width - GAP - part, part, column_of(room.floors), row=26, gap=5)


def box(room: Room, x: float, y: float, width: float, height: float, stack: Stack) -> Iterator[str]:
    """Yield a room's box with its name and caption, and at its right the rooms inside."""
    left, middle, two_lines = x + PADDING, y + height / 2, room.caption and not room.floors and height > stack.row
    yield f'<g class="{room.style}">{rect(x, y, width, height)}'
    yield f"  {label(name_style(room), left, middle - 3 if two_lines else middle + 5, room.name)}"
    if two_lines:
        yield f"  {label('small', left, middle + 14, room.caption)}"
    elif room.caption:
        yield f"  {label('small', left + stack.column, middle + 5, room.caption)}"
    right = x + width
    for chip in reversed(room.chips):
        right -= chip_width(chip) + CHIP_GAP
        yield f'  <g class="{chip.style}">{rect(right, y + CHIP_GAP, chip_width(chip), height - 2 * CHIP_GAP)}'
        yield f"    {label('chip', right + chip_width(chip) / 2, middle + 4, chip.name)}</g>"
    yield from (f"  {line}" for line in stacked(room.floors, inner_stack(room, x, width), y + GAP)[0])
    yield "</g>"


def name_style(room: Room) -> str:
    return "inside" if room.style == "inner" else "name"


def name_width(room: Room) -> float:
    return text_width(room.name, SMALL) if room.style == "inner" else text_width(room.name, NAME) * BOLD


def chip_width(chip: Room) -> float:
    return math.ceil(name_width(chip)) + PADDING


def text_width(text: str, size: float) -> float:
    """Return about how wide a text is, in a wide font: which one a reader's machine has is not known."""
    return size * sum(next((width for letters, width in LETTERS.items() if letter in letters), 0.64) for letter in text)


def arrow(top: float, bottom: float) -> list[str]:
    """Return the side's arrow, and what it says."""
    x, middle = MARGIN + 10, (top + bottom) / 2
    said = "an import goes down, never up"
    turned = f'<text class="name middle" transform="translate({px(x + 12)} {px(middle)}) rotate(90)">{said}</text>'
    return [f'  <path class="arrow" d="M{px(x)} {px(top)}V{px(bottom)}"/>', f"  {turned}"]


def legend(styles: Sequence[str], y: float) -> Iterator[str]:
    """Yield a swatch for each style, and what it means."""
    x: float = LEFT + PADDING
    yield '  <g class="legend">'
    for style in styles:
        yield f"    {rect(x, y, 30, SWATCH, style)}{label('small', x + 38, y + 14, LEGEND[style])}"
        x += 38 + math.ceil(text_width(LEGEND[style], SMALL)) + 22
    yield "  </g>"


def head(floors: Floors, height: float) -> Iterator[str]:
    """Yield how the picture begins: what it is for those who do not see it, its style, and its page."""
    rooms = "; ".join(", ".join(room.name for room in names) for names in floors)
    named = f'role="img" aria-labelledby="title desc" font-family="{FONT}" font-size="{NAME}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {px(height)}" {named}>'
    yield "  <!-- This picture is generated. Do not edit it: change scripts/layout_picture.py and run `make docs`. -->"
    yield '  <title id="title">The rooms of the package, floor by floor</title>'
    yield f'  <desc id="desc">An import goes down, never up. The floors from the top down: {escape(rooms)}.</desc>'
    yield STYLE
    yield f"  {rect(1, 1, WIDTH - 2, height - 2, 'page', 10)}"


def rect(x: float, y: float, width: float, height: float, style: str = "", radius: float = 6) -> str:
    named = f'class="{style}" ' if style else ""
    return f'<rect {named}x="{px(x)}" y="{px(y)}" width="{px(width)}" height="{px(height)}" rx="{px(radius)}"/>'


def label(style: str, x: float, y: float, text: str) -> str:
    return f'<text class="{style}" x="{px(x)}" y="{px(y)}">{escape(text, quote=False)}</text>'


def px(value: float) -> str:
    return f"{round(value, 1):g}"
