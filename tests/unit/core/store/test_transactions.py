"""Commits that work out a table's metadata once for each change leave what PyIceberg's own leave."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.exceptions import CommitFailedException, ValidationException
from pyiceberg.table import Table, Transaction
from pyiceberg.table.metadata import TableMetadata

from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.store import files, transactions
from airflow_cv_dataops.core.store.refs import Refs, write_refs
from airflow_cv_dataops.core.store.schema import arrow_schema
from airflow_cv_dataops.core.store.transactions import QuickTransaction

MakeDataset = Callable[..., Dataset]
METRICS = {"partition_key": "p", "step": "audit"}


def metrics(*values: float) -> pa.Table:
    rows = [{"metric": f"m{value}", "value": value, "recorded_at": datetime(2026, 11, 5, tzinfo=UTC)} for value in values]
    fields = [field for field in arrow_schema("metrics") if field.name in ("metric", "value", "recorded_at")]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def full_metrics(*values: float) -> pa.Table:
    """Rows with every column, as PyIceberg takes them."""
    given = metrics(*values)
    fields = arrow_schema("metrics")
    columns = {name: given[name] for name in given.column_names} | {
        name: pa.array([value] * len(values), fields.field(name).type) for name, value in METRICS.items()
    }
    return pa.table([columns.get(name, pa.nulls(len(values), fields.field(name).type)) for name in fields.names], schema=fields)


@pytest.fixture
def table(make_dataset: MakeDataset) -> Table:
    dataset = make_dataset()
    dataset.replace_partition("metrics", "p", metrics(1.0), owner="ingest")
    found = dataset.load_table("metrics")
    assert found is not None
    return found


def history(metadata: TableMetadata) -> dict[str, Any]:
    """What commits leave, without what is another each time: ids, times, and names and sizes of files."""
    number = {snapshot.snapshot_id: place for place, snapshot in enumerate(metadata.snapshots)}
    return {
        "snapshots": [
            {
                "parent": number.get(snapshot.parent_snapshot_id) if snapshot.parent_snapshot_id else None,
                "sequence": snapshot.sequence_number,
                "schema": snapshot.schema_id,
                "operation": snapshot.summary.operation if snapshot.summary else None,
                "summary": {
                    name: value
                    for name, value in (snapshot.summary.additional_properties if snapshot.summary else {}).items()
                    if "size" not in name
                },
            }
            for snapshot in metadata.snapshots
        ],
        "log": [number[entry.snapshot_id] for entry in metadata.snapshot_log],
        "refs": {name: (number[ref.snapshot_id], ref.snapshot_ref_type) for name, ref in metadata.refs.items()},
        "schemas": metadata.schemas,
        "properties": metadata.properties,
        "last": (metadata.last_sequence_number, metadata.last_column_id, metadata.format_version),
    }


def commits_of_a_dataset(dataset: Dataset) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Everything that changes a table; returns its history and rows."""
    for key, values in (("p", (1.0, 2.0)), ("q", (3.0,)), ("p", (4.0,)), ("q", ()), ("r", (5.0, 6.0, 7.0))):
        dataset.replace_partition("metrics", key, metrics(*values), owner="audit")
    assert dataset.append_if_unchanged("metrics", full_metrics(8.0), dataset.snapshot_id("metrics"))
    newest = int(dataset.snapshot_id("metrics") or 0)
    write_refs(dataset, "metrics", lambda known: Refs(tags={"v1": newest, "v2": newest}, branches={"production": newest}))
    write_refs(dataset, "metrics", lambda known: Refs(gone=["v1"]))
    found = dataset.load_table("metrics")
    assert found is not None
    rows = dataset.read("metrics", columns=["partition_key", "step", "metric", "value"])
    return history(found.metadata), sorted(rows.to_pylist(), key=lambda row: row["value"])


