"""What stands in the boxes of the lineage graph: a short name that tells a dataset from all others, what it is, and how it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from unicodedata import combining, east_asian_width

from airflow_cv_dataops.core.lineage.page.graph_names import Name
from airflow_cv_dataops.core.lineage.page.graph_nodes import DatasetNode, JobNode, LineageGraph

ROLES = {"files": "files", "table": "table", "release": "release", "bookkeeping": "metrics and rejects"}
"""What datasets are in the picture, with the words of its legend."""
_BOOKKEEPING = ("metrics", "rejects")
_RELEASE = ("releases", "release_items")
_HEIGHTS = {"job": 44.0, "bookkeeping": 46.0}
_DATASET_HEIGHT = 62.0
_LONGEST = 26
_DEEPEST = 8
_TITLE_SIZE, _LINE_SIZE = 13.5, 11.5  # pixels, as in lineage.css


@dataclass(frozen=True)
class DrawnNode:
    """A dataset or job in the picture.

    :param id: stands in the page's addresses: ``d0``, ``d1``, … for datasets, ``j0``, … for jobs.
    :param role: one of ``ROLES``, or ``job``. :param title: the short name. :param lines: what stands below it.
    :param state: ``good``, ``warned``, ``bad`` or empty; its meaning is also in the last of ``lines``.
    """

    id: str
    role: str
    title: str
    full_name: str
    lines: tuple[str, ...]
    state: str
    description: str = ""

    @property
    def spoken(self) -> str:
        """What is said to whoever hears the page."""
        what = "table" if self.role == "bookkeeping" else self.role
        lines = [line.replace("✓ ", "complete, ").lstrip("▲△● ") for line in self.lines if line]
        return f"{what} {self.full_name}: {', '.join(lines)}"

    @property
    def kind(self) -> str:
        return "job" if self.role == "job" else "dataset"

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in pixels."""
        widest = max(1.12 * _width(self.title) * _TITLE_SIZE, *(_width(line) * _LINE_SIZE for line in self.lines))
        return round(widest) + 20, _HEIGHTS.get(self.role, _DATASET_HEIGHT)


def drawn_dataset(node_id: str, node: DatasetNode, title: str, *, is_written: bool) -> DrawnNode:
    role = _role(node, is_written=is_written)
    unit = "file" if node.kind == "FILE" else "row"
    uncounted = "not written yet" if node.is_announced_alone else f"{unit}s not counted"
    amount = uncounted if node.rows is None else in_words(node.rows, unit)
    health = _health(node)
    # Of bookkeeping one line is enough, unless something is wrong with it.
    lines = (health if "▲" in health else amount,) if role == "bookkeeping" else (amount, health)
    return DrawnNode(node_id, role, title, node.name or node.namespace, lines, _state(node), node.description)


def drawn_job(node_id: str, node: JobNode, title: str) -> DrawnNode:
    last = node.runs[-1].state
    runs = sum(node.ended.values()) + sum(run.state == "running" for run in node.runs)
    is_bad = last in ("failed", "aborted")
    words = f"{in_words(runs, 'run')} · {'▲ ' if is_bad else ''}{'last ' if runs > 1 else ''}{last}"
    # What is as it should be is said shortly: the widths of boxes add up to the width of the picture.
    words = f"✓ {in_words(runs, 'run')}" if last == "complete" else words
    return DrawnNode(node_id, "job", title, node.name, (words,), "bad" if is_bad else "", node.description)


def titles(graph: LineageGraph) -> Mapping[Name, str]:
    """Return a short name for each dataset: of a table the table alone where all are of one dataset, of a path its last two parts.

    Where two would read alike, more parts of their names are taken, and in the end the namespace.
    """
    parts = {key: _parts(node) for key, node in graph.datasets.items()}
    families = {(key[0], *parts[key][:-1]) for key, node in graph.datasets.items() if not _is_path(node)}
    depths = {key: 2 if _is_path(node) or len(families) > 1 else 1 for key, node in graph.datasets.items()}
    names: dict[Name, str] = {}
    for _ in range(_DEEPEST):
        names = {key: ("/" if _is_path(node) else ".").join(parts[key][-depths[key] :]) for key, node in graph.datasets.items()}
        alike = Counter(names.values())
        deeper = [key for key, name in names.items() if alike[name] > 1 and depths[key] < len(parts[key])]
        if not deeper:
            break
        for key in deeper:
            depths[key] += 1
    alike = Counter(names.values())
    return {key: shortened(name) if alike[name] == 1 else f"{shortened(name)} ({shortened(key[0])})" for key, name in names.items()}


def job_titles(jobs: Iterable[JobNode]) -> Mapping[Name, str]:
    """Return a short name for each job: its task, with the DAG where several have a task of that name."""
    found = list(jobs)
    alike = Counter(task_name(job) for job in found)
    return {(job.namespace, job.name): shortened(task_name(job) if alike[task_name(job)] == 1 else job.name) for job in found}


def shortened(name: str) -> str:
    """Return a name of bearable length; its end says more than its beginning."""
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST // 4]}…{name[1 - _LONGEST + _LONGEST // 4 :]}"


def task_name(node: JobNode) -> str:
    """Return the job's name without its DAG."""
    return node.name.partition(".")[2] or node.name


def in_words(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _is_path(node: DatasetNode) -> bool:
    return node.kind == "FILE" or "/" in node.name or "." not in node.name


def _parts(node: DatasetNode) -> list[str]:
    """Return what a name is made of, outermost first; never nothing."""
    return [part for part in node.name.split("/" if _is_path(node) else ".") if part] or [node.name or node.namespace or "(no name)"]


def _role(node: DatasetNode, *, is_written: bool) -> str:
    if node.kind == "FILE" or (not node.kind and not is_written and "/" in node.name):
        return "files"
    last = _parts(node)[-1]
    return "bookkeeping" if last in _BOOKKEEPING else "release" if last in _RELEASE else "table"


def _health(node: DatasetNode) -> str:
    """Return the second line: how many partitions are unhealthy or warned of, and otherwise that all is well or how many there are."""
    if node.unhealthy:
        return f"▲ {len(node.unhealthy)} of {len(node.partitions)} unhealthy"
    if node.warned:
        return f"△ {len(node.warned)} of {len(node.partitions)} with warnings"
    keys = [key for key in node.partitions if key]
    return "● healthy" if node.is_asserted else in_words(len(keys), "partition") if keys else ""


def _state(node: DatasetNode) -> str:
    return "bad" if node.unhealthy else "warned" if node.warned else "good" if node.is_asserted else ""


def _width(text: str) -> float:
    """Return about how wide a text is at most, in its size: which of the system's fonts it will be drawn in is not known here."""
    return sum(map(_letter_width, text))


def _letter_width(letter: str) -> float:
    if combining(letter):
        return 0.0
    if letter in "ijlftrI.,:;'|!()[]/ ":
        return 0.41
    if letter in "mwMW@%—▲△●✓…":
        return 1.0
    if letter < "\u0250":
        return 0.72 if letter.isupper() else 0.63
    return 1.1 if east_asian_width(letter) in "WF" else 0.9
