"""One dataset as text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime

from airflow_cv_dataops.core.catalogue.facts import NOT_AUDITED, DatasetDetails, PartitionFacts, ReleaseFacts, StageMove
from airflow_cv_dataops.core.catalogue.list_text import NOTHING, when
from airflow_cv_dataops.core.catalogue.text_table import Column, table_lines
from airflow_cv_dataops.core.catalogue.words import harmless, number
from airflow_cv_dataops.core.wording import counted

_WIDEST_TEXT = 100
_LEAST_TEXT = 20
_TOGETHER = "\u00a0"  # a space at which no line is broken


def show_text(details: DatasetDetails, *, width: int | None, now: datetime) -> str:
    """Return a dataset's facts, then tables of its stages, releases and partitions. :param width: of the terminal; ``None``: any."""
    lines = [details.name, *_facts(details, width, now)]
    if details.stages:
        lines += ["", "Stages", *table_lines(_move_columns(details.stages, now), width)]
    if details.moves_count > len(details.stages):
        lines += ["", _heading("Moves of stages", len(details.moves), details.moves_count)]
        lines += table_lines(_move_columns(details.moves, now), width)
    if details.releases:
        lines += ["", _heading("Releases", len(details.releases), details.releases_count)]
        lines += table_lines(_release_columns(details.releases, now), width)
    if details.partitions:
        lines += ["", _heading("Partitions", len(details.partitions), details.partitions_count)]
        lines += table_lines(_partition_columns(details.partitions, now), width)
    return "\n".join(lines)


def _facts(details: DatasetDetails, width: int | None, now: datetime) -> Iterator[str]:
    """Yield the lines of what is told of the dataset as a whole."""
    said = details.description
    counts = {table: f"{table}{_TOGETHER}{number(rows)}" for table, rows in details.rows.items()}
    newest = f", the newest {details.newest_partition}" if details.newest_partition else ""
    facts = {
        "description": said.description,
        "owner": said.owner,
        "licence": said.license,
        "notes": said.notes,
        **said.others,
        "partitions": f"{number(details.partitions_count)}{newest}",
        "images": _with_time(details.images_count, details.images_written_at, now),
        "labels": _with_time(details.labels_count, details.labels_written_at, now),
    }
    told = {name: harmless(value) for name, value in facts.items() if value}
    told["tables"] = ", ".join(counts.get(table, table) for table in details.tables)
    margin = max(map(len, told)) + 4
    room = _WIDEST_TEXT if width is None else max(min(width - margin, _WIDEST_TEXT), _LEAST_TEXT)
    for name, value in told.items():
        for at, line in enumerate(textwrap.wrap(value, room)):
            yield f"  {'' if at else name:<{margin - 2}}{line.replace(_TOGETHER, ' ')}"


def _with_time(count: int, written: datetime | None, now: datetime) -> str:
    return number(count) if written is None else f"{number(count)}, written {when(written, now)[0]}"


def _heading(what: str, shown: int, count: int) -> str:
    return f"{what}, the newest first" if shown == count else f"{what}: {number(shown)} of {number(count)}, the newest first"


def _move_columns(moves: Sequence[StageMove], now: datetime) -> list[Column]:
    columns = [
        Column("stage", [(move.stage,) for move in moves], cut_to=10),
        Column("release", [(move.release,) for move in moves]),
        Column("since" if len({move.stage for move in moves}) == len(moves) else "when", [when(move.created_at, now) for move in moves]),
        Column("from", [(move.parent or NOTHING,) for move in moves], goes=1),
        Column("by", [(_run(move),) for move in moves], cut_to=16),
    ]
    if any(move.action != "promotion" for move in moves):
        columns.insert(4, Column("how", [(move.action,) for move in moves]))
    if any(move.notes for move in moves):
        columns.append(Column("notes", [(move.notes or "",) for move in moves], cut_to=12))
    return columns


def _run(move: StageMove) -> str:
    return " ".join(name for name in (move.dag_id, move.run_id) if name) or NOTHING


def _release_columns(releases: Sequence[ReleaseFacts], now: datetime) -> list[Column]:
    return [
        Column("release", [(one.release,) for one in releases]),
        Column("made", [when(one.created_at, now) for one in releases]),
        Column("images", [(number(one.images),) for one in releases], is_number=True),
        Column("labels", [(number(one.labels),) for one in releases], is_number=True),
        Column("before", [(one.parent or NOTHING,) for one in releases], goes=1),
        Column("gates", [(_gates(one),) for one in releases], cut_to=12),
        Column("stages now", [(", ".join(one.stages) or NOTHING,) for one in releases], cut_to=10),
    ]


def _gates(release: ReleaseFacts) -> str:
    gates = release.gates
    if not gates.asked:
        return "none asked"
    failed = f"; failed: {', '.join(gates.failed)}" if gates.failed else ""
    return f"{gates.passed} of {counted(gates.asked, 'gate')} passed{failed}"


def _partition_columns(partitions: Sequence[PartitionFacts], now: datetime) -> list[Column]:
    def numbers(values: Sequence[int]) -> list[tuple[str, ...]]:
        return [(number(value),) for value in values]

    return [
        Column("partition", [(one.partition_key,) for one in partitions], cut_to=10),
        Column("images", numbers([one.images for one in partitions]), is_number=True),
        Column("rejects", numbers([one.rejects for one in partitions]), is_number=True, goes=3),
        Column("labels", numbers([one.labels for one in partitions]), is_number=True),
        Column("predic-\ntions", numbers([one.predictions for one in partitions]), is_number=True, goes=4),
        Column("errors", numbers([one.findings["error"] for one in partitions]), is_number=True),
        Column("warn-\nings", numbers([one.findings["warning"] for one in partitions]), is_number=True, goes=5),
        Column("infos", numbers([one.findings["info"] for one in partitions]), is_number=True, goes=2),
        Column("samples", numbers([one.samples for one in partitions]), is_number=True, goes=1),
        Column("written", [when(one.written_at, now) for one in partitions]),
        Column("audit", [(NOTHING if one.audit == NOT_AUDITED else one.audit,) for one in partitions]),
    ]
