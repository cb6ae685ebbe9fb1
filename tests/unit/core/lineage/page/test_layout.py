"""The layered layout: everything has a place of its own, edges run from left to right and keep off the boxes."""

from __future__ import annotations

from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops.core.lineage.page.layout import layered


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


@given(graphs(acyclic=False), st.booleans())
def test_edges_start_and_end_at_their_boxes_and_pass_none_else(graph, shared):
    sizes, edges = graph
    layout = layered(sizes, edges, hubs={node for node in sizes if shared and node in ("n0", "n3")} if ("n0", "n3") not in edges else ())
    for (start, end), points in layout.routes.items():
        for node, (x, y) in ((start, points[0]), (end, points[-1])):
            box = layout.boxes[node]
            assert box.y < y < box.y + box.height
            assert min(abs(x - box.x), abs(x - box.x - box.width)) < 1e-6
        for (x, y), (to_x, to_y) in pairwise(points):
            for node, box in layout.boxes.items():
                if node not in (start, end):
                    # A bend lies between two columns of its part; within a column an edge is straight and passes above or below.
                    beside = max(x, to_x) <= box.x + 1e-6 or min(x, to_x) >= box.x + box.width - 1e-6
                    assert beside or max(y, to_y) <= box.y + 1e-6 or min(y, to_y) >= box.y + box.height - 1e-6


def test_a_source_stands_just_left_of_what_reads_it():
    sizes = dict.fromkeys(("a", "b", "c", "late"), (50, 20))
    boxes = layered(sizes, [("a", "b"), ("b", "c"), ("late", "c")]).boxes
    assert boxes["late"].x == boxes["b"].x


def test_edges_of_a_hub_share_their_way_and_others_run_apart():
    sizes = dict.fromkeys(("hub", "a", "b", "c", "d", "end"), (50, 40))
    edges = [("hub", "a"), ("a", "b"), ("b", "c"), ("c", "d"), ("hub", "d"), ("hub", "end"), ("d", "end")]
    shared, apart = layered(sizes, edges, hubs=("hub",)).routes, layered(sizes, edges).routes
    assert shared["hub", "end"][:8] == shared["hub", "d"][:8]
    assert not set(apart["hub", "end"]) & set(apart["hub", "d"])


def test_arrows_of_one_box_arrive_apart_in_the_order_of_where_they_come_from():
    sizes = dict.fromkeys(("a", "b", "c", "end"), (50, 40))
    layout = layered(sizes, [("a", "end"), ("b", "end"), ("c", "end")])
    arrivals = sorted((layout.boxes[start].y, points[-1][1]) for (start, _), points in layout.routes.items())
    assert [second - first for (_, first), (_, second) in pairwise(arrivals)] == [8, 8]


def test_three_hundred_datasets_are_laid_out_with_few_crossings_in_the_same_way_each_time():
    edges = [(f"d{number // 3}", f"j{number}") for number in range(300)] + [(f"j{number}", f"d{number + 1}") for number in range(300)]
    sizes = dict.fromkeys(dict.fromkeys(node for edge in edges for node in edge), (120, 60))
    first = layered(sizes, edges)
    assert first == layered(sizes, edges)
    assert len(first.boxes) == 601


def test_a_cycle_is_closed_by_the_edge_that_runs_farthest_back():
    # A model that was trained on the release labels the images anew; findings were there before the audit that writes them, too.
    way = ["predictions", "audit", "findings", "promote", "releases", "train", "model", "score"]
    sizes = dict.fromkeys(["import", "predictions", "findings", "audit", *way[3:]], (50, 20))
    edges = [("import", "predictions"), ("import", "findings"), *pairwise(way), ("score", "predictions")]
    boxes = layered(sizes, edges).boxes
    assert [boxes[one].x < boxes[other].x for one, other in pairwise(["import", *way])] == [True] * len(way)


def test_parts_that_nothing_connects_are_kept_together_each():
    sizes = dict.fromkeys(("a1", "b1", "a2", "b2", "a3", "b3"), (50, 20))
    boxes = layered(sizes, [("a1", "a2"), ("b1", "b2"), ("a2", "a3"), ("b2", "b3")]).boxes
    assert {boxes[node].y for node in ("a1", "a2", "a3")} == {0}
    assert len({boxes[node].y for node in ("b1", "b2", "b3")}) == 1
    alone = layered(sizes | {"c": (20, 20), "d": (30, 20)}, [("a1", "a2"), ("b1", "b2")]).boxes
    assert alone["c"].y == alone["d"].y


def test_a_graph_without_anything_is_an_empty_picture():
    layout = layered({}, [])
    assert (layout.width, layout.height, dict(layout.boxes)) == (0, 0, {})
