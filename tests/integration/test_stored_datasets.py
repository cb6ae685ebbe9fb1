"""What other versions of this package have left is read, written to and released again, by this version and by later ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from stored_datasets import VERSIONS, unpack

from airflow_cv_dataops import (
    audit_labels,
    diff_releases,
    import_labels,
    import_predictions,
    ingest_images,
    promote_dataset,
    sample_hard_examples,
)
from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.labels import records
from airflow_cv_dataops.core.store import schema
from airflow_cv_dataops.core.store.model.table_model import Column
from airflow_cv_dataops.core.store.schema import TABLES

pytestmark = pytest.mark.integration

KEYS = ("2026-11-05", "2026-11-06", "2026-11-07")
LATER = Column("a_later_column", "string", "What only a later version knows.")
HELD = {"v1": (5, 5), "staging": (5, 5), "v2": (10, 10), "production": (10, 10)}


@pytest.fixture(params=VERSIONS)
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Dataset:
    return open_dataset("digits", home=unpack(request.param, tmp_path))


@pytest.fixture
def a_later_version(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what gives every table of the data model one more column, as a later version would."""

    of_a_label_file = records.label_schema()

    def come() -> None:
        monkeypatch.setattr(records, "label_schema", lambda: of_a_label_file)  # what is read from label files stays as it is
        for name, model in list(TABLES.items()):
            monkeypatch.setitem(TABLES, name, dataclasses.replace(model, columns=(*model.columns, LATER)))  # type: ignore[arg-type]
        schema.iceberg_schema.cache_clear()
        schema.arrow_schema.cache_clear()

    yield come  # type: ignore[misc]
    monkeypatch.undo()
    schema.iceberg_schema.cache_clear()
    schema.arrow_schema.cache_clear()


def held(dataset: Dataset, name: str) -> tuple[int, int]:
    release = dataset.release(name)
    images, annotations = release.images(), release.annotations()
    assert (images.num_rows, annotations.num_rows) == (release.images_count, release.annotations_count)
    return images.num_rows, annotations.num_rows


def columns_of(dataset: Dataset, table: str) -> set[str]:
    found = dataset.load_table(table)
    assert found is not None
    return {field.name for field in found.schema().fields}


def a_day(dataset: Dataset, key: str, folder: Path) -> None:
    """Three images with labels and predictions, audited and sampled."""
    (folder / "images").mkdir(parents=True)
    for number in range(3):
        Image.new("RGB", (24, 24), (90 * number, 7, 200)).save(folder / "images" / f"{number}.png")
    (folder / "labels.csv").write_text("file,label\n0.png,even\n1.png,odd\n")
    (folder / "model.csv").write_text("file,even,odd\n0.png,0.9,0.1\n1.png,0.2,0.8\n2.png,0.5,0.5\n")
    ingest_images(dataset, key, folder / "images", workers=1)
    import_labels(dataset, key, folder / "labels.csv", format="csv")
    import_predictions(dataset, key, folder / "model.csv", model="cnn", format="probabilities")
    audit_labels(dataset, key, on_findings="warn")
    sample_hard_examples(dataset, key, model="cnn", budget=2)


def test_there_are_datasets_of_more_than_one_version() -> None:
    assert len(VERSIONS) >= 2


@pytest.mark.parametrize("name", HELD)
def test_a_stored_release_is_found_by_its_time_and_trained_on(stored: Dataset, name: str) -> None:
    release = stored.release(name)
    assert stored.release(release.stage, at=release.created_at).name == release.name
    assert sum(release.splits().values()) == release.images_count
    made = release.map_style(None, without_labels="all")
    assert (len(made), made.left_out) == (release.images_count, {})
    assert sum(len(made.target(number)["image_labels"]) for number in range(len(made))) == release.annotations_count


