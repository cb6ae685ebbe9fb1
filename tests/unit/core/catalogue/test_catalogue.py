"""What there is of a catalog and of a dataset: facts, JSON, and the text that people read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from unit.core.release.release_rows import write_annotations, write_backgrounds, write_images

from airflow_cv_dataops import describe_dataset, list_datasets, promote_dataset, show_dataset
from airflow_cv_dataops.core.catalogue.datasets import keys_of
from airflow_cv_dataops.core.catalogue.facts import DatasetDetails, DatasetEntry
from airflow_cv_dataops.core.catalogue.list_text import list_text
from airflow_cv_dataops.core.catalogue.show_text import show_text
from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.store.catalog import load
from airflow_cv_dataops.core.store.table_contents import Part, TableContents

NOW = datetime(2026, 11, 5, 8, 30, tzinfo=UTC)


@pytest.fixture
def digits(make_dataset: Callable[..., Dataset]) -> Dataset:
    """Two days with a byte-identical copy, a statement that nothing is there, a release in two stages, and a description."""
    dataset = make_dataset("digits")
    write_images(dataset, "2026-11-05", ["1", "2", "3"], contents={"3": "2"})
    write_images(dataset, "2026-11-06", ["4"])
    write_annotations(dataset, "2026-11-05", [("1", "cat"), ("2", "dog")])
    write_backgrounds(dataset, "2026-11-06", ["4"])
    promote_dataset(dataset, gates=["images >= 1"], stage="staging", dag_id="train", run_id="manual__1")
    promote_dataset(dataset, release="v1", stage="production")
    promote_dataset(dataset, stage="staging", partition_keys=["2026-11-06"], gates=["images >= 1"])
    describe_dataset(dataset, description="Digits\x1b[31m by hand.", owner="Ann", stages=["staging", "production"], cards=False)
    return dataset


def at_fixed_times(details: DatasetDetails) -> DatasetDetails:
    """Return the facts as if all had been written at one time."""
    time = NOW - timedelta(hours=2, minutes=18)
    return replace(
        details,
        images_written_at=time,
        labels_written_at=time,
        stages=tuple(replace(move, created_at=time) for move in details.stages),
        moves=tuple(replace(move, created_at=time) for move in details.moves),
        releases=tuple(replace(one, created_at=time) for one in details.releases),
        partitions=tuple(replace(one, written_at=time) for one in details.partitions),
    )


def test_a_list_has_counts_freshness_and_stages_in_their_order(digits: Dataset, make_dataset: Callable[..., Dataset]) -> None:
    write_images(make_dataset("zebra"), "north", ["1"])
    one, other = list_datasets(digits.config)
    assert (one.name, one.partitions_count, one.newest_partition, one.images_count, one.labels_count) == ("digits", 2, "2026-11-06", 4, 3)
    assert [(move.stage, move.release) for move in one.stages] == [("staging", "v2"), ("production", "v1")]
    assert one.images_written_at is not None
    assert one.labels_written_at is not None
    assert one.images_written_at < one.labels_written_at
    assert one.tables == ("images", "annotations", "releases", "release_items", "descriptions")
    assert (other.name, other.newest_partition, other.labels_count, other.labels_written_at, other.stages) == (
        "zebra",
        "north",
        0,
        None,
        (),
    )


def test_a_dataset_is_shown_as_a_person_reads_it(digits: Dataset) -> None:
    details = at_fixed_times(show_dataset("digits", digits.config))
    assert show_text(details, width=80, now=NOW).splitlines() == [
        "digits",
        "  description  Digits�[31m by hand.",
        "  owner        Ann",
        "  partitions   2, the newest 2026-11-06",
        "  images       4, written 2 h ago, 2026-11-05 06:12 UTC",
        "  labels       3, written 2 h ago, 2026-11-05 06:12 UTC",
        "  tables       images 4, annotations 3, releases, release_items, descriptions",
        "",
        "Stages",
        "stage       release  since                          from  by",
        "staging     v2       2 h ago, 2026-11-05 06:12 UTC  v1    –",
        "production  v1       2 h ago, 2026-11-05 06:12 UTC  –     –",
        "",
        "Moves of stages, the newest first",
        "stage       release  when                           from  by",
        "staging     v2       2 h ago, 2026-11-05 06:12 UTC  v1    –",
        "production  v1       2 h ago, 2026-11-05 06:12 UTC  –     –",
        "staging     v1       2 h ago, 2026-11-05 06:12 UTC  –     train manual__1",
        "",
        "Releases, the newest first",
        "release  made     images  labels  before  gates               stages now",
        "v2       2 h ago       1       0  v1      1 of 1 gate passed  staging",
        "v1       2 h ago       3       2  –       1 of 1 gate passed  production",
        "",
        "Partitions, the newest first",
        "                                     predic-          warn-",
        "partition   images  rejects  labels    tions  errors   ings  written  audit",
        "2026-11-06       1        0       1        0       0      0  2 h ago  –",
        "2026-11-05       3        0       2        0       0      0  2 h ago  –",
        "(infos, samples: in a wider terminal, or --json)",
    ]


def test_facts_are_json_with_times_in_utc_and_snapshots_as_strings(digits: Dataset) -> None:
    told = json.loads(json.dumps(at_fixed_times(show_dataset(digits)).to_dict()))
    assert told["snapshots"] == {table: digits.snapshot_id(table) for table in ("images", "annotations", "releases")}
    assert told["images_written_at"] == "2026-11-05T06:12:00+00:00"
    assert told["description"]["stages"] == ["staging", "production"]
    assert told["releases"][1]["gates"] == {"asked": 1, "passed": 1, "failed": []}
    assert told["partitions"][1] | {"images_written_at": "", "labels_written_at": ""} == {
        "partition_key": "2026-11-05",
        "images": 3,
        "rejects": 0,
        "labels": 2,
        "predictions": 0,
        "findings": {"error": 0, "warning": 0, "info": 0},
        "samples": 0,
        "label_sets": ["default"],
        "models": [],
        "written_at": "2026-11-05T06:12:00+00:00",
        "images_written_at": "",
        "labels_written_at": "",
        "audit": "none",
    }


def test_the_newest_are_shown_up_to_a_limit_and_the_whole_is_counted(digits: Dataset) -> None:
    details = show_dataset(digits, limit=1)
    assert [one.partition_key for one in details.partitions] == ["2026-11-06"]
    assert ([one.release for one in details.releases], [move.release for move in details.moves]) == (["v2"], ["v2"])
    assert (details.partitions_count, details.releases_count, details.moves_count, details.images_count) == (2, 2, 3, 4)
    assert "Partitions: 1 of 2, the newest first" in show_text(details, width=None, now=NOW)
    assert [one.images for one in show_dataset(digits, partition_key="2026-11-05").partitions] == [3]


def test_what_is_not_there_is_told_with_what_was_meant(digits: Dataset) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"no dataset 'digitz' in sqlite:.*: it has digits\. Did you mean 'digits'\?"):
        show_dataset("digitz", digits.config)
    with pytest.raises(DatasetNotFoundError, match=r"no partition '2026-11-09': it has 2026-11-06, .* Did you mean '2026-11-06'\?"):
        show_dataset(digits, partition_key="2026-11-09")
    with pytest.raises(ConfigurationError, match="limit=0 cannot be used"):
        show_dataset(digits, limit=0)


def test_one_dataset_that_cannot_be_read_does_not_hide_the_others(digits: Dataset, make_dataset: Callable[..., Dataset]) -> None:
    broken = make_dataset("broken")
    write_images(broken, "a", ["1"])
    table = broken.load_table("images")
    assert table is not None
    shutil.rmtree(Path(table.location().removeprefix("file://")) / "metadata")
    entries = list_datasets(digits.config)
    assert [(entry.name, entry.problem is None) for entry in entries] == [("broken", False), ("digits", True)]
    assert "broken cannot be read: FileNotFoundError: " in list_text(entries, width=80, now=NOW)


def test_what_other_programs_have_in_the_catalog_is_no_dataset(digits: Dataset) -> None:
    catalog = load(digits.config)
    for name in ("sales", "Upper"):
        catalog.create_namespace(name)
    assert [entry.name for entry in list_datasets(digits.config)] == ["digits"]
    with pytest.raises(DatasetNotFoundError, match="no dataset 'sales'"):
        show_dataset("sales", digits.config)


def test_looking_at_nothing_makes_nothing_and_says_what_to_do(tmp_path: Path) -> None:
    assert list_datasets(home=tmp_path / "nowhere") == []
    with pytest.raises(DatasetNotFoundError, match="it has none; an ingest makes one"):
        show_dataset("digits", home=tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []
    assert "An ingest makes one" in list_text([], width=80, now=NOW)


def test_dates_come_before_other_keys_and_the_newest_is_the_last_of_them() -> None:

    keys = ("north", "2026-11-05", "2026-11", "2026-11-05T12", "all")
    content = TableContents("images", "1", {(key, None): Part(1, NOW) for key in keys})
    assert keys_of([content]) == ["2026-11-05T12", "2026-11-05", "2026-11", "north", "all"]


def test_an_entry_of_a_dataset_without_rows_has_no_times() -> None:
    lines = list_text([DatasetEntry("digits", tables=("images",))], width=80, now=NOW).splitlines()
    assert lines[-1].split() == ["digits", "0", "–", "0", "0", "–", "–", "–"]
