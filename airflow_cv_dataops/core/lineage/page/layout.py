"""A layered drawing of a directed graph: every node in a column, every edge from left to right, no edge through a box.

After Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System Structures" (IEEE Transactions on Systems,
Man, and Cybernetics, 1981): columns by longest path, order within a column by barycenters, and a lane for an edge in each column that
it passes. Edges of one hub share their lanes as long as they run together, like the branches of a tree.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from airflow_cv_dataops.core.lineage.page.layout_order import LANE_HEIGHT, Edge, ordered, tops_of

_PORT_GAP = 8.0


@dataclass(frozen=True)
class Box:
    """Where a node is drawn, in pixels from the top left."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Layout:
    """:param routes: for each edge the points that it passes; between two of them it may bend, and it keeps off every box."""

    width: float
    height: float
    boxes: Mapping[str, Box]
    routes: Mapping[Edge, Sequence[tuple[float, float]]]


def layered(
    sizes: Mapping[str, tuple[float, float]],
    edges: Iterable[Edge],
    *,
    hubs: Collection[str] = (),
    column_gap: float = 44,
    row_gap: float = 18,
) -> Layout:
    """Lay a graph out, parts that no edge connects below or beside each other.

    :param sizes: width and height of each node, in pixels; on a cycle, what comes first here stands left.
    :param edges: between these nodes; a cycle is drawn with an edge that runs back, and an edge from a node to itself not at all.
    :param hubs: nodes whose edges share lanes. No edge may lie between two of them, so that what shares a lane shares an end.
    """
    kept = list(dict.fromkeys(edge for edge in edges if edge[0] != edge[1]))
    parts = [
        _layered_part({node: sizes[node] for node in nodes}, part_edges, hubs, column_gap, row_gap)
        for nodes, part_edges in _parts(sizes, kept)
    ]
    return _packed(parts, column_gap, 2 * row_gap)


def _parts(nodes: Iterable[str], edges: Sequence[Edge]) -> Iterator[tuple[list[str], list[Edge]]]:
    """Yield the connected parts of a graph, each with its nodes and edges in the order that they came in."""
    beside: dict[str, list[str]] = {node: [] for node in nodes}
    for start, end in edges:
        beside[start].append(end)
        beside[end].append(start)
    part_of: dict[str, str] = {}
    for first in beside:
        waiting = [first] if first not in part_of else []
        while waiting:
            node = waiting.pop()
            if node not in part_of:
                part_of[node] = first
                waiting.extend(beside[node])
    parts: dict[str, tuple[list[str], list[Edge]]] = {first: ([], []) for first in dict.fromkeys(part_of[node] for node in beside)}
    for node in beside:
        parts[part_of[node]][0].append(node)
    for edge in edges:
        parts[part_of[edge[0]]][1].append(edge)
    yield from parts.values()


def _packed(parts: Sequence[Layout], column_gap: float, row_gap: float) -> Layout:
    """Return the parts as one: in rows from left to right, none wider than the widest part."""
    widest = max((part.width for part in parts), default=0.0)
    x, y, row_height = 0.0, 0.0, 0.0
    boxes, routes, right = {}, {}, 0.0
    for part in parts:
        if x and x + part.width > widest:
            x, y, row_height = 0.0, y + row_height + row_gap, 0.0
        for node, box in part.boxes.items():
            boxes[node] = Box(box.x + x, box.y + y, box.width, box.height)
        for edge, points in part.routes.items():
            routes[edge] = [(at + x, height + y) for at, height in points]
        right, row_height = max(right, x + part.width), max(row_height, part.height)
        x += part.width + column_gap
    return Layout(right, y + row_height, boxes, routes)


def _layered_part(
    sizes: Mapping[str, tuple[float, float]], edges: Sequence[Edge], hubs: Collection[str], column_gap: float, row_gap: float
) -> Layout:
    forward, drawn = _without_cycles(sizes, edges), set(edges)
    layers = _layers(sizes, forward)
    chains = {edge: _chain(edge, layers, hubs if edge in drawn else ()) for edge in forward}
    columns = ordered(sizes, layers, chains)
    tops = tops_of(columns, chains, {node: size[1] for node, size in sizes.items()}, row_gap)
    return _placed(sizes, columns, chains, tops, drawn, hubs, column_gap)


def _without_cycles(nodes: Iterable[str], edges: Sequence[Edge]) -> list[Edge]:
    """Return the edges, turned round where they would close a cycle: of those that run against the order of the nodes the farthest ones."""
    place = {node: position for position, node in enumerate(nodes)}
    on_cycles = _on_cycles(place, edges)
    against = {edge for edge in edges if on_cycles.issuperset(edge) and place[edge[0]] > place[edge[1]]}
    following: dict[str, list[str]] = {node: [] for node in place}
    for start, end in edges:
        if (start, end) not in against:
            following[start].append(end)
    turned = set()
    for start, end in sorted(against, key=lambda edge: (place[edge[0]] - place[edge[1]], place[edge[0]])):
        closes = _leads_to(following, end, start)
        turned |= {(start, end)} if closes else set()
        following[end if closes else start].append(start if closes else end)
    return list(dict.fromkeys((end, start) if (start, end) in turned else (start, end) for start, end in edges))


