"""The picture of the layout: it shows every room, refuses what it cannot name, and nothing in it overlaps."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest
from project import PROJECT_ROOT

SVG = "{http://www.w3.org/2000/svg}"
PACKAGE = PROJECT_ROOT / "airflow_cv_dataops"

# Of the font size, in a wide font; bold letters are wider. An estimate of the tests' own, beside that by which the picture is laid out.
NARROW, WIDE, OTHER, BOLD = ("fijlrtI.,:;'| ()-", 0.4), ("mwMW", 1.0), 0.65, 1.12


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(PROJECT_ROOT / "scripts")  # where Python finds the scripts beside one that is run
    return importlib.import_module("layout_picture")


@pytest.fixture
def picture(script: ModuleType) -> ElementTree.Element:
    return ElementTree.fromstring(script.layout_picture())


@pytest.fixture
def small(script: ModuleType, tmp_path: Path):
    """Return what makes the picture of a package with these files."""
    floors = {"": (("version",), ("core",), ("hooks", "links")), "core": (("errors",), ("store",), ("drift",))}
    captions = {
        "version": "a number",
        "core": "plain Python",
        "hooks": "a catalog",
        "core.errors": "what was wrong",
        "core.store": "tables",
    }

    def drawn(*files: str) -> str:
        for name in ("version.py", "core/__init__.py", "core/errors.py", "core/store/__init__.py", "hooks/__init__.py", *files):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
        return script.layout_picture(script.House(tmp_path, floors, captions))

    return drawn


def boxes(group: ElementTree.Element) -> list[tuple[float, float, float, float]]:
    """Return left, top, right and bottom of the boxes that stand in a group, not of those inside them."""
    found = []
    for rect in (rect for inner in group.findall(f"{SVG}g") for rect in inner.findall(f"{SVG}rect")):
        x, y, width, height = (float(rect.attrib[name]) for name in ("x", "y", "width", "height"))
        found.append((x, y, x + width, y + height))
    return found


def texts(group: ElementTree.Element) -> Iterator[tuple[float, float, float]]:
    """Yield left, right and baseline of the texts that stand in a group, not of those in boxes inside it."""
    for text in group.findall(f"{SVG}text"):
        x, style = float(text.attrib["x"]), text.attrib["class"]
        wide = width(text.text or "", 14 * BOLD if style == "name" else 12)
        yield (x - wide / 2, x + wide / 2, float(text.attrib["y"])) if style == "chip" else (x, x + wide, float(text.attrib["y"]))


def width(text: str, size: float) -> float:
    return size * sum(next((share for letters, share in (NARROW, WIDE) if letter in letters), OTHER) for letter in text)


def apart(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def test_every_room_on_disk_is_in_the_picture(picture: ElementTree.Element) -> None:
    folders = {path.parent.name for path in PACKAGE.rglob("__init__.py") if path.parent not in (PACKAGE, PACKAGE / "core")}
    files = {path.stem for path in PACKAGE.glob("*.py")} | {path.stem for path in (PACKAGE / "core").glob("*.py")}
    shown = {text.text for text in picture.iter(f"{SVG}text") if text.get("class") in ("name", "inside", "chip")}
    assert folders | files <= shown
    assert "core: plain Python, no Airflow" in {text.text for text in picture.iter(f"{SVG}text")}


def test_no_caption_is_of_a_room_that_is_gone_or_longer_than_a_line(script: ModuleType) -> None:
    rooms = {script.path_of(folder, room) for folder, floors in script.FLOORS.items() for names in floors for room in names}
    assert set(script.CAPTIONS) <= rooms
    assert [caption for caption in script.CAPTIONS.values() if len(caption) > 45] == []


def test_no_two_boxes_of_a_floor_overlap_nor_do_two_floors(picture: ElementTree.Element) -> None:
    groups = [group for group in picture.iter(f"{SVG}g") if len(boxes(group)) > 1]
    assert groups
    for group in groups:
        assert all(apart(one, other) for one, other in combinations(boxes(group), 2))
    tops = [boxes(floor) for floor in picture.findall(f"{SVG}g[@class='floor']")]
    assert all(max(box[3] for box in upper) < min(box[1] for box in lower) for upper, lower in pairwise(tops))


def test_every_text_lies_in_its_box_and_touches_no_other(picture: ElementTree.Element) -> None:
    for group in (group for group in picture.iter(f"{SVG}g") if group.get("class") not in ("floor", "legend")):
        rect = group.find(f"{SVG}rect")
        assert rect is not None
        left, top = float(rect.attrib["x"]), float(rect.attrib["y"])
        right, bottom = left + float(rect.attrib["width"]), top + float(rect.attrib["height"])
        # What stands at the right of the text: chips, or floors of the rooms inside.
        inner = [box for inside in (group, *group.findall(f"{SVG}g")) for box in boxes(inside)]
        lines = list(texts(group))
        name = group.findtext(f"{SVG}text")
        assert all(left < start and end < min([right, *(box[0] for box in inner)]) and top < y < bottom for start, end, y in lines), name
        assert all(abs(one[2] - other[2]) >= 14 or one[1] < other[0] or other[1] < one[0] for one, other in combinations(lines, 2)), name


def test_a_room_without_a_caption_is_refused(small) -> None:
    with pytest.raises(ValueError, match=r"^core\.drift has no caption yet: give it one in CAPTIONS of scripts/layout_picture\.py$"):
        small("core/drift/__init__.py")


def test_a_room_without_a_floor_is_refused(small) -> None:
    with pytest.raises(ValueError, match=r"^core\.cellar has no floor yet: give it one in FLOORS of scripts/check_imports\.py$"):
        small("core/cellar.py")


def test_a_room_that_is_not_built_yet_is_dashed_and_the_legend_says_so(small) -> None:
    picture = ElementTree.fromstring(small("core/drift/notes.txt"))  # a folder, but no package
    planned = [group.findtext(f"{SVG}text") for group in picture.iter(f"{SVG}g") if group.get("class") == "planned"]
    assert planned == ["links", "drift"]
    assert "has its floor, not built yet" in {text.text for text in picture.iter(f"{SVG}text")}


def test_a_room_inside_another_is_a_small_box_in_it(small) -> None:
    picture = ElementTree.fromstring(small("core/store/objects/__init__.py"))
    (store,) = (group for group in picture.iter(f"{SVG}g") if group.findtext(f"{SVG}text") == "store")
    assert [inner.findtext(f"{SVG}text") for inner in store.findall(f"{SVG}g")] == ["objects"]
