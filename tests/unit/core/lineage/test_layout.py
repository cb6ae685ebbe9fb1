"""The layered layout: everything has a place of its own, edges run from left to right and keep off the boxes."""

from __future__ import annotations

from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops.core.lineage.layout import layered


@st.composite
def graphs(draw, *, acyclic):
    names = [f"n{number}" for number in range(draw(st.integers(1, 12)))]
    pairs = [(one, other) for one in range(len(names)) for other in range(len(names)) if (one < other if acyclic else one != other)]
    edges = draw(st.lists(st.sampled_from(pairs), max_size=25)) if pairs else []
    size = st.tuples(st.integers(20, 240), st.integers(20, 90))
    return {name: draw(size) for name in names}, [(names[one], names[other]) for one, other in edges]


@given(graphs(acyclic=False))
def test_every_node_is_placed_and_no_two_overlap(graph):
    sizes, edges = graph
    layout = layered(sizes, edges)
    assert set(layout.boxes) == set(sizes)
    for box in layout.boxes.values():
        assert box.x >= -1e-6
        assert box.y >= -1e-6
        assert box.x + box.width <= layout.width + 1e-6
        assert box.y + box.height <= layout.height + 1e-6
    for one, other in combinations(layout.boxes.values(), 2):
        beside = one.x + one.width <= other.x + 1e-6 or other.x + other.width <= one.x + 1e-6
        above = one.y + one.height <= other.y + 1e-6 or other.y + other.height <= one.y + 1e-6
        assert beside or above


@given(graphs(acyclic=True))
def test_edges_of_an_acyclic_graph_run_from_left_to_right(graph):
    sizes, edges = graph
    layout = layered(sizes, edges)
    assert set(layout.routes) == set(edges)
    for (start, end), points in layout.routes.items():
        assert layout.boxes[start].x + layout.boxes[start].width < layout.boxes[end].x
        assert all(x <= to_x + 1e-6 for (x, _), (to_x, _) in pairwise(points))


@given(graphs(acyclic=False))
def test_edges_start_and_end_at_their_boxes_and_pass_none_else(graph):
    sizes, edges = graph
    layout = layered(sizes, edges)
    for (start, end), points in layout.routes.items():
        for node, (x, y) in ((start, points[0]), (end, points[-1])):
            box = layout.boxes[node]
            assert abs(y - box.y - box.height / 2) < 1e-6
            assert min(abs(x - box.x), abs(x - box.x - box.width)) < 1e-6
        for (x, y), (to_x, to_y) in pairwise(points):
            for node, box in layout.boxes.items():
                if node not in (start, end):
                    # A bend lies between two columns; within a column an edge is straight.
                    outside = max(x, to_x) <= box.x + 1e-6 or min(x, to_x) >= box.x + box.width - 1e-6
                    assert outside or (y == to_y and not box.y < y < box.y + box.height)


def test_a_source_stands_just_left_of_what_reads_it():
    sizes = dict.fromkeys(("a", "b", "c", "late"), (50, 20))
    boxes = layered(sizes, [("a", "b"), ("b", "c"), ("late", "c")]).boxes
    assert boxes["late"].x == boxes["b"].x


def test_a_graph_without_anything_is_an_empty_picture():
    layout = layered({}, [])
    assert (layout.width, layout.height, dict(layout.boxes)) == (0, 0, {})