def test_commits_leave_what_pyicebergs_own_transactions_leave(make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = commits_of_a_dataset(make_dataset("quick"))
    monkeypatch.setattr(transactions, "QuickTransaction", Transaction)
    assert quick == commits_of_a_dataset(make_dataset("plain"))
    assert [row["value"] for row in quick[1]] == [4.0, 5.0, 6.0, 7.0, 8.0]
    assert set(quick[0]["refs"]) == {"main", "v2", "production"}


def test_metadata_is_worked_out_once_for_each_change(table: Table) -> None:
    changes = QuickTransaction(table)
    before = changes.table_metadata
    assert changes.table_metadata is before
    assert before is not table.metadata  # which is the table's own
    assert before == table.metadata

    changes.set_properties(colour="red")
    assert changes.table_metadata is changes.table_metadata
    assert changes.table_metadata.properties == {**before.properties, "colour": "red"}

    changes.set_properties(colour="blue").remove_properties("comment")
    assert changes.table_metadata.properties["colour"] == "blue"
    assert "comment" not in changes.table_metadata.properties
    assert "comment" in before.properties


def test_a_change_of_the_schema_is_seen_by_the_next_in_the_same_transaction(table: Table) -> None:
    from pyiceberg.types import StringType

    with QuickTransaction(table) as changes:
        assert "colour" not in changes.table_metadata.schema().column_names
        with changes.update_schema() as schema:
            schema.add_column("colour", StringType())
        with changes.update_schema() as schema:
            schema.add_column("shade", StringType())
        assert changes.table_metadata.schema().column_names[-2:] == ["colour", "shade"]
    assert table.schema().column_names[-2:] == ["colour", "shade"]


def test_a_transaction_goes_on_after_its_commit_with_what_was_committed(table: Table) -> None:
    changes = QuickTransaction(table)
    for colour in ("red", "blue"):
        changes.set_properties(colour=colour)
        changes.commit_transaction()
        assert changes.table_metadata == table.metadata
        assert table.metadata.properties["colour"] == colour


def test_a_table_that_was_read_anew_is_worked_out_anew(table: Table) -> None:
    changes = QuickTransaction(table)
    assert "colour" not in changes.table_metadata.properties
    table.catalog.load_table(table.name()).transaction().set_properties(colour="red").commit_transaction()
    table.refresh()
    assert changes.table_metadata.properties["colour"] == "red"


def append(table: Table, value: float, transaction: type[Transaction]) -> None:
    with transaction(table) as changes:
        changes.append(full_metrics(value))


@pytest.mark.parametrize("transaction", [Transaction, QuickTransaction])
def test_a_commit_that_lost_a_race_is_refused(table: Table, transaction: type[Transaction]) -> None:
    mine = table.catalog.load_table(table.name())
    mine.metadata.properties["commit.retry.num-retries"] = "0"
    append(table, 2.0, Transaction)
    with pytest.raises(CommitFailedException):
        append(mine, 3.0, transaction)
    table.refresh()
    assert len(table.metadata.snapshots) == 2


@pytest.mark.parametrize("transaction", [Transaction, QuickTransaction])
def test_what_pyiceberg_itself_tries_again_stands_on_top_of_the_winner(table: Table, transaction: type[Transaction]) -> None:
    mine = table.catalog.load_table(table.name())
    append(table, 2.0, Transaction)
    append(mine, 3.0, transaction)
    first, second, third = mine.metadata.snapshots
    assert (second.parent_snapshot_id, third.parent_snapshot_id) == (first.snapshot_id, second.snapshot_id)
    assert third.summary is not None
    assert third.summary["total-records"] == "3"
    assert sorted(mine.scan().to_arrow()["value"].to_pylist()) == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("transaction", [Transaction, QuickTransaction])
def test_a_replacement_is_refused_where_another_has_replaced_the_same(
    table: Table, transaction: type[Transaction], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "QuickTransaction", transaction)
    keys = {"partition_key": "p", "step": "ingest"}
    mine = table.catalog.load_table(table.name())
    files.overwrite(table, keys, [])
    with pytest.raises((CommitFailedException, ValidationException)):
        files.overwrite(mine, keys, [])
    table.refresh()
    assert len(table.metadata.snapshots) == 2
