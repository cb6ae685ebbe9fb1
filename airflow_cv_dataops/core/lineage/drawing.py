"""The lineage graph as SVG: datasets and jobs in columns, from what comes in to what is released."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from airflow_cv_dataops.core.lineage.graph import DatasetNode, JobNode, LineageGraph
from airflow_cv_dataops.core.lineage.layout import Box, Edge, Layout, layered
from airflow_cv_dataops.core.report.document import resource
from airflow_cv_dataops.core.report.plots import clean, cut

DATASET_HEIGHT, JOB_HEIGHT = 62.0, 44.0
_LETTER = 7.6  # pixels of a letter of a title, about
_LONGEST = 24
_MARGIN = 14.0


@dataclass(frozen=True)
class DrawnNode:
    """A dataset or job in the picture.

    :param id: stands in the page's addresses: ``d0``, ``d1``, … for datasets, ``j0``, … for jobs.
    :param title: the short name. :param lines: what stands below it.
    :param state: ``good``, ``bad`` or empty; its meaning is also in ``lines``.
    """

    id: str
    kind: str
    title: str
    full_name: str
    lines: tuple[str, ...]
    state: str

    @property
    def size(self) -> tuple[float, float]:
        longest = max(len(cut(self.title, _LONGEST)) * _LETTER, *(len(line) * 6.2 for line in self.lines))
        return round(longest) + 22, DATASET_HEIGHT if self.kind == "dataset" else JOB_HEIGHT


@dataclass(frozen=True)
class Drawing:
    """:param svg: an ``svg`` element, of classes that ``lineage.css`` gives colours to."""

    svg: str
    nodes: Mapping[str, DrawnNode]
    edges: Sequence[Edge]
    dataset_ids: Mapping[tuple[str, str], str]
    job_ids: Mapping[tuple[str, str], str]


def draw(graph: LineageGraph) -> Drawing:
    """Draw every dataset, and every job that reads or writes one."""
    connected = {job for _, job in graph.reads} | {job for job, _ in graph.writes}
    dataset_ids = {key: f"d{number}" for number, key in enumerate(graph.datasets)}
    job_ids = {key: f"j{number}" for number, key in enumerate(key for key in graph.jobs if key in connected)}
    nodes = {dataset_ids[key]: _dataset(dataset_ids[key], node) for key, node in graph.datasets.items()}
    nodes |= {job_ids[key]: _job(job_ids[key], graph.jobs[key]) for key in job_ids}
    edges = sorted((dataset_ids[dataset], job_ids[job]) for dataset, job in graph.reads)
    edges += sorted((job_ids[job], dataset_ids[dataset]) for job, dataset in graph.writes)
    layout = layered({node_id: node.size for node_id, node in nodes.items()}, edges, column_gap=36)
    return Drawing("".join(_svg(nodes, layout)), nodes, edges, dataset_ids, job_ids)


def standalone_svg(drawing: Drawing) -> bytes:
    """Return the drawing as a file of its own, in light or dark as the viewer has it."""
    style = f"<style>{clean_style(resource(__package__, 'lineage.css'))}</style>"
    return drawing.svg.replace(">", f">{style}", 1).encode()


def clean_style(style: str) -> str:
    """Return a style sheet as it may stand in XML."""
    return style.replace("&", "&amp;").replace("<", "&lt;")


def short_name(node: DatasetNode) -> str:
    """Return the last part of a table's name in its catalog, or of a path."""
    if node.alias:
        return node.alias.rpartition(".")[2] or node.alias
    return node.name.rstrip("/").rpartition("/")[2] or node.name or node.namespace


def task_name(node: JobNode) -> str:
    """Return the job's name without its DAG."""
    return node.name.partition(".")[2] or node.name


def in_words(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _dataset(node_id: str, node: DatasetNode) -> DrawnNode:
    unit = "file" if node.kind == "FILE" else "row"
    amount = f"{unit}s not counted" if node.rows is None else in_words(node.rows, unit)
    return DrawnNode(node_id, "dataset", short_name(node), node.alias or node.name, (amount, _health(node)), _dataset_state(node))


def _health(node: DatasetNode) -> str:
    """Return the second line: how many partitions are unhealthy, and otherwise how many there are."""
    keys = [key for key in node.partitions if key]
    if node.unhealthy:
        return f"▲ {len(node.unhealthy)} of {len(node.partitions)} unhealthy"
    return " · ".join([*(["● healthy"] if node.is_asserted else []), *([in_words(len(keys), "partition")] if keys else [])])


def _dataset_state(node: DatasetNode) -> str:
    return "bad" if node.unhealthy else "good" if node.is_asserted else ""


def _job(node_id: str, node: JobNode) -> DrawnNode:
    last = node.runs[-1].state
    runs = sum(node.ended.values()) + sum(run.state == "running" for run in node.runs)
    words = f"{in_words(runs, 'run')} · {'▲ ' if last in ('failed', 'aborted') else ''}{'last ' if runs > 1 else ''}{last}"
    return DrawnNode(node_id, "job", task_name(node), node.name, (words,), "bad" if last in ("failed", "aborted") else "")


def _svg(nodes: Mapping[str, DrawnNode], layout: Layout) -> Iterator[str]:
    width, height = layout.width + 2 * _MARGIN, layout.height + 2 * _MARGIN
    yield f'<svg xmlns="http://www.w3.org/2000/svg" class="lineage" role="group" aria-label="Lineage graph" width="{width:.0f}"'
    yield f' height="{height:.0f}" viewBox="{-_MARGIN:.0f} {-_MARGIN:.0f} {width:.0f} {height:.0f}">'
    yield '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    yield '<path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>'
    yield '<g class="edges">'
    for (start, end), points in layout.routes.items():
        yield f'<path class="edge" data-from="{start}" data-to="{end}" d="{_curve(points)}" marker-end="url(#arrow)"/>'
    yield "</g>"
    for node_id, box in layout.boxes.items():
        yield _node(nodes[node_id], box)
    yield "</svg>"


def _curve(points: Sequence[tuple[float, float]]) -> str:
    """Return a path that is straight within a column and bends in the gap between two."""
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x, y), (to_x, to_y) in pairwise(points):
        middle = (x + to_x) / 2
        path += f"L{to_x:.1f} {to_y:.1f}" if abs(y - to_y) < 0.1 else f"C{middle:.1f} {y:.1f} {middle:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"
    return path


def _node(node: DrawnNode, box: Box) -> str:
    radius = 9 if node.kind == "dataset" else box.height / 2
    spoken = f"{node.kind} {node.full_name}: {', '.join(line.lstrip('▲● ') for line in node.lines if line)}"
    middle = box.x + box.width / 2
    first = box.y + (23 if node.kind == "dataset" else 19)
    texts = f'<text class="title" x="{middle:.1f}" y="{first:.1f}">{clean(cut(node.title, _LONGEST))}</text>'
    for number, line in enumerate(node.lines):
        kind = "line" if number == 0 and node.kind == "dataset" else "line state"
        texts += f'<text class="{kind}" x="{middle:.1f}" y="{first + 16 * (number + 1):.1f}">{clean(line)}</text>'
    frame = f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="{radius:.0f}"/>'
    opened = f'<a class="node {node.kind} {node.state}" id="node-{node.id}" href="#{node.id}" aria-label="{clean(spoken)}">'
    return f"{opened}<title>{clean(node.full_name)}</title>{frame}{texts}</a>"
