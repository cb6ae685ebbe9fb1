"""One dataset by itself: its partitions, stages and releases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from os import PathLike

from airflow_cv_dataops.core.catalogue.datasets import DATA_TABLES, dataset_names, held_facts, keys_of, tables_of
from airflow_cv_dataops.core.catalogue.facts import AUDITED, NOT_AUDITED, OUTDATED, DatasetDetails, PartitionFacts
from airflow_cv_dataops.core.catalogue.stages import move_of, releases_of, stages_now
from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.release.descriptions import read_description
from airflow_cv_dataops.core.release.lookup import releases_at
from airflow_cv_dataops.core.release.recorded import Recorded
from airflow_cv_dataops.core.release.snapshot_reader import SnapshotReader
from airflow_cv_dataops.core.store.catalog import CatalogConfig, catalog_of
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.partition_time import moment_of
from airflow_cv_dataops.core.store.schema import SEVERITIES
from airflow_cv_dataops.core.store.table_contents import Part, TableContents, table_contents

_COUNTED = (*DATA_TABLES, "findings", "samples", "metrics")
_FEW = 5

# By partition, what each owner has in it.
_ByKey = Mapping[str, Mapping[str | None, Part]]


def show_dataset(
    dataset: Dataset | str,
    catalog: CatalogConfig | Mapping[str, str] | None = None,
    *,
    home: str | PathLike[str] | None = None,
    partition_key: str | None = None,
    limit: int | None = None,
) -> DatasetDetails:
    """Return what there is of a dataset: its partitions with counts, findings and audits, its stages and releases, and its description.

    Counts and times are those of the tables' own metadata. Of the partitions that are told, and of no other, two columns of ``findings``
    and the rows of ``metrics`` are read: the severities of findings, as they are there now, stand nowhere else, and metrics say what an
    audit has looked at.

    >>> show_dataset("digits", limit=7).partitions[0].audit          # doctest: +SKIP

    :param dataset: its name, or what ``open_dataset`` returns.
    :param catalog: with a name, as in ``open_dataset``.
    :param home: with a name, as in ``open_dataset``.
    :param partition_key: of this partition alone; counts of the whole dataset stay what they are. Default: of all.
    :param limit: at most so many partitions, moves of stages and releases, the newest; default: all.
    :raises DatasetNotFoundError: there is no such dataset or partition; the message has the closest.
    :raises ConfigurationError: an argument cannot be used.
    """
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise ConfigurationError(f"limit={limit!r} cannot be used: expected a number of 1 or more, or None for all.")
    opened = dataset if isinstance(dataset, Dataset) else Dataset(dataset, catalog_of(catalog, home))
    tables = tables_of(opened)
    if not tables:
        raise _missing_dataset(opened)
    contents = {table: table_contents(opened, table) for table in _COUNTED if table in tables}
    keys = keys_of(content for table, content in contents.items() if table in DATA_TABLES)
    if partition_key is not None and partition_key not in keys:
        raise _missing_partition(opened, partition_key, keys)
    chosen = keys[:limit] if partition_key is None else [partition_key]
    head = opened.snapshot_id("releases")
    rows = releases_at(opened, head)
    moves = [move_of(row) for row in rows]
    releases = releases_of(rows)
    description = read_description(opened)
    snapshots = {table: content.snapshot_id for table, content in contents.items() if content.snapshot_id is not None}
    return DatasetDetails(
        name=opened.name,
        tables=tables,
        **held_facts(contents),
        stages=stages_now(moves, description.stages),
        description=description,
        rows={table: content.rows for table, content in contents.items()},
        snapshots={**snapshots, **({"releases": head} if head is not None else {})},
        partitions=tuple(_partitions(opened, contents, snapshots, chosen)),
        moves_count=len(moves),
        moves=tuple(moves[::-1][:limit]),
        releases_count=len(releases),
        releases=tuple(releases[::-1][:limit]),
    )


def _partitions(
    dataset: Dataset, contents: Mapping[str, TableContents], snapshots: Mapping[str, str], keys: Sequence[str]
) -> list[PartitionFacts]:
    reader = SnapshotReader(dataset, snapshots, keys)
    for table, content in contents.items():
        reader.know_files(table, content.files)
    recorded = Recorded.read(reader)
    findings = _findings(reader)
    by_key = {table: content.by_key() for table, content in contents.items()}

    def facts(key: str) -> PartitionFacts:
        held: dict[str, Mapping[str | None, Part]] = {table: by_key.get(table, {}).get(key, {}) for table in _COUNTED}
        rows = {table: sum(part.rows for part in parts.values()) for table, parts in held.items()}
        written = {table: max((part.written_at for part in parts.values()), default=None) for table, parts in held.items()}
        return PartitionFacts(
            partition_key=key,
            images=rows["images"],
            rejects=rows["rejects"],
            labels=rows["annotations"],
            predictions=rows["predictions"],
            findings={severity: findings[key, severity] for severity in SEVERITIES},
            samples=rows["samples"],
            label_sets=tuple(sorted(filter(None, held["annotations"]))),
            models=tuple(sorted(filter(None, held["predictions"]))),
            written_at=max(time for table, time in written.items() if table in DATA_TABLES and time is not None),
            images_written_at=written["images"],
            labels_written_at=written["annotations"],
            audit=AUDITED if key in recorded.audited else OUTDATED if key in recorded.outdated else NOT_AUDITED,
        )

    return [facts(key) for key in keys]


def _findings(reader: SnapshotReader) -> Counter[tuple[str, str]]:
    """Return how many findings of each severity each partition has."""
    counts: Counter[tuple[str, str]] = Counter()
    columns = ["partition_key", "severity"]
    for batch in reader.batches("findings", columns):
        for row in batch.group_by(columns).aggregate([([], "count_all")]).to_pylist():
            counts[row["partition_key"], row["severity"]] += row["count_all"]
    return counts


def _missing_dataset(dataset: Dataset) -> DatasetNotFoundError:
    names = [name for name in dataset_names(dataset.config) if tables_of(Dataset(name, dataset.config))]
    facts = dataset.config.for_lineage()
    where = facts.get("uri") or facts.get("warehouse") or facts["type"]
    there = f"it has {_told(names)}" if names else "it has none; an ingest makes one"
    return DatasetNotFoundError(f"There is no dataset {dataset.name!r} in {where}: {there}.{_meant(dataset.name, names)}")


def _missing_partition(dataset: Dataset, key: str, keys: Sequence[str]) -> DatasetNotFoundError:
    there = f"it has {_told(keys)}" if keys else "it has none"
    return DatasetNotFoundError(f"Dataset {dataset.name!r} has no partition {key!r}: {there}.{_meant(key, keys)}")


def _told(names: Sequence[str]) -> str:
    return ", ".join(names[:_FEW]) + (f" and {len(names) - _FEW:,} more" if len(names) > _FEW else "")


def _meant(name: str, names: Sequence[str]) -> str:
    closest = _closest_dates(name, names) or get_close_matches(name, names, n=1)
    return f" Did you mean {closest[0]!r}?" if closest else ""


def _closest_dates(key: str, keys: Sequence[str]) -> list[str]:
    """Return the key whose date is next to that of a key that is one: by its letters another year may be as close."""
    asked = moment_of(key)
    moments = {other: moment for other in keys if (moment := moment_of(other)) is not None}
    return [] if asked is None else sorted(moments, key=lambda other: abs(moments[other] - asked))[:1]