@pytest.mark.parametrize("is_later", [False, True], ids=["this version", "a later version"])
def test_a_stored_dataset_is_read_written_to_and_released_again(
    stored: Dataset, a_later_version: Callable[[], None], tmp_path: Path, is_later: bool
) -> None:
    if is_later:
        a_later_version()
    assert {name: held(stored, name) for name in HELD} == HELD
    assert stored.images().num_rows == 18
    assert stored.read("predictions", columns=["pixel_probabilities"])["pixel_probabilities"].null_count == 15
    before = {name: stored.release(name).annotations().to_pylist() for name in ("v1", "v2")}

    a_day(stored, "2026-11-08", tmp_path / "new")  # widens every table
    assert {name: held(stored, name) for name in HELD} == HELD
    assert {name: stored.release(name).annotations().to_pylist() for name in before} == before
    there = sorted(stored.table_names())
    widened = [table for table in there if LATER.name in columns_of(stored, table)]
    assert len(widened) == (len(there) - 2 if is_later else 0), "releases and release_items are written by promotions"

    summary = promote_dataset(stored, gates=["images >= 18", "findings.error == 0"]).summary.to_dict()
    assert (summary["release"], summary["parent"]) == ("v3", "v2")
    assert held(stored, "production") == (18, 17)
    assert {name: held(stored, name) for name in ("v1", "staging", "v2")} == {name: HELD[name] for name in ("v1", "staging", "v2")}
    assert {table: columns_of(stored, table) for table in there} == {name: set(TABLES[name].column_names) for name in there}


def test_images_keep_the_split_of_a_stored_release_whatever_is_asked_for_now(stored: Dataset) -> None:
    before = {row["image_id"]: row["split"] for row in stored.release("v2").items().to_pylist()}
    summary = promote_dataset(stored, splits={"train": 0.5, "test": 0.5}, allow_backwards=True).summary.to_dict()
    now = {row["image_id"]: row["split"] for row in stored.release(summary["release"]).items().to_pylist()}
    assert summary["splitting"]["kept"] == len(before.keys() & now.keys()) > 0
    assert {image: now[image] for image in before.keys() & now.keys()} == {image: before[image] for image in before.keys() & now.keys()}


def test_a_version_that_knows_fewer_columns_still_writes_to_a_dataset_that_was_widened(
    stored: Dataset, a_later_version: Callable[[], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """While workers are upgraded one after the other, both write."""
    with monkeypatch.context():
        a_later_version()
        for table in TABLES:
            stored.ensure_table(table)
        monkeypatch.undo()
    schema.iceberg_schema.cache_clear()
    schema.arrow_schema.cache_clear()
    a_day(stored, "2026-11-08", tmp_path / "new")
    assert promote_dataset(stored, gates=["findings.error == 0"]).summary.to_dict()["release"] == "v3"
    assert {name: held(stored, name) for name in ("v1", "v2", "v3")} == {"v1": (5, 5), "v2": (10, 10), "v3": (18, 17)}


def test_a_promotion_that_died_after_widening_the_releases_stops_no_later_one(
    stored: Dataset, a_later_version: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    a_later_version()

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Dataset, "append_if_unchanged", die)
        stored.ensure_table("releases")
        with pytest.raises(KeyboardInterrupt):
            promote_dataset(stored)
    assert promote_dataset(stored).summary.to_dict()["release"] == "v3"
    assert held(stored, "production") == (15, 15)


def test_stored_releases_are_compared_with_each_other_and_with_one_of_today(stored: Dataset) -> None:
    """The oldest ones say by place which labels they hold, not by image."""
    assert diff_releases(stored, "v2", "v2").is_empty
    assert promote_dataset(stored, stage="later").failure is None
    for before, after in (("v1", "v2"), ("v2", "later"), ("later", "v1")):
        found = diff_releases(stored, before, after)
        old, new = (set(stored.release(name).items()["image_id"].to_pylist()) for name in (before, after))
        images, labels, apart = (found.counts[name] for name in ("images", "labels", "labels_of_images"))
        assert (images["added"], images["removed"]) == (len(new - old), len(old - new))
        assert labels["before"] == labels["unchanged"] + labels["changed"] + labels["removed"] + apart["removed"]
        assert labels["after"] == labels["unchanged"] + labels["changed"] + labels["added"] + apart["added"]
        assert (labels["changed"], labels["added"], labels["removed"]) == (0, 0, 0)
