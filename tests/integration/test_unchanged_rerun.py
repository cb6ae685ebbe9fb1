"""A partition that is run again without a change: its tables stay as they are, and nothing that looks at them takes it for outdated."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import airflow_cv_dataops as cv
from airflow_cv_dataops.core.store.schema import TABLES

KEY = "2026-11-05"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Six pictures and one that is none, their labels, and what a model says of them."""
    folder = tmp_path / "source"
    (folder / "images").mkdir(parents=True)
    names = [f"{number}.png" for number in range(6)]
    for number, name in enumerate(names):
        picture = Image.new("RGB", (24, 24), (40 * number, 20, 120))
        picture.putpixel((number, 3), (255, 255, 255))
        picture.save(folder / "images" / name)
    (folder / "images" / "broken.png").write_bytes(b"no picture")
    write(folder / "labels.csv", [("file", "label"), *((name, "odd" if at % 2 else "even") for at, name in enumerate(names[:4]))])
    write(folder / "model.csv", [("file", "even", "odd"), *((name, 0.1 + 0.1 * at, 0.9 - 0.1 * at) for at, name in enumerate(names))])
    return folder


def write(file: Path, rows: list[tuple[Any, ...]]) -> None:
    with file.open("w", newline="") as opened:
        csv.writer(opened).writerows(rows)


def run(dataset: cv.Dataset, source: Path) -> list[cv.StepResult]:
    return [
        cv.ingest_images(dataset, KEY, source / "images", workers=1, max_reject_ratio=0.5),
        cv.import_labels(dataset, KEY, source / "labels.csv", format="csv"),
        cv.import_predictions(dataset, KEY, source / "model.csv", model="cnn", format="probabilities"),
        cv.audit_labels(dataset, KEY, on_findings="warn", report=None),
        cv.sample_hard_examples(dataset, KEY, model="cnn", budget=2, report=None),
        cv.promote_dataset(dataset, gates=["images >= 1"]),
    ]


def snapshots(dataset: cv.Dataset) -> dict[str, str]:
    return dataset.snapshots([name for name in TABLES if name in dataset.table_names()])


def rows(dataset: cv.Dataset) -> dict[str, list[dict[str, Any]]]:
    return {
        name: dataset.read(name, columns=[column for column in model.column_names if column not in model.run_columns]).to_pylist()
        for name, model in TABLES.items()
        if name in dataset.table_names()
    }


def test_a_rerun_without_a_change_commits_when_the_labels_were_looked_at_and_nothing_else(
    make_dataset: Callable[..., cv.Dataset], source: Path
) -> None:
    dataset = make_dataset()
    run(dataset, source)
    before, held = snapshots(dataset), rows(dataset)
    count = len(dataset.ensure_table("metrics").metadata.snapshots)
    results = run(dataset, source)
    after = snapshots(dataset)
    assert {name for name in after if after[name] != before[name]} == {"metrics"}
    assert len(dataset.ensure_table("metrics").metadata.snapshots) == count + 1  # the labels say no time of their own
    by_row = {name: sorted(map(str, found)) for name, found in rows(dataset).items()}
    assert by_row == {name: sorted(map(str, found)) for name, found in held.items()}
    for result in results:  # lineage and summaries name the snapshots that hold the rows
        for use in result.lineage.outputs:
            if use.table is not None and use.snapshot_id is not None and use.table != "metrics":
                assert use.snapshot_id == after[use.table]
    assert results[-1].summary.details["unchanged"]


def test_no_audit_sample_or_release_is_outdated_by_a_rerun(make_dataset: Callable[..., cv.Dataset], source: Path) -> None:
    dataset = make_dataset()
    for _ in range(2):
        run(dataset, source)
    for step in (
        lambda: cv.ingest_images(dataset, KEY, source / "images", workers=1, max_reject_ratio=0.5),
        lambda: cv.import_labels(dataset, KEY, source / "labels.csv", format="csv"),
        lambda: cv.import_predictions(dataset, KEY, source / "model.csv", model="cnn", format="probabilities"),
    ):
        step()
        health = cv.check_health(dataset, KEY, on_findings="warn", report=None, trends=[])
        breaches = [breach["check"] for breach in health.summary.details["breaches"]]
        assert not [check for check in breaches if check.startswith("outdated")]


def test_a_label_that_changed_is_written_and_makes_the_audit_outdated(make_dataset: Callable[..., cv.Dataset], source: Path) -> None:
    dataset = make_dataset()
    run(dataset, source)
    before = snapshots(dataset)
    write(source / "labels.csv", [("file", "label"), ("0.png", "odd"), ("1.png", "even"), ("2.png", "even"), ("3.png", "odd")])
    cv.import_labels(dataset, KEY, source / "labels.csv", format="csv")  # as many of each category as before
    after = snapshots(dataset)
    assert {name for name in after if after[name] != before[name]} == {"annotations", "metrics"}
    health = cv.check_health(dataset, KEY, on_findings="warn", report=None, trends=[])
    assert "outdated_audit" in [breach["check"] for breach in health.summary.details["breaches"]]


def test_a_task_commits_to_metrics_once(make_dataset: Callable[..., cv.Dataset], source: Path) -> None:
    dataset = make_dataset()
    run(dataset, source)
    steps = set(dataset.read("metrics")["step"].to_pylist())
    assert len(dataset.ensure_table("metrics").metadata.snapshots) == len(steps) == 5
