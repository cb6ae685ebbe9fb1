"""A line over partitions: gaps, spikes, labels that do not overlap, and names that are markup."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from airflow_cv_dataops.core.report.lines import LineChart, Mark, line_chart

NAN = math.nan
SVG = "{http://www.w3.org/2000/svg}"


def chart(values: list[float], marks: list[Mark] | None = None, **more: object) -> ElementTree.Element:
    """Return the drawing of values at 0, 1, 2, … that are named so."""
    names = [str(place) for place in range(len(values))]
    html = line_chart(LineChart("Images", [float(name) for name in names], values, names, marks or [], **more))  # type: ignore[arg-type]
    return ElementTree.fromstring(html)


def paths(drawn: ElementTree.Element) -> list[list[tuple[float, float]]]:
    """Return the points of each part of the line."""
    found = [path.get("d", "") for path in drawn.iter("path") if path.get("class") == "line"]
    return [[tuple(map(float, point.split())) for point in way.removeprefix("M").split("L")] for way in found]  # type: ignore[misc]


def told(drawn: ElementTree.Element, kind: str) -> list[str]:
    return [part.findtext("title", "") for part in drawn.iter(kind) if part.find("title") is not None]


def test_a_line_breaks_where_a_number_is_missing() -> None:
    drawn = chart([1, 2, NAN, 4, NAN, 5, 6, 7])
    assert [len(part) for part in paths(drawn)] == [2, 3]
    assert len([dot for dot in drawn.iter("circle") if dot.get("class") == "dot"]) == 6  # also the one between two gaps
    assert told(drawn, "rect") == ["0: 1", "1: 2", "3: 4", "5: 5", "6: 6", "7: 7"]
    assert "6 values and 2 missing" in drawn.find("svg").get("aria-label")  # type: ignore[union-attr, operator]


@pytest.mark.parametrize("count", [1, 2, 60, 2_000, 10_000])
def test_every_value_lies_in_the_drawing(count: int) -> None:
    values = np.random.default_rng(count).normal(100, 30, count).tolist()
    drawn = chart(values, [Mark(0.0, "v1 staging", "v1"), Mark(count - 1.0, "v2 production", "v2")])
    points = [point for part in paths(drawn) for point in part]
    assert len(points) == (0 if count == 1 else count) or count > 60
    assert len(points) <= 4 * 400
    assert all(52 <= x <= 432 and 42 <= y <= 168 for x, y in points)
    assert len(ElementTree.tostring(drawn)) < 60_000


def test_of_thousands_of_points_no_spike_is_lost() -> None:
    values = [10.0] * 5_000
    values[1_234], values[4_321] = 100.0, 0.0
    [line] = paths(chart(values))
    heights = sorted(y for _, y in line)
    assert (heights[0], heights[-1]) == (42.0, 168.0)
    assert "1218 to 1259: 10 to 100" in told(chart(values), "rect")


def labels(drawn: ElementTree.Element) -> list[tuple[float, float, str]]:
    return [
        (float(text.get("x", "")), float(text.get("y", "")), text.text or "") for text in drawn.iter("text") if text.get("class") == "mark"
    ]


@pytest.mark.parametrize("count", [1, 4, 6, 60])
def test_labels_of_releases_do_not_overlap_and_every_line_tells_its_own(count: int) -> None:
    marks = [Mark(50.0 + number % 7 * 3 + number / 10, f"v{number} production", f"v{number} (production)") for number in range(count)]
    drawn = chart([float(value) for value in range(100)], marks)
    assert len([path for path in drawn.iter("path") if path.get("class") == "mark"]) == count
    assert sorted(told(drawn, "g")) == sorted(mark.title for mark in marks)
    for row in {y for _, y, _ in labels(drawn)}:
        ends = [(x - 3.15 * len(text), x + 3.15 * len(text)) for x, y, text in sorted(labels(drawn)) if y == row]
        assert all(one[1] <= other[0] for one, other in pairwise(ends))
        assert all(start >= 0 and end <= 440 for start, end in ends)


@pytest.mark.parametrize(
    ("values", "is_share", "first", "last"),
    [
        ([0.001, 0.02], True, "0%", "2.0%"),
        ([0.91, 1.0], True, "90.0%", "100.0%"),
        ([3.0, 5.0], False, "0", "6"),
        ([25_000.0, 31_000.0], False, "24k", "32k"),
        ([1e6, 2.5e9], False, "0", "3G"),
        ([7.0, 7.0], False, "0", "8"),
        ([0.0, 0.0], False, "0", "1.00"),
        ([-3.0, 3.0], False, "-4", "4"),
    ],
)
def test_the_axis_has_round_numbers_around_the_values(values: list[float], is_share: bool, first: str, last: str) -> None:
    drawn = chart(values, is_share=is_share)
    ticks = [text.text for text in drawn.iter("text") if text.get("class") == "label tick"]
    assert (ticks[0], ticks[-1]) == (first, last)
    assert 2 <= len(ticks) <= 6


@pytest.mark.parametrize("values", [[1e308, -1e308], [5e-324, 0.0], [1e17, 1e17 + 32], [math.inf, 1.0, 2.0]])
def test_odd_numbers_are_drawn_somewhere(values: list[float]) -> None:
    for part in paths(chart(values)):
        assert all(math.isfinite(x) and math.isfinite(y) for x, y in part)


def test_without_any_number_there_is_no_drawing() -> None:
    assert line_chart(LineChart("Images", [0.0, 1.0], [NAN, NAN], ["a", "b"])) == ""
    assert line_chart(LineChart("Images", [], [], [])) == ""


def test_names_are_never_markup() -> None:
    nasty = '</title></svg><script>alert("1")</script>\x00'
    html = line_chart(LineChart(nasty, [0.0, 1.0], [1.0, 2.0], [nasty, nasty], [Mark(0.0, nasty, nasty)], note=nasty, current=0))
    assert "<script" not in html
    assert set(re.findall(r"<(\w+)", html)) == {"figure", "figcaption", "svg", "path", "text", "circle", "rect", "title", "g", "p"}
    ElementTree.fromstring(html)
