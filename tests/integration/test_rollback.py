"""Rollback on real tables: a stage back at an earlier release, and what becomes of it where tasks are killed, retried or race."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from integration.chain_workers import promote
from unit.core.release.release_rows import image_id, write_annotations, write_images

from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.release import rollback
from airflow_cv_dataops.core.release.lookup import releases_at
from airflow_cv_dataops.core.release.partition_contents import difference, held_by
from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.release.rollback import rollback_stage
from airflow_cv_dataops.core.release.stage_history import brought_back, outstanding_rollbacks
from airflow_cv_dataops.core.store.schema import arrow_schema

pytestmark = pytest.mark.integration

NOON = datetime(2026, 11, 8, 12, tzinfo=UTC)
_STAGES = (f"stage_{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """v1 holds p, v2 also q, v3 other labels of q and r."""
    dataset = open_dataset("digits", home=str(tmp_path_factory.mktemp("home")))
    write_images(dataset, "p", ["a", "b"])
    write_annotations(dataset, "p", [("a", "cat")])
    promote_dataset(dataset, stage="making")
    write_images(dataset, "q", ["c"])
    write_annotations(dataset, "q", [("c", "cat")])
    promote_dataset(dataset, stage="making")
    write_annotations(dataset, "q", [("c", "dog")])
    write_images(dataset, "r", ["d"])
    promote_dataset(dataset, stage="making")
    make_stages(dataset, {f"stage_{number}": ("v1", "v2", "v3") for number in range(40)} | {"shrunk": ("v2", "v1")})
    return dataset


@pytest.fixture
def stage(dataset: Dataset) -> str:
    """A stage that came through v1 and v2 to v3, each the day before noon."""
    return next(_STAGES)


def make_stages(dataset: Dataset, stages: Mapping[str, Sequence[str]]) -> None:
    """Let stages come through releases, as promotions of these would have left them, but in one commit, which takes a tenth of the time."""
    rows = dataset.read("releases").sort_by("sequence").to_pylist()
    made = {row["release"]: row for row in reversed(rows)}
    for stage, releases in stages.items():
        for parent, release in zip((None, *releases), releases, strict=False):
            moved = {"stage": stage, "parent": parent, "sequence": len(rows) + 1, "created_at": NOON - timedelta(days=1)}
            rows.append(made[release] | moved)
    new = pa.Table.from_pylist(rows[len(made) :], schema=arrow_schema("releases"))
    assert dataset.append_if_unchanged("releases", new, dataset.snapshot_id("releases")) is not None


def moves(dataset: Dataset, stage: str) -> list[dict[str, Any]]:
    return [row for row in releases_at(dataset, dataset.snapshot_id("releases")) if row["stage"] == stage]


def back(dataset: Dataset, stage: str, to: str | None = None, reason: str = "camera 3 is shifted", **more: Any) -> dict[str, Any]:
    result = rollback_stage(dataset, stage=stage, to=to, reason=reason, **more)
    assert result.failure is None
    return result.summary.to_dict()


def branch(dataset: Dataset, stage: str) -> str:
    table = dataset.load_table("images")
    assert table is not None
    return str(table.metadata.refs[stage].snapshot_id)


def test_a_stage_is_back_at_what_it_held_before_in_one_row(dataset: Dataset, stage: str) -> None:
    before = dataset.read("release_items").num_rows
    result = rollback_stage(dataset, stage=stage, reason=" camera 3 is shifted ", dag_id="d", run_id="r", recorded_at=NOON)
    assert result.failure is None
    summary = result.summary.to_dict()
    assert {key: summary[key] for key in ("release", "stage", "parent", "action", "unchanged", "rolled_back", "rolled_back_releases")} == {
        "release": "v2",
        "stage": stage,
        "parent": "v3",
        "action": "rollback",
        "unchanged": False,
        "rolled_back": True,
        "rolled_back_releases": ["v3"],
    }
    assert summary["reason"] == "camera 3 is shifted"
    counts = summary["counts"]
    assert (counts["images"], counts["annotations"], sum(counts["splits"].values()), counts["partitions_rolled_back"]) == (3, 2, 3, 2)
    release = dataset.release(stage)
    assert (release.name, release.parent, release.action, release.notes) == ("v2", "v3", "rollback", "camera 3 is shifted")
    assert sorted(release.images()["image_id"].to_pylist()) == sorted(image_id(name) for name in "abc")
    assert release.annotations()["category"].to_pylist() == ["cat", "cat"]
    assert (release.dag_id, release.run_id, release.created_at) == ("d", "r", NOON)
    assert branch(dataset, stage) == release.snapshots["images"]
    assert len(moves(dataset, stage)) == 4
    assert dataset.read("release_items").num_rows == before


def test_the_row_remembers_what_was_taken_back(dataset: Dataset, stage: str) -> None:
    back(dataset, stage, "v1")
    assert moves(dataset, stage)[-1]["rolled_back"] == {
        "releases": ["v3", "v2"],
        "content_ids": [dataset.release("v3").content_id, dataset.release("v2").content_id],
        "partitions": ["q", "r"],
    }


def brought_back_by(dataset: Dataset, stage: str, release: str, content_id: str) -> str | None:
    """Return what is said of a candidate that holds what a release holds."""
    held = held_by(dataset.release(release))

    def coming_back(taken: str, target: str) -> Mapping[str, bool]:
        return difference(dataset.release(taken), dataset.release(target)).coming_back(held)

    return brought_back(outstanding_rollbacks(moves(dataset, stage), stage), content_id, coming_back)


def test_a_candidate_that_brings_any_of_it_back_is_told_so(dataset: Dataset, stage: str) -> None:
    back(dataset, stage, "v1", recorded_at=NOON)
    same = brought_back_by(dataset, stage, "v3", dataset.release("v3").content_id)
    assert same is not None
    assert same.startswith('It holds what v3 held, which was rolled back on 2026-11-08: "camera 3 is shifted".')
    whole = brought_back_by(dataset, stage, "v3", "another")
    assert whole is not None
    assert whole.startswith("Partitions q, r are as they were in v3, which was rolled back")
    part = brought_back_by(dataset, stage, "v2", "another")
    assert part is not None
    assert part.startswith("Partition q is as it was in v2, which was rolled back")
    assert brought_back_by(dataset, stage, "v1", "another") is None


def test_what_a_release_had_lost_is_not_lost_again_unnoticed(dataset: Dataset) -> None:
    back(dataset, "shrunk")
    assert moves(dataset, "shrunk")[-1]["rolled_back"]["partitions"] == ["q"]
    assert "Partition q (absent, as there)" in (brought_back_by(dataset, "shrunk", "v1", "another") or "")


def test_going_back_once_more_goes_further_and_not_to_what_was_taken_back(dataset: Dataset, stage: str) -> None:
    assert back(dataset, stage)["release"] == "v2"
    assert back(dataset, stage)["release"] == "v1"
    with pytest.raises(ConfigurationError, match=f"Stage '{stage}' of 'digits' has held no release before v1: nothing to go back to"):
        back(dataset, stage)


def test_where_the_stage_is_already_nothing_is_written(dataset: Dataset, stage: str) -> None:
    head = dataset.snapshot_id("releases")
    summary = back(dataset, stage, "v3")
    assert (summary["release"], summary["unchanged"], summary["rolled_back"]) == ("v3", True, False)
    assert dataset.snapshot_id("releases") == head


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"reason": " "}, ConfigurationError, "reason=' ' says nothing"),
        ({"reason": "None"}, ConfigurationError, "reason='None' says nothing"),
        ({"reason": "half \ud800"}, ConfigurationError, "half a character"),
        ({"to": "staging"}, ConfigurationError, "to='staging' is not the name of a release: expected e.g. 'v3'"),
        ({"to": ""}, ConfigurationError, "is not the name of a release"),
        ({"to": "v77"}, ConfigurationError, r"has not held v77; it came through v1, v2, v3. To move it .* promote that \(release='v77'\)"),
        ({"stage": "v1"}, ConfigurationError, "Stage 'v1' cannot be used"),
        (
            {"stage": "nowhere"},
            DatasetNotFoundError,
            "Stage 'nowhere' of dataset 'digits' holds no release: nothing to roll back. Its stages: mak",
        ),
    ],
)
def test_what_cannot_be_gone_back_to_is_refused(
    dataset: Dataset, stage: str, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        rollback_stage(dataset, **{"stage": stage, "reason": "camera 3 is shifted", **arguments})


def test_what_was_taken_back_is_not_gone_back_to(dataset: Dataset, stage: str) -> None:
    back(dataset, stage, "v1", "of no use")
    with pytest.raises(ConfigurationError, match=r"v2 was itself rolled back .*\"of no use\".*release='v2', allow_rolled_back=True"):
        back(dataset, stage, "v2")


def test_a_dataset_that_is_not_there_is_said_so(tmp_path: Any) -> None:
    with pytest.raises(DatasetNotFoundError):
        rollback_stage(open_dataset("absent", home=str(tmp_path)), reason="x")


def test_a_release_whose_snapshots_are_gone_is_not_gone_back_to(dataset: Dataset, stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(release: Any) -> None:
        raise DatasetNotFoundError(f"Release {release.name}: snapshot 5 is gone.")

    monkeypatch.setattr(rollback, "check_is_there", gone)
    with pytest.raises(DatasetNotFoundError, match="Release v2: snapshot 5 is gone"):
        back(dataset, stage)
    assert dataset.release(stage).name == "v3"


def test_a_run_rolls_back_once_however_often_it_is_tried(dataset: Dataset, stage: str) -> None:
    run = {"dag_id": "d", "run_id": "r"}
    assert back(dataset, stage, **run)["release"] == "v2"
    again = back(dataset, stage, **run)
    assert (again["release"], again["unchanged"], again["rolled_back"]) == ("v2", True, False)
    assert again["rolled_back_releases"] == ["v3"]
    assert len(moves(dataset, stage)) == 4
    assert back(dataset, stage, dag_id="d", run_id="another")["release"] == "v1"


def test_a_retry_leaves_alone_what_was_released_since(dataset: Dataset, stage: str) -> None:
    run = {"dag_id": "d", "run_id": "r"}
    back(dataset, stage, **run)
    promote(dataset, stage=stage, release="v1")
    again = back(dataset, stage, **run)
    assert (again["release"], again["unchanged"]) == ("v1", True)


def test_killed_after_its_row_a_retry_finds_it_done_and_mends_the_refs(
    dataset: Dataset, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = {"dag_id": "d", "run_id": "r"}
    append = Dataset.append_if_unchanged

    def killed_after(*arguments: Any) -> Any:
        append(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Dataset, "append_if_unchanged", killed_after)
        with pytest.raises(KeyboardInterrupt):
            back(dataset, stage, **run)
    assert dataset.release(stage).name == "v2"
    assert branch(dataset, stage) == dataset.release("v3").snapshots["images"]
    assert back(dataset, stage, **run)["unchanged"] is True
    assert branch(dataset, stage) == dataset.release("v2").snapshots["images"]
    assert len(moves(dataset, stage)) == 4


def test_a_retry_takes_nothing_back_that_another_run_has_released_since_its_own_began(dataset: Dataset, stage: str) -> None:
    promote(dataset, stage=stage, release="v1", dag_id="nightly", run_id="scheduled__9", recorded_at=NOON + timedelta(hours=1))
    result = rollback_stage(dataset, stage=stage, reason="v3 is bad", seen_at=NOON, dag_id="d", run_id="r")
    assert result.failure == (
        f"Stage '{stage}' of 'digits' stays at v1: it has moved to v1 by run scheduled__9 of nightly on 2026-11-08 13:00:00 UTC since this "
        "run began. Look at what it holds now, and roll back anew."
    )
    assert result.summary.to_dict()["release"] is None
    assert result.lineage.outputs == ()
    assert len(moves(dataset, stage)) == 4
    assert back(dataset, stage, seen_at=NOON + timedelta(hours=2))["release"] == "v3"


def test_what_the_run_itself_has_released_is_taken_back(dataset: Dataset, stage: str) -> None:
    run = {"dag_id": "d", "run_id": "r"}
    promote(dataset, stage=stage, release="v1", recorded_at=NOON + timedelta(hours=1), **run)
    assert back(dataset, stage, seen_at=NOON, **run)["release"] == "v3"


Meddle = Callable[[Callable[[], Any]], None]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meddle:
    """Let something else happen to the releases right before the next row is written."""

    def meddle(other: Callable[[], Any]) -> None:
        append = Dataset.append_if_unchanged

        def late(*arguments: Any) -> Any:
            monkeypatch.setattr(Dataset, "append_if_unchanged", append)
            other()
            return append(*arguments)

        monkeypatch.setattr(Dataset, "append_if_unchanged", late)

    return meddle


def test_another_stage_that_moves_meanwhile_is_waited_for(dataset: Dataset, stage: str, meanwhile: Meddle) -> None:
    other = next(_STAGES)
    meanwhile(lambda: promote(dataset, stage=other, release="v1"))
    assert back(dataset, stage)["release"] == "v2"
    assert moves(dataset, stage)[-1]["sequence"] == moves(dataset, other)[-1]["sequence"] + 1


def test_a_promotion_meanwhile_is_not_taken_back(dataset: Dataset, stage: str, meanwhile: Meddle) -> None:
    meanwhile(lambda: promote(dataset, stage=stage, release="v1", recorded_at=NOON))
    result = rollback_stage(dataset, stage=stage, reason="v3 is bad")
    assert result.failure is not None
    assert "it has moved from v3 to v1 on 2026-11-08 12:00:00 UTC while the rollback was decided" in result.failure
    assert [row["release"] for row in moves(dataset, stage)] == ["v1", "v2", "v3", "v1"]


@pytest.mark.parametrize("to", [None, "v2"])
def test_of_two_that_roll_back_the_same_one_does(dataset: Dataset, stage: str, meanwhile: Meddle, to: str | None) -> None:
    meanwhile(lambda: back(dataset, stage, to, "mine was first"))
    assert back(dataset, stage, to)["unchanged"] is True
    assert [row["notes"] for row in moves(dataset, stage)][3:] == ["mine was first"]


def test_the_metrics_of_the_release_are_those_of_the_stage_again(dataset: Dataset, stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = {"images": 3, "annotations[category=cat]": 2}
    with monkeypatch.context() as patched:
        patched.setattr("airflow_cv_dataops.core.release.reader.Release.measured", lambda self: measured)
        back(dataset, stage)
    assert dataset.release(stage).measured() == measured


def test_lineage_names_the_release_the_action_and_the_reason(dataset: Dataset, stage: str) -> None:
    lineage = rollback_stage(dataset, stage=stage, reason="camera 3 is shifted").lineage
    assert lineage.step == "promotion"
    assert {key: lineage.facts[key] for key in ("release", "parent", "action", "reason")} == {
        "release": "v2",
        "parent": "v3",
        "action": "rollback",
        "reason": "camera 3 is shifted",
    }
    assert [(use.table, use.rows) for use in lineage.outputs] == [("releases", 1)]
    assert [(use.table, use.snapshot_id) for use in lineage.inputs] == [
        (table, dataset.release("v2").snapshots[table]) for table in ("images", "annotations")
    ]
    json.dumps(lineage.facts)
