"""A layered drawing of a directed graph: every node in a column, every edge from left to right, no edge through a box.

After Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System Structures" (IEEE Transactions on Systems,
Man, and Cybernetics, 1981): columns by longest path, order within a column by barycenters, and a lane of its own for an edge in
each column that it passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

_SWEEPS = 24
LANE_HEIGHT = 10.0

Edge = tuple[str, str]


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


def layered(sizes: Mapping[str, tuple[float, float]], edges: Iterable[Edge], *, column_gap: float = 44, row_gap: float = 18) -> Layout:
    """Lay a graph out.

    :param sizes: width and height of each node, in pixels.
    :param edges: between these nodes; a cycle is drawn with an edge that runs back, and an edge from a node to itself not at all.
    """
    kept = list(dict.fromkeys(edge for edge in edges if edge[0] != edge[1]))
    forward = _without_cycles(sizes, kept)
    layers = _layers(sizes, forward)
    chains = {edge: _chain(edge, layers) for edge in forward}
    columns = _ordered(sizes, layers, chains)
    heights = {node: size[1] for node, size in sizes.items()}
    tops = _rows(columns, chains, heights, row_gap)
    return _placed(sizes, columns, chains, tops, set(kept), column_gap)


def _without_cycles(nodes: Iterable[str], edges: Sequence[Edge]) -> list[Edge]:
    """Return the edges, those that close a cycle turned round (depth first, without recursion)."""
    following: dict[str, list[str]] = {node: [] for node in nodes}
    for start, end in edges:
        following[start].append(end)
    done: set[str] = set()
    back: set[Edge] = set()
    for root in following:
        path: dict[str, int] = {}
        stack = [root] if root not in done else []
        while stack:
            node = stack[-1]
            at = path.get(node, 0)
            if at == len(following[node]):
                stack.pop()
                path.pop(node, None)
                done.add(node)
                continue
            path[node] = at + 1
            after = following[node][at]
            if after in path:
                back.add((node, after))
            elif after not in done:
                stack.append(after)
    return list(dict.fromkeys((end, start) if (start, end) in back else (start, end) for start, end in edges))


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


def _chain(edge: Edge, layers: Mapping[str, int]) -> list[str]:
    """Return what an edge passes: its start, a lane in every column between, its end."""
    start, end = edge
    return [start, *(f"{start}\0{end}\0{column}" for column in range(layers[start] + 1, layers[end])), end]


def _ordered(nodes: Iterable[str], layers: Mapping[str, int], chains: Mapping[Edge, Sequence[str]]) -> list[list[str]]:
    """Return the columns, each from top to bottom, with few crossings."""
    columns: list[list[str]] = [[] for _ in range(max(layers.values(), default=-1) + 1)]
    for node in nodes:
        columns[layers[node]].append(node)
    for (start, _), chain in chains.items():
        for offset, lane in enumerate(chain[1:-1], start=1):
            columns[layers[start] + offset].append(lane)
    left, right = _neighbours(chains)
    best, fewest = [list(column) for column in columns], _crossings(columns, right)
    for sweep in range(_SWEEPS):
        forth = sweep % 2 == 0
        for index in range(len(columns)) if forth else reversed(range(len(columns))):
            neighbours = left if forth else right
            beside = index - 1 if forth else index + 1
            if 0 <= beside < len(columns):
                columns[index] = _by_barycenter(columns[index], columns[beside], neighbours)
        crossings = _crossings(columns, right)
        if crossings < fewest:
            best, fewest = [list(column) for column in columns], crossings
    return best


def _neighbours(chains: Mapping[Edge, Sequence[str]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    left: dict[str, list[str]] = {}
    right: dict[str, list[str]] = {}
    for chain in chains.values():
        for one, other in pairwise(chain):
            right.setdefault(one, []).append(other)
            left.setdefault(other, []).append(one)
    return left, right


def _by_barycenter(column: Sequence[str], beside: Sequence[str], neighbours: Mapping[str, Sequence[str]]) -> list[str]:
    place = {node: position for position, node in enumerate(beside)}

    def center(item: tuple[int, str]) -> tuple[float, int]:
        position, node = item
        near = [place[other] for other in neighbours.get(node, ())]
        return (sum(near) / len(near) if near else position * len(beside) / max(len(column), 1)), position

    return [node for _, node in sorted(enumerate(column), key=center)]


def _crossings(columns: Sequence[Sequence[str]], right: Mapping[str, Sequence[str]]) -> int:
    total = 0
    for column, beside in pairwise(columns):
        place = {node: position for position, node in enumerate(beside)}
        ends = [place[other] for node in column for other in sorted(right.get(node, ()), key=place.__getitem__)]
        total += sum(ends[one] > ends[other] for one in range(len(ends)) for other in range(one + 1, len(ends)))
    return total


def _rows(
    columns: Sequence[Sequence[str]], chains: Mapping[Edge, Sequence[str]], heights: Mapping[str, float], gap: float
) -> dict[str, float]:
    """Return the top of each node and lane: as near to its neighbours' middles as its column lets it."""
    height = {node: heights.get(node, LANE_HEIGHT) for column in columns for node in column}
    left, right = _neighbours(chains)
    top: dict[str, float] = {}
    for column in columns:
        _stack(column, dict.fromkeys(column, 0.0), height, gap, top)
    for sweep in range(_SWEEPS):
        for column in columns if sweep % 2 == 0 else reversed(columns):
            wanted = {}
            for node in column:
                near = [*left.get(node, ()), *right.get(node, ())]
                middle = sum(top[other] + height[other] / 2 for other in near) / len(near) if near else top[node] + height[node] / 2
                wanted[node] = middle - height[node] / 2
            _stack(column, wanted, height, gap, top)
    return top


