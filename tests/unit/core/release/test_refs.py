"""Tags and branches follow the ``releases`` table, hold what a release is made of before it is one, and only move forward."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from unit.core.release.release_rows import write_annotations, write_images

from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.release import promote, refs
from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.store.schema import TABLES

MakeDataset = Callable[..., Dataset]


def refs_of(dataset: Dataset, table: str) -> dict[str, str]:
    found = dataset.load_table(table)
    assert found is not None
    return {name: str(ref.snapshot_id) for name, ref in found.metadata.refs.items() if name != "main"}


def expire(dataset: Dataset) -> None:
    """Expire, as a DAG of upkeep would, whatever no tag and no branch holds."""
    for name in TABLES:
        if table := dataset.load_table(name):
            table.maintenance.expire_snapshots().older_than(datetime.now(UTC) + timedelta(days=1)).commit()


def grow(dataset: Dataset) -> None:
    """Replace what the tables held, so that their former snapshots are current no more."""
    write_images(dataset, "p", ["c", "d", "e"])
    write_annotations(dataset, "p", [("c", "cat")])


@pytest.fixture
def dataset(make_dataset: MakeDataset) -> Dataset:
    found = make_dataset()
    write_images(found, "p", ["a", "b"])
    write_annotations(found, "p", [("a", "cat"), ("b", "dog")])
    return found


def test_expiry_between_the_row_and_its_tags_takes_nothing_from_the_release(
    dataset: Dataset, make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = promote.write_release_refs

    def late(one: Dataset) -> None:
        grow(make_dataset())
        expire(make_dataset())
        really(one)

    monkeypatch.setattr(promote, "write_release_refs", late)
    assert promote_dataset(dataset).summary.details["release"] == "v1"
    release = make_dataset().release()
    assert (release.images().num_rows, release.annotations().num_rows, release.items().num_rows) == (2, 2, 2)
    assert set(refs_of(dataset, "images")) == {"production", "release-v1"}


def test_expiry_of_what_a_candidate_was_read_at_makes_the_promotion_decide_again(
    dataset: Dataset, make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, times = promote.hold_snapshots, [grow]

    def late(*arguments: Any) -> bool:
        if times:
            times.pop()(make_dataset())
            expire(make_dataset())
        return really(*arguments)

    monkeypatch.setattr(promote, "hold_snapshots", late)
    promote_dataset(dataset)
    release = make_dataset().release()
    assert (release.name, release.images().num_rows, release.annotations().num_rows) == ("v1", 3, 1)
    assert dataset.read("release_items").num_rows == 3, "the items of the first try are taken back"
    assert set(refs_of(dataset, "images")) == {"production", "release-v1"}


def test_a_slower_writer_of_refs_does_not_move_the_stage_back(
    dataset: Dataset, make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = refs._refs_of
    others: list[Callable[[], None]] = []

    def promote_another() -> None:
        grow(make_dataset())
        promote_dataset(make_dataset())

    def slow(table: str, rows: Any, at: Any) -> refs.Refs:
        """Know what the refs are to be, and be overtaken before any is written."""
        found = really(table, rows, at)
        if others:
            others.pop()()
        return found

    monkeypatch.setattr(refs, "_refs_of", slow)
    promote_dataset(dataset)
    assert refs_of(dataset, "images")["production"] == dataset.release("v1").snapshots["images"]
    table = dataset.load_table("images")
    assert table is not None
    with table.manage_snapshots() as changes:
        changes.remove_branch("production")  # so that there is something to write
    others[:] = [promote_another]
    refs.write_release_refs(make_dataset())
    release = make_dataset().release()
    assert release.name == "v2"
    for name in ("images", "annotations", "release_items"):
        assert refs_of(dataset, name)["production"] == release.snapshots[name] == refs_of(dataset, name)["release-v2"]


def test_a_table_that_cannot_be_had_is_left_to_the_next_promotion(
    dataset: Dataset, make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from airflow_cv_dataops.core.errors import StoreError

    really = refs.write_refs

    def busy(one: Dataset, table: str, wanted: Any) -> bool:
        if table == "annotations" and "release-v1" in wanted(()).tags:
            raise StoreError("others came first")
        return really(one, table, wanted)

    with monkeypatch.context() as patched:
        patched.setattr(refs, "write_refs", busy)
        assert promote_dataset(dataset).failure is None
    assert "Tags and branches of annotations could not be written now" in caplog.text
    assert [name.partition("-v1-")[0] for name in refs_of(dataset, "annotations")] == ["candidate"], "it is held all the same"
    grow(dataset)
    expire(dataset)
    assert make_dataset().release().annotations().num_rows == 2
    promote_dataset(make_dataset())
    assert set(refs_of(dataset, "annotations")) == {"production", "release-v1", "release-v2"}


@pytest.mark.parametrize("stage", ["candidate-v1-x", "release-v1", "v1", "main"])
def test_a_stage_is_not_named_like_a_tag(dataset: Dataset, stage: str) -> None:
    with pytest.raises(ValueError, match="cannot be used"):
        promote_dataset(dataset, stage=stage)
