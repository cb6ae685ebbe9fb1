"""The lineage graph as SVG: datasets and jobs in columns, from what comes in to what is released."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from airflow_cv_dataops.core.lineage.page.drawing_nodes import DrawnNode, drawn_dataset, drawn_job, job_titles, titles
from airflow_cv_dataops.core.lineage.page.graph_names import Name
from airflow_cv_dataops.core.lineage.page.graph_nodes import LineageGraph
from airflow_cv_dataops.core.lineage.page.layout import Box, Edge, Layout, layered
from airflow_cv_dataops.core.report.document import resource
from airflow_cv_dataops.core.report.plots import clean

_MARGIN = 14.0


@dataclass(frozen=True)
class Picture:
    """One drawing of the graph.

    :param svg: an ``svg`` element, of classes that ``lineage.css`` gives colours to. :param width: in pixels.
    """

    svg: str
    width: float


@dataclass(frozen=True)
class Drawing:
    """The graph as it is drawn.

    :param full: everything. :param brief: without bookkeeping tables; ``None`` where there are none.
    """

    full: Picture
    brief: Picture | None
    nodes: Mapping[str, DrawnNode]
    edges: Sequence[Edge]
    dataset_ids: Mapping[Name, str]
    job_ids: Mapping[Name, str]


def draw(graph: LineageGraph) -> Drawing:
    """Draw every dataset, and every job that reads or writes one."""
    connected = {job for _, job in graph.reads} | {job for job, _ in graph.writes}
    written = {dataset for _, dataset in graph.writes}
    dataset_ids = {key: f"d{number}" for number, key in enumerate(graph.datasets)}
    job_ids = {key: f"j{number}" for number, key in enumerate(key for key in graph.jobs if key in connected)}
    short, tasks = titles(graph), job_titles(graph.jobs[key] for key in job_ids)
    nodes = {
        dataset_ids[key]: drawn_dataset(dataset_ids[key], node, short[key], is_written=key in written)
        for key, node in graph.datasets.items()
    }
    nodes |= {job_ids[key]: drawn_job(job_ids[key], graph.jobs[key], tasks[key]) for key in job_ids}
    # In the order in which they came up: an edge that closes a circle, as of a model that labels what it will learn from, is seen as such.
    first = {dataset_ids[key]: graph.datasets[key].first for key in dataset_ids} | {job_ids[key]: graph.jobs[key].first for key in job_ids}
    nodes = {node_id: nodes[node_id] for node_id in sorted(nodes, key=lambda node_id: first[node_id])}
    edges = sorted((dataset_ids[dataset], job_ids[job]) for dataset, job in graph.reads)
    edges += sorted((job_ids[job], dataset_ids[dataset]) for job, dataset in graph.writes)
    return Drawing(_picture(nodes, edges, "full"), _brief(nodes, edges), nodes, edges, dataset_ids, job_ids)


def standalone_svg(drawing: Drawing) -> bytes:
    """Return the drawing as a file of its own, in light or dark as the viewer has it."""
    style = f"<style>{clean_style(resource(__package__, 'lineage.css'))}</style>"
    return drawing.full.svg.replace(">", f">{style}", 1).encode()


def clean_style(style: str) -> str:
    """Return a style sheet as it may stand in XML."""
    return style.replace("&", "&amp;").replace("<", "&lt;")


def _brief(nodes: Mapping[str, DrawnNode], edges: Sequence[Edge]) -> Picture | None:
    """Draw what remains without bookkeeping tables: other datasets, and jobs that read or write one of these."""
    left_out = {node_id for node_id, node in nodes.items() if node.role == "bookkeeping"}
    kept = [edge for edge in edges if not left_out.intersection(edge)]
    connected = {node_id for edge in kept for node_id in edge}
    shown = {
        node_id: node for node_id, node in nodes.items() if node_id in connected or (node.kind == "dataset" and node_id not in left_out)
    }
    return _picture(shown, kept, "brief") if left_out and shown else None


def _picture(nodes: Mapping[str, DrawnNode], edges: Sequence[Edge], name: str) -> Picture:
    """:param name: keeps the ids of one picture apart from those of another in the same page."""
    # All edges into or out of a dataset that run far share a way: a table that every step writes would else fill the picture with lines.
    hubs = {node_id for node_id, node in nodes.items() if node.kind == "dataset"}
    layout = layered({node_id: node.size for node_id, node in nodes.items()}, edges, hubs=hubs, column_gap=30, row_gap=16)
    return Picture("".join(_svg(nodes, layout, name)), layout.width + 2 * _MARGIN)


def _svg(nodes: Mapping[str, DrawnNode], layout: Layout, name: str) -> Iterator[str]:
    width, height = layout.width + 2 * _MARGIN, layout.height + 2 * _MARGIN
    yield f'<svg xmlns="http://www.w3.org/2000/svg" class="lineage" role="group" aria-label="Lineage graph" width="{width:.0f}"'
    yield f' height="{height:.0f}" viewBox="{-_MARGIN:.0f} {-_MARGIN:.0f} {width:.0f} {height:.0f}">'
    yield f'<defs><marker id="{name}-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerUnits="userSpaceOnUse" markerWidth="8"'
    yield ' markerHeight="8" orient="auto">'
    yield '<path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>'
    yield '<g class="edges">'
    # What is light is drawn first, so that it runs below.
    for (start, end), points in sorted(layout.routes.items(), key=lambda route: not _is_light(nodes, route[0])):
        light = " light" if _is_light(nodes, (start, end)) else ""
        yield f'<path class="edge{light}" data-from="{start}" data-to="{end}" d="{_curve(points)}" marker-end="url(#{name}-arrow)"/>'
    yield "</g>"
    for node_id, box in layout.boxes.items():
        yield _node(nodes[node_id], box, name)
    yield "</svg>"


def _is_light(nodes: Mapping[str, DrawnNode], edge: Edge) -> bool:
    return any(nodes[end].role == "bookkeeping" for end in edge)


def _curve(points: Sequence[tuple[float, float]]) -> str:
    """Return a path that is straight within a column and bends in the gap between two."""
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x, y), (to_x, to_y) in pairwise(points):
        middle = (x + to_x) / 2
        path += f"L{to_x:.1f} {to_y:.1f}" if abs(y - to_y) < 0.1 else f"C{middle:.1f} {y:.1f} {middle:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"
    return path


def _node(node: DrawnNode, box: Box, picture: str) -> str:
    radius = 15 if node.kind == "job" else 7
    middle = box.x + box.width / 2
    first = box.y + (21 if len(node.lines) > 1 else 19)
    texts = f'<text class="title" x="{middle:.1f}" y="{first:.1f}">{clean(node.title)}</text>'
    for number, line in enumerate(node.lines):
        kind = "line state" if number == len(node.lines) - 1 else "line"
        texts += f'<text class="{kind}" x="{middle:.1f}" y="{first + 16 * (number + 1):.1f}">{clean(line)}</text>'
    frame = f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="{radius}"/>'
    classes = " ".join(dict.fromkeys(part for part in ("node", node.kind, node.role, node.state) if part))
    opened = f'<a class="{classes}" id="{picture}-{node.id}" href="#{node.id}" data-id="{node.id}" aria-label="{clean(node.spoken)}">'
    hint = "\n".join(clean(" ".join(part.split())) for part in (node.full_name, node.description.partition("\n\n")[0]) if part)
    return f"{opened}<title>{hint}</title>{frame}{texts}</a>"
