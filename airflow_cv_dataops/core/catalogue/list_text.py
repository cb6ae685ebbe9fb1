"""The datasets of a catalog as text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from airflow_cv_dataops.core.catalogue.facts import DatasetEntry, StageMove
from airflow_cv_dataops.core.catalogue.text_table import Column, table_lines
from airflow_cv_dataops.core.catalogue.words import ago, harmless, iso_minutes, number

NO_DATASET = (
    "There is no dataset in this catalog yet. An ingest makes one: ImageIngestOperator in a DAG, or ingest_images in Python.\n"
    "If there should be one, look whether this is the catalog that the DAGs write to (--home, --conn-id)."
)
NOTHING = "–"


def list_text(entries: Sequence[DatasetEntry], *, width: int | None, now: datetime) -> str:
    """Return a table of datasets. :param width: of the terminal; ``None``: whatever it takes."""
    if not entries:
        return NO_DATASET
    told = [entry for entry in entries if entry.problem is None]
    lines = table_lines(_columns(told, now), width) if told else []
    for entry in entries:
        if entry.problem is not None:
            lines += ["", f"{entry.name} cannot be read: {harmless(entry.problem)}"]
    return "\n".join(lines).lstrip("\n")


def when(moment: datetime | None, now: datetime) -> tuple[str, ...]:
    """Return ways to say a time: in words with ISO, and in words."""
    if moment is None:
        return NOTHING, NOTHING
    return f"{ago(moment, now)}, {iso_minutes(moment)}", ago(moment, now)


def _columns(entries: Sequence[DatasetEntry], now: datetime) -> list[Column]:
    return [
        Column("dataset", [(entry.name,) for entry in entries], cut_to=12),
        Column("partitions", [(number(entry.partitions_count),) for entry in entries], is_number=True),
        Column("newest", [(entry.newest_partition or NOTHING,) for entry in entries], cut_to=10),
        Column("images", [(number(entry.images_count),) for entry in entries], is_number=True),
        Column("labels", [(number(entry.labels_count),) for entry in entries], is_number=True),
        Column("images\nwritten", [when(entry.images_written_at, now) for entry in entries], goes=2),
        Column("labels\nwritten", [when(entry.labels_written_at, now) for entry in entries], goes=1),
        Column("stages", [(_stages(entry.stages),) for entry in entries], cut_to=14),
    ]


def _stages(stages: Sequence[StageMove]) -> str:
    # The release first: where the column is cut, it stays.
    return ", ".join(f"{move.release} {move.stage}" for move in stages) or NOTHING
