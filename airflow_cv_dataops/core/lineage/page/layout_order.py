"""Where the nodes of a layered drawing stand in their columns: the order from top to bottom, and then how far down."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise

_SWEEPS = 24
_SWAPS = 8
LANE_HEIGHT = 10.0

Edge = tuple[str, str]


def ordered(nodes: Iterable[str], layers: Mapping[str, int], chains: Mapping[Edge, Sequence[str]]) -> list[list[str]]:
    """Return the columns, each from top to bottom, with few crossings.

    :param chains: for each edge what it passes: its start, a lane in every column between, its end.
    """
    columns: list[list[str]] = [[] for _ in range(max(layers.values(), default=-1) + 1)]
    for node in nodes:
        columns[layers[node]].append(node)
    placed: set[str] = set()
    for (start, _), chain in chains.items():
        for offset, lane in enumerate(chain[1:-1], start=1):
            if lane not in placed:
                columns[layers[start] + offset].append(lane)
                placed.add(lane)
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
    _swap(best, left, right)
    return best


def _neighbours(chains: Mapping[Edge, Sequence[str]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return what stands left and right of each node and lane; a way that several edges share counts once."""
    left: dict[str, list[str]] = {}
    right: dict[str, list[str]] = {}
    for one, other in dict.fromkeys(pair for chain in chains.values() for pair in pairwise(chain)):
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
        above: list[int] = []
        for node in column:
            ends = [place[other] for other in right.get(node, ())]
            total += sum(len(above) - bisect_right(above, end) for end in ends)
            for end in ends:
                insort(above, end)
    return total


def _swap(columns: Sequence[list[str]], left: Mapping[str, Sequence[str]], right: Mapping[str, Sequence[str]]) -> None:
    """Swap neighbours of a column as long as that leaves fewer crossings.

    After Gansner, Koutsofios, North and Vo, "A Technique for Drawing Directed Graphs" (IEEE Transactions on Software Engineering, 1993).
    """
    place = {node: position for column in columns for position, node in enumerate(column)}

    def crossed(upper: str, lower: str) -> int:
        total = 0
        for neighbours in (left, right):
            ends = sorted(place[node] for node in neighbours.get(lower, ()))
            total += sum(bisect_left(ends, place[node]) for node in neighbours.get(upper, ()))
        return total

    for _ in range(_SWAPS):
        better = False
        for column in columns:
            for at in range(len(column) - 1):
                upper, lower = column[at], column[at + 1]
                if crossed(lower, upper) < crossed(upper, lower):
                    column[at], column[at + 1] = lower, upper
                    place[upper], place[lower] = at + 1, at
                    better = True
        if not better:
            return


def tops_of(
    columns: Sequence[Sequence[str]], chains: Mapping[Edge, Sequence[str]], heights: Mapping[str, float], gap: float
) -> dict[str, float]:
    """Return the top of each node and lane: as near to its neighbours' middles as its column lets it.

    :param heights: of the nodes; what has none is a lane.
    """
    height = {node: heights.get(node, LANE_HEIGHT) for column in columns for node in column}
    near = _weighted_neighbours(chains, heights)
    top: dict[str, float] = {}
    for column in columns:
        _stack(column, dict.fromkeys(column, 0.0), height, gap, top)
    for sweep in range(_SWEEPS):
        for column in columns if sweep % 2 == 0 else reversed(columns):
            wanted = {}
            for node in column:
                pulls = near.get(node) or [(node, 1)]
                middle = sum((top[other] + height[other] / 2) * weight for other, weight in pulls) / sum(weight for _, weight in pulls)
                wanted[node] = middle - height[node] / 2
            _stack(column, wanted, height, gap, top)
    return top


def _weighted_neighbours(chains: Mapping[Edge, Sequence[str]], nodes: Collection[str]) -> dict[str, list[tuple[str, int]]]:
    """Return what pulls at each node and lane, and how much: a way through several columns is to be straight first of all."""
    near: dict[str, list[tuple[str, int]]] = {}
    for one, other in dict.fromkeys(pair for chain in chains.values() for pair in pairwise(chain)):
        weight = (8, 2, 1)[(one in nodes) + (other in nodes)]
        near.setdefault(one, []).append((other, weight))
        near.setdefault(other, []).append((one, weight))
    return near


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
