"""What a step read and wrote, as plain values. Built by every ``core`` step; turned into OpenLineage by ``lineage.events``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Assertion:
    """One expectation on a dataset and whether it held (OpenLineage DataQualityAssertionsDatasetFacet).

    :param assertion: what was asserted, by its stable name (a check's id).
    :param column: the column that it is about; ``None``: the dataset.
    :param severity: ``error``, ``warning`` or ``info``: how much it matters where it does not hold.
    :param description: what it says where it does not hold, for people.
    :param expected: what was wanted, such as ``0`` or ``<= 2% of the annotations``.
    :param actual: what was found.
    """

    assertion: str
    success: bool
    column: str | None = None
    severity: str | None = None
    description: str | None = None
    expected: str | None = None
    actual: str | None = None


@dataclass(frozen=True)
class DatasetUse:
    """One dataset that a step reads or writes: a table of ours, or files.

    :param uri: the table's location or the prefix of the files, without credentials.
    :param table: which table of the data model it is; ``None`` for files.
    :param holds: what the files hold: ``images``, ``labels``, ``predictions``, ``embeddings``, ``embedding_model``, ``shard_list``,
        ``shard_rows``, ``export`` or ``diff_reports``; ``None`` for tables.
    :param identifier: the name in the catalog (``digits.images``), of a table or of files beside the tables; ``None`` for a source.
    :param catalog: name, type and URIs of the catalog (already free of credentials); empty for files.
    :param snapshot_id: the snapshot that was read or written, once it is known.
    :param owner: whose rows of the partition, in tables that have an owner column: a label set, a model, an audit, a sample, a step.
    :param rows: rows (tables) or files (prefixes) that were read or written.
    :param null_counts: for data-quality metrics: nulls by column.
    :param distinct_counts: for data-quality metrics: distinct values by column.
    :param storage_format: ``parquet`` for tables, otherwise what the files are (``coco``, ``image``).
    """

    uri: str
    table: str | None = None
    holds: str | None = None
    identifier: str | None = None
    catalog: Mapping[str, str] = field(default_factory=dict)
    snapshot_id: str | None = None
    partition_key: str | None = None
    owner: str | None = None
    rows: int | None = None
    bytes: int | None = None
    files: int | None = None
    null_counts: Mapping[str, int] = field(default_factory=dict)
    distinct_counts: Mapping[str, int] = field(default_factory=dict)
    assertions: tuple[Assertion, ...] = ()
    storage_format: str = "parquet"


@dataclass(frozen=True)
class StepLineage:
    """Everything a step tells lineage.

    :param step: which of our facets applies: ``ingest``, ``import``, ``embedding``, ``audit``, ``validation``, ``health``, ``sampling``,
        ``sampling_review``, ``promotion``, ``export``, ``diff``, ``sensor``.
    :param facts: the fields of that facet (JSON values, no credentials, no per-image lists).
    :param parameters: what steered the step (strategy, seed, budget): the ``executionParameters`` run facet.
    :param gates: gate outcomes for the ``test`` run facet, each ``{"name", "status", "expected", "actual"}``.
    """

    step: str
    inputs: tuple[DatasetUse, ...] = ()
    outputs: tuple[DatasetUse, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    gates: tuple[Mapping[str, Any], ...] = ()
