"""Production is what staging approved: a stage moves to a release that there is, as it was made."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from unit.core.release.release_rows import image_id, write_annotations, write_audit, write_images

from airflow_cv_dataops import promote_dataset
from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError, StoreError
from airflow_cv_dataops.core.release import move
from airflow_cv_dataops.core.store.schema import TABLES

pytestmark = pytest.mark.integration

MakeDataset = Callable[..., Dataset]


def details(result: Any) -> dict[str, Any]:
    return dict(result.summary.to_dict())


@pytest.fixture
def staged(make_dataset: MakeDataset) -> Dataset:
    """``v1`` at staging; the tables have gone on since."""
    dataset = make_dataset()
    write_images(dataset, "p", ["a", "b"])
    write_annotations(dataset, "p", [("a", "cat")])
    write_audit(dataset, "p", "zero_area_bbox")
    promote_dataset(dataset, stage="staging", gates=["images == 2"], notes="approved")
    write_images(dataset, "p", ["other"])
    write_images(dataset, "q", ["c", "d", "e"])
    return dataset


@pytest.mark.parametrize("name", ["staging", "v1"])
def test_production_is_what_staging_approved(staged: Dataset, name: str) -> None:
    result = promote_dataset(staged, stage="production", release=name)
    said = details(result)
    assert (said["release"], said["stage"], said["parent"], said["promoted"], said["unchanged"]) == ("v1", "production", None, True, False)
    assert said["counts"]["images"] == 2
    production = staged.release("production")
    assert production.name == "v1"
    assert sorted(production.images()["file_name"].to_pylist()) == ["a.png", "b.png"]
    assert production.annotations().num_rows == 1
    assert [(row["sequence"], row["release"], row["stage"]) for row in staged.read("releases").sort_by("sequence").to_pylist()] == [
        (1, "v1", "staging"),
        (2, "v1", "production"),
    ]
    table = staged.load_table("images")
    assert table is not None
    refs = {name: str(ref.snapshot_id) for name, ref in table.metadata.refs.items() if name != "main"}
    assert refs == dict.fromkeys(("release-v1", "staging", "production"), production.snapshots["images"])
    again = details(promote_dataset(staged, stage="production", release=name))
    assert (again["unchanged"], again["promoted"], again["release"]) == (True, False, "v1")


def test_the_release_itself_stays_as_it_was_made_and_the_next_new_one_has_the_next_number(staged: Dataset) -> None:
    promote_dataset(staged, release="staging", notes="go")
    assert (staged.release("v1").stage, staged.release("v1").notes) == ("staging", "approved")
    assert (staged.release("production").stage, staged.release("production").notes) == ("production", "go")
    assert details(promote_dataset(staged))["release"] == "v2"
    assert staged.release("v2").parent == "v1"


def test_a_stage_moves_back(staged: Dataset) -> None:
    promote_dataset(staged)
    assert staged.release().name == "v2"
    assert details(promote_dataset(staged, release="v1", allow_backwards=True))["parent"] == "v2"
    assert staged.release().name == "v1"
    assert promote_dataset(staged, release="v1").summary.details["unchanged"] is True


def test_gates_are_asked_of_the_release_and_not_of_the_tables(staged: Dataset) -> None:
    gates = ["images == 2", "annotations == 1", "findings.zero_area_bbox == 0", "unaudited_partitions == 0"]
    assert promote_dataset(staged, release="staging", gates=gates).failure is None
    refused = promote_dataset(staged, stage="other", release="staging", gates=["images == 4", "map50 >= 0.5"], metrics={"map50": 0.6})
    assert refused.failure == "images: wanted == 4, found 2: 1 of 2 gates failed, stage 'other' stays at no release"


def test_a_release_whose_snapshots_are_gone_is_not_promoted(staged: Dataset) -> None:
    table = staged.load_table("images")
    assert table is not None
    with table.manage_snapshots() as changes:
        changes.remove_tag("release-v1")
        changes.remove_branch("staging")
    for name in TABLES:
        if found := staged.load_table(name):
            found.maintenance.expire_snapshots().older_than(datetime.now(UTC) + timedelta(days=1)).commit()
    with pytest.raises(DatasetNotFoundError, match=r"Release v1 cannot be promoted: snapshot \d+ of digits\.images is gone"):
        promote_dataset(staged, release="v1")
    assert staged.read("releases").num_rows == 1


def test_a_release_that_cannot_be_meant_is_refused(staged: Dataset) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"release": "v9"}, "no release or stage 'v9'; it has staging, v1"),
        ({"release": ""}, "names none"),
        ({"release": "None"}, "names none"),
        ({"release": "v1", "split_salt": "x"}, "are for new releases"),
        ({"release": "v1", "partition_keys": ["p"]}, "are for new releases"),
        ({"release": "v1", "leave_out_unaudited": True}, "are for new releases"),
    ]
    for arguments, message in wrong:
        with pytest.raises((ConfigurationError, DatasetNotFoundError), match=message):
            promote_dataset(staged, **arguments)
    assert staged.read("releases").num_rows == 1


def test_a_move_that_loses_the_race_is_decided_again(staged: Dataset, make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    really, others = move.check_is_there, [lambda: promote_dataset(make_dataset(), stage="staging")]

    def overtaken(release: Any) -> None:
        really(release)
        if others:
            others.pop()()

    monkeypatch.setattr(move, "check_is_there", overtaken)
    assert details(promote_dataset(staged, release="staging"))["release"] == "v2", "staging has moved on meanwhile"
    assert [row["sequence"] for row in staged.read("releases").sort_by("sequence").to_pylist()] == [1, 2, 3]


def test_a_release_that_something_else_has_changed_is_not_handed_out(staged: Dataset) -> None:

    rows = staged.read("releases").to_pylist()
    rows[0] |= {"sequence": 2, "release": "v2", "stage": "s", "images": 3}
    import pyarrow as pa

    from airflow_cv_dataops.core.store.schema import arrow_schema

    staged.append_if_unchanged("releases", pa.Table.from_pylist(rows[:1], schema=arrow_schema("releases")), staged.snapshot_id("releases"))
    with pytest.raises(StoreError, match="Release v2 of 'digits' has 3 images, and its tables hold 0 of them"):
        staged.release("v2").images()
    assert image_id("a") in staged.release("v1").images()["image_id"].to_pylist()


def test_a_tag_that_somebody_has_put_elsewhere_comes_where_it_belongs(staged: Dataset) -> None:
    table = staged.load_table("images")
    assert table is not None
    with table.manage_snapshots() as changes:
        changes.create_tag(table.metadata.snapshots[0].snapshot_id, "release-v2")
    promote_dataset(staged)
    table = staged.load_table("images")
    assert table is not None
    assert str(table.metadata.refs["release-v2"].snapshot_id) == staged.release("v2").snapshots["images"]


def test_what_is_handed_in_for_the_gates_is_a_number(staged: Dataset) -> None:
    for value in ("0.7", True, None):
        with pytest.raises(ConfigurationError, match="is not a number"):
            promote_dataset(staged, gates=["map50 >= 0.5"], metrics={"map50": value})  # type: ignore[dict-item]
    import numpy as np

    assert promote_dataset(staged, gates=["map50 >= 0.5"], metrics={"map50": np.float32(0.7)}).failure is None
