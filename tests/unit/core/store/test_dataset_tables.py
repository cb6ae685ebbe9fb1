"""A dataset's tables: partitions replaced whole, snapshots that stay, schemas that grow."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from property_tests import examples

from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.store.schema import TABLES

MakeDataset = Callable[..., Dataset]
NOW = datetime(2026, 11, 5, tzinfo=UTC)


def rejects(*names: str) -> pa.Table:
    return pa.table(
        {
            "source_uri": pa.array([f"s3://b/{name}" for name in names], pa.string()),
            "file_name": pa.array(names, pa.string()),
            "reason": pa.array(["empty"] * len(names), pa.string()),
            "ingested_at": pa.array([NOW] * len(names), pa.timestamp("us", tz="UTC")),
        }
    )


def metrics(**values: float) -> pa.Table:
    return pa.table(
        {
            "metric": pa.array(list(values), pa.string()),
            "value": pa.array(list(values.values()), pa.float64()),
            "recorded_at": pa.array([NOW] * len(values), pa.timestamp("us", tz="UTC")),
        }
    )


def names(dataset: Dataset, partition_key: str | None = None, snapshot_id: str | None = None) -> list[str]:
    return sorted(dataset.read("rejects", partition_key=partition_key, snapshot_id=snapshot_id)["file_name"].to_pylist())


def snapshot_count(dataset: Dataset, table: str) -> int:
    found = dataset.load_table(table)
    return len(found.metadata.snapshots) if found else 0


def test_a_table_that_does_not_exist_is_empty_and_has_all_columns(make_dataset: MakeDataset) -> None:
    rows = make_dataset(made=True).read("annotations")
    assert rows.num_rows == 0
    assert tuple(rows.column_names) == TABLES["annotations"].column_names
    assert make_dataset().snapshot_id("annotations") is None


def test_a_partition_is_replaced_whole(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    dataset.replace_partition("rejects", "2026-11-05", rejects("a", "b", "c"))
    dataset.replace_partition("rejects", "2026-11-05", rejects("c", "d"))
    assert names(dataset) == ["c", "d"]


def test_other_partitions_are_untouched(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    dataset.replace_partition("rejects", "2026-11-05", rejects("a"))
    dataset.replace_partition("rejects", "2026-11-06", rejects("b"))
    dataset.replace_partition("rejects", "2026-11-05", rejects("c"))
    assert (names(dataset, "2026-11-05"), names(dataset, "2026-11-06")) == (["c"], ["b"])


def test_other_owners_of_the_partition_are_untouched(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    dataset.replace_partition("metrics", "p", metrics(images=1), owner="ingest")
    dataset.replace_partition("metrics", "p", metrics(findings=2), owner="audit")
    dataset.replace_partition("metrics", "p", metrics(images=3), owner="ingest")
    found = {(row["step"], row["metric"]): row["value"] for row in dataset.read("metrics").to_pylist()}
    assert found == {("ingest", "images"): 3.0, ("audit", "findings"): 2.0}


def test_a_rerun_leaves_the_same_rows_in_the_same_order_and_adds_no_snapshot(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    snapshot_id = dataset.replace_partition("rejects", "p", rejects("b", "a", "c"))
    first = dataset.read("rejects")
    assert dataset.replace_partition("rejects", "p", rejects("c", "a", "b")) == snapshot_id
    assert dataset.read("rejects").equals(first)
    assert snapshot_count(dataset, "rejects") == 1


def test_a_partition_that_is_replaced_by_other_rows_gets_exactly_one_snapshot(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    dataset.replace_partition("rejects", "p", rejects("b", "a", "c"))
    dataset.replace_partition("rejects", "p", rejects("b", "a", "d"))
    assert snapshot_count(dataset, "rejects") == 2


def test_the_first_write_makes_exactly_one_snapshot(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    snapshot_id = dataset.replace_partition("rejects", "p", rejects("a"))
    assert snapshot_count(dataset, "rejects") == 1
    assert isinstance(snapshot_id, str)
    assert snapshot_id == dataset.snapshot_id("rejects")


def test_an_older_snapshot_still_reads_as_it_was(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    before = dataset.replace_partition("rejects", "p", rejects("a", "b"))
    after = dataset.replace_partition("rejects", "p", rejects("c"))
    assert (names(dataset, snapshot_id=before), names(dataset, snapshot_id=after), names(dataset)) == (["a", "b"], ["c"], ["c"])


def test_a_snapshot_that_is_not_there_is_an_error_that_names_it(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    dataset.replace_partition("rejects", "p", rejects("a"))
    with pytest.raises(DatasetNotFoundError, match=r"digits\.rejects has no snapshot 12345"):
        dataset.read("rejects", snapshot_id="12345")


def test_no_rows_clear_the_partition(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    dataset.replace_partition("rejects", "p", rejects("a"))
    dataset.replace_partition("rejects", "q", rejects("b"))
    dataset.replace_partition("rejects", "p", rejects())
    assert names(dataset) == ["b"]


def test_no_rows_in_a_new_table_still_make_a_snapshot(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    assert dataset.replace_partition("rejects", "p", rejects()) == dataset.snapshot_id("rejects")
    assert names(dataset) == []


LONG = "k" * 150


@pytest.mark.parametrize(
    "keys",
    [
        (LONG + "a" * 50, LONG + "b" * 50, LONG),
        ("2026-11-05", "2026-11-05 ", "2026-11-05/x"),
        ("ä" * 125, "ä" * 124 + "ö", "ä"),
        ("a/b", "a%2Fb", "a=b"),
        ("NULL", "null", "__HIVE_DEFAULT_PARTITION__"),
        ("it's", 'say "hi"', "back\\slash"),
    ],
    ids=["long prefix", "spaces", "umlauts", "separators", "nulls", "quotes"],
)
def test_keys_that_look_alike_are_not_mixed_up(make_dataset: MakeDataset, keys: Sequence[str]) -> None:
    dataset = make_dataset()
    for key in keys:
        dataset.replace_partition("rejects", key, rejects(f"old of {key}"))
    for key in keys:
        dataset.replace_partition("rejects", key, rejects(f"new of {key}"))
    for key in keys:
        assert names(dataset, key) == [f"new of {key}"]
    dataset.replace_partition("rejects", keys[0], rejects())
    assert names(dataset) == sorted(f"new of {key}" for key in keys[1:])


def test_a_table_made_with_fewer_columns_gets_the_missing_ones(make_dataset: MakeDataset) -> None:
    from pyiceberg.schema import Schema

    from airflow_cv_dataops.core.store import schema as model

    dataset = make_dataset()
    dataset.replace_partition("rejects", "old", rejects("a"))
    table = dataset.load_table("rejects")
    assert table is not None
    with table.update_schema() as update:
        for dropped in ("detail", "bytes"):
            update.delete_column(dropped)
    assert isinstance(table.schema(), Schema)
    assert dataset.read("rejects")["detail"].to_pylist() == [None]
    rows = rejects("b").append_column("detail", pa.array(["why"])).append_column("bytes", pa.array([7], pa.int64()))
    dataset.replace_partition("rejects", "new", rows)
    found = {row["file_name"]: (row["detail"], row["bytes"]) for row in dataset.read("rejects").to_pylist()}
    assert found == {"a": (None, None), "b": ("why", 7)}
    again = dataset.load_table("rejects")
    assert again is not None
    assert set(again.schema().column_names) == set(model.TABLES["rejects"].column_names)


def test_a_column_that_is_not_in_the_data_model_is_refused_and_nothing_is_written(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    with pytest.raises(ConfigurationError, match=r"Columns \['colour'\] are not in the data model"):
        dataset.replace_partition("rejects", "p", rejects("a").append_column("colour", pa.array(["red"])))
    assert dataset.snapshot_id("rejects") is None


def test_an_absent_required_column_is_refused(make_dataset: MakeDataset) -> None:
    with pytest.raises(ConfigurationError, match="Column 'reason' is required and absent"):
        make_dataset().replace_partition("rejects", "p", rejects("a").drop_columns(["reason"]))


def test_an_owner_is_needed_where_the_table_has_owners(make_dataset: MakeDataset) -> None:
    with pytest.raises(ConfigurationError, match="belong to a step"):
        make_dataset().replace_partition("metrics", "p", metrics(images=1))


def test_an_absent_optional_column_becomes_null(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    dataset.replace_partition("rejects", "p", rejects("a"))
    assert dataset.read("rejects").to_pylist()[0]["detail"] is None


def test_only_the_wanted_columns_rows_and_number_of_rows_are_read(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    dataset.replace_partition("rejects", "p", rejects("a", "b", "c"))
    assert dataset.read("rejects", columns=("file_name",), where="file_name = 'b'").to_pylist() == [{"file_name": "b"}]
    assert dataset.read("rejects", limit=2).num_rows == 2


@pytest.mark.parametrize("name", ["Digits", "9digits", "", "a-b", "a.b", "a" * 128, "ä", "digits\n"])
def test_a_dataset_name_that_some_catalog_would_refuse_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be used"):
        open_dataset(name)


@pytest.mark.parametrize("key", ["", "a" * 251, "a\nb", "a\x00b", None, 5])
def test_a_partition_key_that_cannot_be_used_is_refused(make_dataset: MakeDataset, key: str) -> None:
    with pytest.raises(ConfigurationError, match="Partition key"):
        make_dataset().replace_partition("rejects", key, rejects("a"))


def test_a_partition_key_of_250_characters_is_taken(make_dataset: MakeDataset) -> None:
    dataset, key = make_dataset(), "ü" * 250
    dataset.replace_partition("rejects", key, rejects("a"))
    assert names(dataset, key) == ["a"]


@pytest.mark.parametrize("table", TABLES)
def test_every_table_can_be_made_and_says_what_its_columns_mean(make_dataset: MakeDataset, table: str) -> None:
    made = make_dataset().ensure_table(table)
    assert tuple(field.name for field in made.schema().fields) == TABLES[table].column_names
    assert all(made.schema().find_field(column.name).doc == column.doc for column in TABLES[table].columns)


def test_an_append_is_refused_when_the_table_has_moved_on(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    rows = rejects("a").append_column("partition_key", pa.array(["p"]))
    first = dataset.append_if_unchanged("rejects", rows, None)
    assert first == dataset.snapshot_id("rejects")
    assert dataset.append_if_unchanged("rejects", rows, None) is None
    assert dataset.append_if_unchanged("rejects", rows, "1") is None
    assert names(dataset) == ["a"]
    assert dataset.append_if_unchanged("rejects", rows, first) == dataset.snapshot_id("rejects")
    assert names(dataset) == ["a", "a"]


def test_two_datasets_of_one_catalog_do_not_see_each_other(make_dataset: MakeDataset) -> None:
    make_dataset("digits").replace_partition("rejects", "p", rejects("a"))
    make_dataset("letters").replace_partition("rejects", "p", rejects("b"))
    assert (names(make_dataset("digits")), names(make_dataset("letters"))) == (["a"], ["b"])


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["p", "p ", LONG + "1", LONG + "2"]),
        st.sampled_from(["ingest", "audit"]),
        st.dictionaries(st.sampled_from("abcd"), st.floats(-1e9, 1e9), max_size=3),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=OPERATIONS)
def test_any_sequence_of_replacements_leaves_what_a_dict_would_hold(
    tmp_path_factory: pytest.TempPathFactory, operations: list[tuple[str, str, dict[str, float]]]
) -> None:
    dataset = open_dataset("digits", home=str(tmp_path_factory.mktemp("home")))
    model: dict[tuple[str, str], dict[str, float]] = {}
    changed, model_is_made = 0, False
    for partition_key, step, values in operations:
        dataset.replace_partition("metrics", partition_key, metrics(**values), owner=step)
        changed += not model_is_made or model.get((partition_key, step), {}) != values
        model[partition_key, step], model_is_made = values, True
    found: dict[tuple[str, str], dict[str, float]] = {}
    for row in dataset.read("metrics").to_pylist():
        assert row["metric"] not in found.setdefault((row["partition_key"], row["step"]), {})
        found[row["partition_key"], row["step"]][row["metric"]] = row["value"]
    assert found == {place: values for place, values in model.items() if values}
    assert snapshot_count(dataset, "metrics") == changed


@pytest.fixture
def beaten(make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Dataset], object]], Dataset]:
    """Return a dataset whose next commit comes just too late: somebody else's change gets in first, once."""
    from pyiceberg.catalog.sql import SqlCatalog

    def make(change: Callable[[Dataset], object]) -> Dataset:
        whole, waiting = SqlCatalog.commit_table, [change]

        def commit_table(*arguments: object, **named: object) -> object:
            if waiting:
                waiting.pop()(make_dataset())
            return whole(*arguments, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(SqlCatalog, "commit_table", commit_table)
        return make_dataset()

    return make


@pytest.mark.parametrize("before", [(), ("old",)], ids=["new partition", "existing partition"])
def test_the_later_of_two_racing_writers_of_a_partition_leaves_its_rows_alone(
    make_dataset: MakeDataset, beaten: Callable[..., Dataset], before: tuple[str, ...]
) -> None:
    make_dataset().replace_partition("rejects", "other", rejects("other"))
    if before:
        make_dataset().replace_partition("rejects", "p", rejects(*before))
    late = beaten(lambda early: early.replace_partition("rejects", "p", rejects("early")))
    late.replace_partition("rejects", "p", rejects("late"))
    assert names(late) == ["late", "other"]


def test_racing_writers_of_two_partitions_both_leave_their_rows(make_dataset: MakeDataset, beaten: Callable[..., Dataset]) -> None:
    make_dataset().replace_partition("rejects", "p", rejects("old"))
    late = beaten(lambda early: early.replace_partition("rejects", "q", rejects("early")))
    late.replace_partition("rejects", "p", rejects("late"))
    assert names(late) == ["early", "late"]


def test_a_writer_that_clears_a_partition_while_another_fills_it_leaves_it_empty(
    make_dataset: MakeDataset, beaten: Callable[..., Dataset]
) -> None:
    make_dataset().replace_partition("rejects", "p", rejects("old"))
    late = beaten(lambda early: early.replace_partition("rejects", "p", rejects("early")))
    late.replace_partition("rejects", "p", rejects())
    assert names(late) == []


def test_an_append_that_is_beaten_at_the_last_moment_is_refused(make_dataset: MakeDataset, beaten: Callable[..., Dataset]) -> None:
    dataset = make_dataset()
    dataset.ensure_table("releases")

    def release(name: str) -> pa.Table:
        columns = {"release": name, "stage": "s", "content_id": "c", "items_id": "i", "snapshots": "{}", "gates": "[]", "metrics": "{}"}
        return pa.Table.from_pylist([{"sequence": 1, **columns, "images": 1, "annotations": 0, "created_at": NOW}])

    late = beaten(lambda early: early.append_if_unchanged("releases", release("early"), None))
    assert late.append_if_unchanged("releases", release("late"), None) is None
    assert late.read("releases")["release"].to_pylist() == ["early"]


def test_a_dataset_is_shown_by_its_name_and_sent_to_another_process_after_use(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    dataset.replace_partition("metrics", "a", metrics(images=1), owner="ingest")
    assert repr(dataset) == "<Dataset 'digits' in catalog 'cv_dataops'>"
    sent = pickle.loads(pickle.dumps(dataset))
    assert type(sent) is type(dataset)
    assert sent.read("metrics").num_rows == 1


def test_some_columns_alone_are_read(make_dataset: MakeDataset) -> None:
    assert make_dataset(made=True).images(["image_id"]).column_names == ["image_id"]
    assert make_dataset().annotations(["category"]).column_names == ["category"]


def test_a_table_that_there_is_not_is_told_with_those_that_there_are() -> None:
    with pytest.raises(ConfigurationError, match="There is no table 'image'; there are images, rejects,"):
        open_dataset("digits").read("image")


@pytest.mark.parametrize(
    "ask",
    [
        lambda dataset, rows: dataset.read("annotation"),
        lambda dataset, rows: list(dataset.read_batches("annotation")),
        lambda dataset, rows: dataset.snapshot_id("annotation"),
        lambda dataset, rows: dataset.snapshots(["annotation"]),
        lambda dataset, rows: dataset.load_table("annotation"),
        lambda dataset, rows: dataset.ensure_table("annotation"),
        lambda dataset, rows: dataset.table_use("annotation"),
        lambda dataset, rows: dataset.replace_partition("annotation", "k", rows, owner="default"),
        lambda dataset, rows: dataset.replace_rows("annotation", {"partition_key": "k"}, rows),
        lambda dataset, rows: dataset.partition_writer("annotation", "k", owner="default"),
        lambda dataset, rows: dataset.replace_partition_by_files("annotation", "k", [], owner="default"),
        lambda dataset, rows: dataset.append_if_unchanged("annotation", rows, None),
    ],
)
def test_a_table_that_there_is_not_is_told_apart_from_one_that_is_empty(
    make_dataset: Callable[..., Dataset], ask: Callable[..., Any]
) -> None:
    with pytest.raises(ConfigurationError, match=r"no table 'annotation'; there are images, .*\. Did you mean 'annotations'\?"):
        ask(make_dataset(made=True), pa.table({}))
