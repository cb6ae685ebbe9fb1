"""From what people say of a dataset to its table, and to the cards of the releases that its stages hold."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import datetime

from airflow_cv_dataops.core.release.card.card import write_card_if_possible
from airflow_cv_dataops.core.release.descriptions import stated_fields, write_fields
from airflow_cv_dataops.core.release.lookup import DEFAULT_STAGE, release_at, releases_at
from airflow_cv_dataops.core.step_lineage import DatasetUse, StepLineage
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.summary import StepResult, Summary

log = logging.getLogger(__name__)


def describe_dataset(
    dataset: Dataset,
    *,
    description: str | None = None,
    owner: str | None = None,
    license: str | None = None,  # noqa: A002 (what the field is called)
    notes: str | None = None,
    stages: Sequence[str] | None = None,
    others: Mapping[str, str] | None = None,
    take_back: Sequence[str] = (),
    cards: bool = True,
    said_by: str | None = None,
    said_at: datetime | None = None,
    partition_key: str | None = None,
) -> StepResult:
    """Say what a dataset is, for people; what is not given stays as it was said before.

    Each field is written by itself, and only where it says something else than before: two people who edit different fields at once do not
    disturb each other. Then the cards of the releases that stages hold are written anew.

    :param description: what is in the dataset and what it is for; at most 20,000 characters, as ``notes``. Texts are shown as they are,
        with their line breaks, not as Markdown.
    :param owner: who answers for it; at most 500 characters.
    :param license: an SPDX id such as ``CC-BY-4.0``, or words; at most 500 characters.
    :param notes: anything else that who uses it should know.
    :param stages: the stages in which a release goes up, first to last, e.g. ``["staging", "production"]``.
    :param others: further fields by name (lower-case letters, digits, ``_``), e.g. ``{"contact": "labels@example.com"}``.
    :param take_back: names of fields of which nothing is said any more.
    :param cards: whether cards are written anew; one that cannot be written is logged, and no reason to fail.
    :param said_by: who says so; only recorded, as ``said_at``.
    :param said_at: default: now.
    :param partition_key: of the run, for the summary.
    :raises ConfigurationError: a field cannot be used.
    :raises DatasetNotFoundError: there is no such dataset.
    """
    started = time.monotonic()
    fields = stated_fields(
        description=description, owner=owner, license=license, notes=notes, stages=stages, others=others, take_back=take_back
    )
    changed = write_fields(dataset, fields, said_by, said_at)
    log.info("%s of %s: %s", "Said" if changed else "Nothing new is said", dataset.name, ", ".join(changed) or "no field differs")
    written = _write_cards(dataset) if cards else {}
    snapshot_id, report_uri = dataset.snapshot_id("descriptions"), written.get(DEFAULT_STAGE) or next(iter(written.values()), None)
    summary = Summary(
        dataset=dataset.name,
        partition_key=partition_key,
        snapshot_id=snapshot_id,
        counts={"fields": len(fields), "changed": len(changed), "cards": len(written)},
        report_uri=report_uri,
        duration_seconds=time.monotonic() - started,
        details={"changed": list(changed), "cards": written},
    )
    outputs = (dataset.table_use("descriptions", snapshot_id=snapshot_id, rows=len(changed)),)
    return StepResult(summary, StepLineage("description", _read(dataset), outputs, facts={"reportUri": report_uri} if report_uri else {}))


def _write_cards(dataset: Dataset) -> dict[str, str]:
    """Return the URI of the card of each stage's release, of those that could be written."""
    head = dataset.snapshot_id("releases")
    written: dict[str, str] = {}
    for stage in sorted({row["stage"] for row in releases_at(dataset, head)}):
        release = release_at(dataset, stage, head)
        assert release is not None
        if uri := write_card_if_possible(release):
            written[stage] = uri
    return written


def _read(dataset: Dataset) -> tuple[DatasetUse, ...]:
    """Describe what cards are made for. Without an input Marquez would hide the job's edges."""
    snapshot_id = dataset.snapshot_id("releases")
    return () if snapshot_id is None else (dataset.table_use("releases", snapshot_id=snapshot_id),)