def _on_cycles(nodes: Iterable[str], edges: Sequence[Edge]) -> set[str]:
    """Return the nodes that lie on cycles or between two: what is left when all that has no edge in, or none out, is taken away."""
    left = set(nodes)
    for source, target in ((0, 1), (1, 0)):
        leading: dict[str, list[str]] = {}
        degree = dict.fromkeys(left, 0)
        for edge in edges:
            if left.issuperset(edge):
                leading.setdefault(edge[source], []).append(edge[target])
                degree[edge[target]] += 1
        ready = [node for node in left if not degree[node]]
        while ready:
            node = ready.pop()
            left.discard(node)
            for other in leading.get(node, ()):
                degree[other] -= 1
                if not degree[other]:
                    ready.append(other)
    return left


def _leads_to(following: Mapping[str, Sequence[str]], start: str, end: str) -> bool:
    seen, waiting = {start}, [start]
    while waiting:
        node = waiting.pop()
        if node == end:
            return True
        found = set(following[node]) - seen
        seen |= found
        waiting.extend(found)
    return False


def _layers(nodes: Iterable[str], edges: Sequence[Edge]) -> dict[str, int]:
    """Return the column of each node: one right of the last that it follows, and a node that follows none just left of what follows it."""
    layer = dict.fromkeys(nodes, 0)
    before: dict[str, int] = dict.fromkeys(layer, 0)
    after: dict[str, list[str]] = {node: [] for node in layer}
    for start, end in edges:
        before[end] += 1
        after[start].append(end)
    ready = [node for node in layer if not before[node]]
    sources = list(ready)
    while ready:
        node = ready.pop()
        for follower in after[node]:
            layer[follower] = max(layer[follower], layer[node] + 1)
            before[follower] -= 1
            if not before[follower]:
                ready.append(follower)
    for node in sources:
        if after[node]:
            layer[node] = min(layer[follower] for follower in after[node]) - 1
    return layer


def _chain(edge: Edge, layers: Mapping[str, int], hubs: Collection[str]) -> list[str]:
    """Return what an edge passes: its start, a lane in every column between, its end."""
    start, end = edge
    lane = f"{start}\0" if start in hubs else f"\0{end}" if end in hubs else f"{start}\0{end}"
    return [start, *(f"{lane}\0{column}" for column in range(layers[start] + 1, layers[end])), end]


def _placed(
    sizes: Mapping[str, tuple[float, float]],
    columns: Sequence[Sequence[str]],
    chains: Mapping[Edge, Sequence[str]],
    tops: Mapping[str, float],
    edges: Collection[Edge],
    hubs: Collection[str],
    column_gap: float,
) -> Layout:
    highest = min(tops.values(), default=0.0)
    x, boxes, columns_at = 0.0, {}, {}
    for column in columns:
        width = max((sizes[node][0] for node in column if node in sizes), default=0.0)
        for node in column:
            columns_at[node] = (x, x + width)
            if node in sizes:
                boxes[node] = Box(x + (width - sizes[node][0]) / 2, tops[node] - highest, *sizes[node])
        x += width + column_gap
    middles = {node: tops[node] - highest + (sizes[node][1] if node in sizes else LANE_HEIGHT) / 2 for node in tops}
    leaves = _ports(chains.values(), middles, boxes, hubs)
    arrives = _ports([chain[::-1] for chain in chains.values()], middles, boxes, hubs)
    routes = {}
    for (start, end), chain in chains.items():
        y = leaves[start, end]
        points = [(boxes[start].x + boxes[start].width, y), (columns_at[start][1], y)]
        for lane in chain[1:-1]:
            points += [(columns_at[lane][0], middles[lane]), (columns_at[lane][1], middles[lane])]
        y = arrives[end, start]
        points += [(columns_at[end][0], y), (boxes[end].x, y)]
        if (start, end) in edges:
            routes[start, end] = points
        if (end, start) in edges:
            routes[end, start] = points[::-1]
    height = max((box.y + box.height for box in boxes.values()), default=0.0)
    height = max([height, *(middle + LANE_HEIGHT / 2 for middle in middles.values())])
    return Layout(max(x - column_gap, 0.0), height, boxes, routes)


def _ports(
    chains: Iterable[Sequence[str]], middles: Mapping[str, float], boxes: Mapping[str, Box], hubs: Collection[str]
) -> dict[Edge, float]:
    """Return for the first and last node of each chain at which height the chain leaves the first.

    The edges of a hub leave at its middle, as one; those of another node a little apart, in the order of where they go, so that each
    arrow is seen.
    """
    leaving: dict[str, list[Sequence[str]]] = {}
    for chain in chains:
        leaving.setdefault(chain[0], []).append(chain)
    ports = {}
    for node, found in leaving.items():
        apart = 0.0 if node in hubs or len(found) < 2 else min(_PORT_GAP, boxes[node].height * 0.45 / (len(found) - 1))
        for place, chain in enumerate(sorted(found, key=lambda chain: (middles[chain[1]], chain[-1]))):
            ports[node, chain[-1]] = middles[node] + (place - (len(found) - 1) / 2) * apart
    return ports
