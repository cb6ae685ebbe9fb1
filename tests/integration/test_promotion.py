"""Promotion on real tables: releases, stages, gates, tags, and releases read back although the tables moved on."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from unit.core.release.release_rows import (
    annotation_id,
    image_id,
    labelled,
    write_annotations,
    write_audit,
    write_backgrounds,
    write_findings,
    write_images,
)

from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.release.stages import observe_stage
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.schema import TABLES

__all__ = ["labelled"]

pytestmark = pytest.mark.integration

MakeDataset = Callable[..., Dataset]


def refs(dataset: Dataset, table: str = "images") -> dict[str, str]:
    found = dataset.load_table(table)
    assert found is not None
    return {name: str(ref.snapshot_id) for name, ref in found.metadata.refs.items() if name != "main"}


def state(dataset: Dataset) -> tuple[Any, ...]:
    """Everything that a promotion may change."""
    return (
        dataset.read("releases").to_pylist(),
        sorted(dataset.read("release_items").to_pylist(), key=str),
        dataset.snapshot_id("releases"),
        dataset.snapshot_id("release_items"),
        refs(dataset),
    )


def test_the_first_promotion_makes_v1_and_moves_the_stage(labelled: Dataset) -> None:
    result = promote_dataset(
        labelled, stage="production", gates=["images >= 10", "label_error_rate <= 0"], notes="first", dag_id="d", run_id="r"
    )
    assert result.failure is None
    summary = result.summary.to_dict()
    assert (summary["release"], summary["parent"], summary["promoted"], summary["unchanged"]) == ("v1", None, True, False)
    assert (summary["counts"]["images"], summary["counts"]["annotations"], summary["counts"]["partitions"]) == (10, 10, 2)
    assert sum(summary["counts"]["splits"].values()) == 10
    assert [gate["passed"] for gate in summary["gates"]] == [True, True]
    release = labelled.release("production")
    assert release == labelled.release("v1")
    assert (release.name, release.stage, release.parent, release.notes) == ("v1", "production", None, "first")
    assert (release.images_count, release.annotations_count) == (10, 10)
    assert [gate["metric"] for gate in release.gates] == ["images", "label_error_rate"]
    assert set(release.images()["image_id"].to_pylist()) == {
        image_id(f"{key}-{n}") for key in ("2026-11-05", "2026-11-06") for n in range(5)
    }
    (row,) = labelled.read("releases").to_pylist()
    assert (row["sequence"], row["dag_id"], row["run_id"]) == (1, "d", "r")
    assert json.loads(row["metrics"]) == {"images": 10, "label_error_rate": 0.0}


def test_tags_and_branches_follow_on_every_table(labelled: Dataset) -> None:
    promote_dataset(labelled, stage="production")
    for table in ("images", "annotations"):
        held = labelled.release("v1").snapshots[table]
        assert refs(labelled, table) == {"release-v1": held, "production": held}


def test_a_failed_gate_changes_nothing_and_names_wanted_and_found(labelled: Dataset) -> None:
    promote_dataset(labelled, stage="production")
    write_images(labelled, "2026-11-07", ["new"])
    write_audit(labelled, "2026-11-07")
    write_findings(labelled, "2026-11-05", ("zero_area_bbox", "error", annotation_id("2026-11-05", 0)))
    before = state(labelled)
    result = promote_dataset(labelled, stage="production", gates=["label_error_rate <= 0.05", "images >= 5", "map50 >= 0.5"])
    assert result.failure == (
        "label_error_rate: wanted <= 0.05, found 0.1 (zero_area_bbox (1); partition 2026-11-05 (1)); map50: wanted >= 0.5, found no such "
        "metric: 2 of 3 gates failed, stage 'production' stays at v1"
    )
    assert not result.skip
    assert state(labelled) == before
    summary = result.summary.to_dict()
    assert (summary["release"], summary["promoted"], summary["parent"]) == (None, False, "v1")
    assert [(gate["metric"], gate["passed"]) for gate in summary["gates"]] == [
        ("label_error_rate", False),
        ("images", True),
        ("map50", False),
    ]
    assert result.lineage.outputs == ()
    assert [(gate["name"], gate["status"]) for gate in result.lineage.gates] == [
        ("label_error_rate <= 0.05", "fail"),
        ("images >= 5", "pass"),
        ("map50 >= 0.5", "fail"),
    ]


def test_a_gate_on_what_audits_find_does_not_hold_over_a_partition_that_none_has_looked_at(labelled: Dataset) -> None:
    write_images(labelled, "2026-11-07", ["ingested, but not audited"])
    result = promote_dataset(labelled, gates=["findings.error == 0", "images >= 11"])
    assert result.failure == (
        "findings.error: wanted == 0, found no such metric: 1 of 2 gates failed, stage 'production' stays at no release "
        "(what audits find is unknown: no audit has looked at 2026-11-07 in every label set: audit it, or leave_out_unaudited)"
    )
    assert result.may_pass_later
    write_audit(labelled, "2026-11-07")
    assert promote_dataset(labelled, gates=["findings.error == 0", "images >= 11"]).failure is None


def test_what_no_audit_has_looked_at_is_left_out_where_that_is_wanted(labelled: Dataset) -> None:
    write_images(labelled, "2026-11-07", ["ingested, but not audited"])
    gates = ["findings.error == 0", "images >= 10"]
    result = promote_dataset(labelled, gates=gates, leave_out_unaudited=True)
    assert result.failure is None
    counts = result.summary.to_dict()["counts"]
    assert (counts["images"], counts["partitions"], counts["partitions_left_out"]) == (10, 2, 1)
    assert set(labelled.read("release_items")["partition_key"].to_pylist()) == {"2026-11-05", "2026-11-06"}

    write_audit(labelled, "2026-11-07")
    counts = promote_dataset(labelled, gates=gates, leave_out_unaudited=True).summary.to_dict()["counts"]
    assert (counts["images"], counts["partitions"], counts["partitions_left_out"]) == (11, 3, 0)


def test_a_dataset_without_any_audit_has_nothing_to_release_where_that_is_left_out(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    write_images(dataset, "2026-11-07", ["ingested, but not audited"])
    result = promote_dataset(dataset, leave_out_unaudited=True)
    assert "no audit has looked at 2026-11-07 as they are now, and leave_out_unaudited is set" in str(result.failure)
    assert result.may_pass_later
    assert promote_dataset(dataset, leave_out_unaudited=True, gates=["images >= 1"]).may_pass_later, "of nothing it says nothing"
    assert promote_dataset(dataset).failure is None


def test_a_failed_gate_of_a_first_promotion_leaves_no_release_and_no_table(labelled: Dataset) -> None:
    result = promote_dataset(labelled, gates=["images >= 1000"])
    assert result.failure is not None
    assert "stays at no release" in result.failure
    assert (labelled.snapshot_id("releases"), labelled.snapshot_id("release_items"), refs(labelled)) == (None, None, {})
    with pytest.raises(DatasetNotFoundError, match="no release or stage 'production'; it has none"):
        labelled.release()


def test_a_metric_handed_in_is_asked_first(labelled: Dataset) -> None:
    assert promote_dataset(labelled, gates=["map50 >= 0.5"], metrics={"map50": 0.4}).failure is not None
    assert promote_dataset(labelled, gates=["map50 >= 0.5", "images == 3"], metrics={"map50": 0.6, "images": 3}).failure is None


def test_an_empty_dataset_is_not_released(make_dataset: MakeDataset) -> None:
    result = promote_dataset(make_dataset(made=True))
    assert result.failure == "There is no image to release in dataset 'digits', or none in the chosen partitions: run an ingest first."


def test_unchanged_content_gives_no_new_release_even_after_a_rerun(labelled: Dataset) -> None:
    promote_dataset(labelled)
    before = labelled.read("releases").to_pylist()
    for key in ("2026-11-06", "2026-11-05"):
        names = [f"{key}-{number}" for number in range(5)]
        write_images(labelled, key, reversed(names))
        write_annotations(labelled, key, [(name, "cat") for name in names])
    result = promote_dataset(labelled, run_id="another")
    summary = result.summary.to_dict()
    assert (summary["release"], summary["unchanged"], summary["promoted"]) == ("v1", True, False)
    assert [(use.table, use.rows, use.snapshot_id) for use in result.lineage.outputs] == [
        (table, 0, labelled.snapshot_id(table)) for table in ("releases", "release_items")
    ]
    assert result.failure is None
    assert labelled.read("releases").to_pylist() == before


@pytest.mark.parametrize("key", ["2026-11-04", "2026-11-07"])
def test_a_partition_of_images_that_are_all_released_already_gives_no_new_release(labelled: Dataset, key: str) -> None:
    """Whether it comes before or after the partition that stands for them: who trains on a release would train again for nothing."""
    released = promote_dataset(labelled).summary.to_dict()
    names = [f"2026-11-05-{number}" for number in range(5)]
    write_images(labelled, key, names)
    write_annotations(labelled, key, [(name, "cat") for name in names])
    summary = promote_dataset(labelled).summary.to_dict()
    assert (summary["release"], summary["unchanged"]) == ("v1", True)
    assert summary["content_id"] == released["content_id"]
    assert set(labelled.release("production").items()["partition_key"].to_pylist()) == {"2026-11-05", "2026-11-06"}


def test_changed_content_gives_the_next_release_whose_parent_is_the_last(labelled: Dataset) -> None:
    promote_dataset(labelled)
    write_images(labelled, "2026-11-07", ["new"])
    summary = promote_dataset(labelled).summary.to_dict()
    assert (summary["release"], summary["parent"], summary["counts"]["images"]) == ("v2", "v1", 11)
    assert [row["sequence"] for row in labelled.read("releases").sort_by("sequence").to_pylist()] == [1, 2]
    assert set(refs(labelled)) == {"release-v1", "release-v2", "production"}
    assert refs(labelled)["production"] == refs(labelled)["release-v2"] != refs(labelled)["release-v1"]


def test_a_release_reads_the_same_although_the_tables_moved_on(labelled: Dataset) -> None:
    promote_dataset(labelled)
    release = labelled.release("v1")
    images, annotations, items = release.images(), release.annotations(), release.items()
    assert (images.num_rows, annotations.num_rows) == (10, 10)
    assert dict(zip(images["image_id"].to_pylist(), images["split"].to_pylist(), strict=True)) == dict(
        zip(items["image_id"].to_pylist(), items["split"].to_pylist(), strict=True)
    )
    write_images(labelled, "2026-11-05", ["other"])
    write_annotations(labelled, "2026-11-05", [("other", "dog")] * 3)
    promote_dataset(labelled)
    again = labelled.release("v1")
    for before, after in ((images, again.images()), (annotations, again.annotations()), (items, again.items())):
        order = [(before.column_names[0], "ascending"), ("image_id", "ascending")]
        assert before.sort_by(order).equals(after.sort_by(order))
    assert (labelled.release("v2").images().num_rows, labelled.release("v2").annotations().num_rows) == (6, 8)


def test_a_release_outlives_the_expiry_of_snapshots(labelled: Dataset) -> None:
    """As docs/deployment.md says under Upkeep."""
    promote_dataset(labelled)
    release = labelled.release("production")
    before = [release.images().sort_by("image_id"), release.annotations().sort_by("annotation_id")]
    for number in range(3):
        write_images(labelled, "2026-11-05", [f"other {number}"])
    for name in TABLES:
        if (table := labelled.load_table(name)) is not None:
            table.maintenance.expire_snapshots().older_than(datetime.now(UTC) + timedelta(minutes=1)).commit()
    images = labelled.load_table("images")
    assert images is not None
    assert {str(snapshot.snapshot_id) for snapshot in images.snapshots()} == {release.snapshots["images"], labelled.snapshot_id("images")}
    release = labelled.release("v1")
    assert [release.images().sort_by("image_id"), release.annotations().sort_by("annotation_id")] == before
    assert promote_dataset(labelled).summary.to_dict()["release"] == "v2"


def test_an_annotation_has_the_split_of_its_image(labelled: Dataset) -> None:
    promote_dataset(labelled, splits={"train": 0.5, "test": 0.5})
    release = labelled.release()
    by_image = dict(zip(release.images()["image_id"].to_pylist(), release.images()["split"].to_pylist(), strict=True))
    assert set(by_image.values()) == {"train", "test"}
    for row in release.annotations().select(["image_id", "split"]).to_pylist():
        assert row["split"] == by_image[row["image_id"]]


def test_a_release_hands_out_the_columns_that_are_asked_for(labelled: Dataset) -> None:
    promote_dataset(labelled)
    release = labelled.release("production")
    some, whole = release.annotations(["category", "image_id"]), release.annotations()
    assert some.column_names == ["category", "image_id", "split"]
    assert some.sort_by("image_id").equals(whole.select(some.column_names).sort_by("image_id"))
    assert release.images(columns=["width"]).column_names == ["width", "split"]
    with pytest.raises(ConfigurationError, match="annotations has no columns \\['colour'\\]; it has partition_key, label_set"):
        release.annotations(["colour"])


def test_a_duplicate_is_in_the_release_once_with_the_annotations_of_all_its_copies(make_dataset: MakeDataset) -> None:
    dataset, contents = make_dataset(), {"twin": "a"}
    write_images(dataset, "p", ["a", "twin"], contents=contents)
    write_annotations(dataset, "p", [("a", "cat"), ("twin", "cat"), ("twin", "dog")], contents=contents)
    promote_dataset(dataset)
    release = dataset.release()
    assert release.images()["file_name"].to_pylist() == ["a.png"]
    assert sorted(release.annotations()["category"].to_pylist()) == ["cat", "dog"]
    assert release.annotations(["category", "source_uri"]).column_names == ["category", "source_uri", "split"]
    assert release.annotations(["category"]).num_rows == 2


def test_a_dataset_without_annotations_can_be_released_and_read(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    write_images(dataset, "p", ["a"])
    assert promote_dataset(dataset).failure is None
    assert dataset.release().annotations().num_rows == 0
    assert "split" in dataset.release().annotations().column_names


def test_stages_move_by_themselves_and_share_the_numbering_of_releases(labelled: Dataset) -> None:
    promote_dataset(labelled, stage="staging")
    assert promote_dataset(labelled, stage="production").summary.to_dict()["release"] == "v2"
    write_images(labelled, "2026-11-07", ["new"])
    assert promote_dataset(labelled, stage="staging").summary.to_dict()["parent"] == "v1"
    assert [labelled.release(name).name for name in ("staging", "production")] == ["v3", "v2"]


def test_only_the_wanted_partitions_are_released(labelled: Dataset) -> None:
    summary = promote_dataset(labelled, partition_keys=["2026-11-06"]).summary.to_dict()
    assert (summary["counts"]["images"], summary["counts"]["partitions"]) == (5, 1)
    assert set(labelled.release().images()["partition_key"].to_pylist()) == {"2026-11-06"}


@pytest.mark.parametrize("stage", ["main", "v3", "v12", "release-x", "release-v1", "", "9lives", "a b", "a/b", "a" * 65, "prod\n"])
def test_a_stage_name_that_iceberg_or_a_release_has_is_refused(labelled: Dataset, stage: str) -> None:
    with pytest.raises(ConfigurationError, match="Stage"):
        promote_dataset(labelled, stage=stage)
    assert labelled.snapshot_id("releases") is None


@pytest.mark.parametrize("options", [{"gates": ["nonsense"]}, {"splits": {"train": 0.5}}])
def test_what_cannot_be_used_is_refused_before_anything_is_read(labelled: Dataset, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        promote_dataset(labelled, **options)


def test_an_unknown_release_is_an_error_that_lists_the_known_ones(labelled: Dataset) -> None:
    promote_dataset(labelled, stage="staging")
    with pytest.raises(DatasetNotFoundError, match="no release or stage 'v7'; it has staging, v1"):
        labelled.release("v7")


def test_a_watcher_sees_the_stage_past_a_release(labelled: Dataset) -> None:
    assert not observe_stage(labelled, "production").satisfied
    promote_dataset(labelled)
    seen = observe_stage(labelled, "production")
    assert (seen.satisfied, seen.release, seen.images, seen.annotations) == (True, "v1", 10, 10)
    assert not observe_stage(labelled, "production", "v1").satisfied
    assert not observe_stage(labelled, "staging").satisfied
    write_images(labelled, "2026-11-07", ["new"])
    promote_dataset(labelled)
    assert observe_stage(labelled, "production", "v1").satisfied
    with pytest.raises(ConfigurationError, match="'latest' is not the name of a release"):
        observe_stage(labelled, "production", "latest")


def test_columns_of_a_release_may_name_the_split(labelled: Dataset) -> None:
    promote_dataset(labelled)
    assert labelled.release().images(["image_id", "split"]).column_names == ["image_id", "split"]
    assert labelled.release().images(["image_id"]).column_names == ["image_id", "split"]


@pytest.mark.parametrize("arguments", [{"gates": "images >= 3"}, {"partition_keys": "2026-11-05"}])
def test_a_string_in_place_of_a_list_is_refused(labelled: Dataset, arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="is a string: expected a list"):
        promote_dataset(labelled, **arguments)


def test_a_release_gives_back_statements_that_nothing_is_there_and_counts_labels(labelled: Dataset) -> None:
    write_images(labelled, "2026-11-07", ["empty", "copy", "new"], contents={"copy": "empty"})
    write_backgrounds(labelled, "2026-11-07", ["empty", "copy"], contents={"copy": "empty"})
    write_audit(labelled, "2026-11-07")
    result = promote_dataset(labelled, stage="production", gates=["annotations == 10", "backgrounds == 1", "labelled_images == 11"])
    assert result.failure is None
    release = labelled.release("production")
    assert (release.images_count, release.annotations_count) == (12, 10)
    rows = release.annotations()
    assert rows["task"].to_pylist().count("background") == 1, "what two copies say alike is said once"
    assert image_id("empty") in rows["image_id"].to_pylist()
    assert rows.num_rows == 11
    assert release.annotations(["category"]).column_names == ["category", "split"]
    again = promote_dataset(labelled, release="production", stage="approved", gates=["annotations == 10", "backgrounds == 1"])
    assert again.failure is None