def _stack(column: Sequence[str], wanted: Mapping[str, float], height: Mapping[str, float], gap: float, top: dict[str, float]) -> None:
    """Place a column's nodes, in their order and a gap apart, with the least squares of distances to what each wants.

    Nodes that would overlap become a block which sits at the mean of their wishes (pool adjacent violators).
    """
    blocks: list[tuple[float, int]] = []  # mean of the wishes less what lies above within the column; number of nodes
    above = 0.0
    for node in column:
        blocks.append((wanted[node] - above, 1))
        above += height[node] + gap
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (mean, count), (other, more) = blocks.pop(-2), blocks.pop()
            blocks.append(((mean * count + other * more) / (count + more), count + more))
    above, nodes = 0.0, iter(column)
    for mean, count in blocks:
        for _ in range(count):
            node = next(nodes)
            top[node] = mean + above
            above += height[node] + gap


def _placed(
    sizes: Mapping[str, tuple[float, float]],
    columns: Sequence[Sequence[str]],
    chains: Mapping[Edge, Sequence[str]],
    tops: Mapping[str, float],
    edges: set[Edge],
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
    routes = {}
    for (start, end), chain in chains.items():
        points = [
            (boxes[start].x + boxes[start].width, boxes[start].y + boxes[start].height / 2),
            (columns_at[start][1], boxes[start].y + boxes[start].height / 2),
        ]
        for lane in chain[1:-1]:
            y = tops[lane] - highest + LANE_HEIGHT / 2
            points += [(columns_at[lane][0], y), (columns_at[lane][1], y)]
        middle = boxes[end].y + boxes[end].height / 2
        points += [(columns_at[end][0], middle), (boxes[end].x, middle)]
        if (start, end) in edges:
            routes[start, end] = points
        if (end, start) in edges:
            routes[end, start] = points[::-1]
    height = max((tops[node] - highest + (sizes[node][1] if node in sizes else LANE_HEIGHT) for node in tops), default=0.0)
    return Layout(max(x - column_gap, 0.0), height, boxes, routes)
