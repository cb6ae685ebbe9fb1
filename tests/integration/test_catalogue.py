"""What list and show tell, beside what one counts in the rows: of datasets of every version, and of one that goes on changing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from row_deletes import delete_rows
from stored_datasets import VERSIONS, unpack

from airflow_cv_dataops import audit_labels, import_labels, ingest_images, list_datasets, open_dataset, promote_dataset, show_dataset
from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.store.schema import SEVERITIES

pytestmark = pytest.mark.integration

KEYS = ("2026-11-05", "2026-11-06")
COUNTED = {"images": "images", "rejects": "rejects", "annotations": "labels", "predictions": "predictions", "samples": "samples"}


def check_counts(dataset: Dataset) -> None:
    """Hold what is told against rows that are read and counted."""
    details = show_dataset(dataset)
    rows = {table: Counter(dataset.read(table, columns=["partition_key"])["partition_key"].to_pylist()) for table in COUNTED}
    keys = set().union(*(rows[table] for table in COUNTED if table != "samples"))
    assert {one.partition_key for one in details.partitions} == keys
    for table, name in COUNTED.items():
        assert {one.partition_key: getattr(one, name) for one in details.partitions} == {key: rows[table][key] for key in keys}, table
    found = Counter((row["partition_key"], row["severity"]) for row in dataset.read("findings").to_pylist())
    told = {(one.partition_key, severity): one.findings[severity] for one in details.partitions for severity in SEVERITIES}
    assert told == {place: found[place] for place in told}
    (entry,) = list_datasets(dataset.config)
    assert (entry.images_count, entry.labels_count) == (rows["images"].total(), rows["annotations"].total())
    assert (entry.images_count, entry.partitions_count) == (details.images_count, len(keys))
    moved = {row["stage"]: row["release"] for row in dataset.read("releases").sort_by("sequence").to_pylist()}
    assert {move.stage: move.release for move in entry.stages} == moved


@pytest.mark.parametrize("version", VERSIONS)
def test_datasets_of_every_version_are_told_as_their_rows_are(version: str, tmp_path: Path) -> None:
    check_counts(open_dataset("digits", home=unpack(version, tmp_path)))


def test_counts_and_audits_follow_reruns_removals_and_rows_that_others_delete(make_dataset: Callable[..., Dataset], tmp_path: Path) -> None:
    dataset = make_dataset("digits")
    for key in KEYS:
        ingest(dataset, tmp_path, key, 4)
        label(dataset, tmp_path, key, ["cat", "dog", "cat"])
    label(dataset, tmp_path, KEYS[0], ["cat", "owl"], label_set="second")
    audit_labels(dataset, KEYS[0], categories=["cat", "dog"], on_findings="warn", report=None)
    promote_dataset(dataset, dag_id="train", run_id="manual__1")
    check_counts(dataset)
    assert audits(dataset) == {KEYS[0]: "audited", KEYS[1]: "none"}
    assert show_dataset(dataset).partitions[1].label_sets == ("default", "second")

    ingest(dataset, tmp_path, KEYS[0], 2)  # a rerun of a day of which two images were removed
    delete_rows(dataset, "annotations", KEYS[1], [1])
    check_counts(dataset)
    assert audits(dataset) == {KEYS[0]: "outdated", KEYS[1]: "none"}
    audit_labels(dataset, KEYS[0], categories=["cat", "dog"], on_findings="warn", report=None)
    check_counts(dataset)
    assert audits(dataset)[KEYS[0]] == "audited"

    ingest_images(dataset, KEYS[1], str(tmp_path / "nothing"), allow_empty=True)
    check_counts(dataset)
    assert [(move.release, move.dag_id, move.run_id) for move in show_dataset(dataset).moves] == [("v1", "train", "manual__1")]


def audits(dataset: Dataset) -> dict[str, str]:
    return {one.partition_key: one.audit for one in show_dataset(dataset).partitions}


def ingest(dataset: Dataset, folder: Path, key: str, images: int) -> None:
    place = folder / f"{key}-{images}"
    place.mkdir()
    for number in range(images):
        Image.radial_gradient("L").resize((40 + number, 30)).save(place / f"{number}.png")
    (place / "broken.png").write_bytes(b"\x89PNG")
    ingest_images(dataset, key, str(place), max_reject_ratio=1.0, workers=1)


def label(dataset: Dataset, folder: Path, key: str, categories: list[str], **arguments: Any) -> None:
    file = folder / f"{key}-labels.csv"
    file.write_text("file,label\n" + "".join(f"{number}.png,{name}\n" for number, name in enumerate(categories)))
    import_labels(dataset, key, str(file), format="csv", **arguments)
