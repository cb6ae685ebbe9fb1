"""A backfill of a month: many partitions at once into one table."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.compute as pc
import pytest
from race_workers import at_once

from airflow_cv_dataops.core.dataset import open_dataset
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images

pytestmark = [
    pytest.mark.integration,
    pytest.mark.races,
    pytest.mark.once(reason="it takes long and hangs on PyIceberg, which is the same in all sets of versions"),
]

DAYS = [f"2026-11-{day:02}" for day in range(1, 31)]
PROCESSES = 8


def ingest_days(home: str, landing: str, days: list[str]) -> list[str | None]:
    dataset = open_dataset("clothing", home=home)
    return [ingest_images(dataset, day, f"{landing}/{day}", workers=1).failure for day in days]


def test_thirty_partitions_by_eight_processes_at_once_are_all_there_and_none_twice(tmp_path: Path, shared_data) -> None:
    images = sorted((shared_data("clothing_mini") / "images").iterdir())
    for position, image in enumerate(images):
        day = tmp_path / "landing" / DAYS[position % len(DAYS)]
        day.mkdir(parents=True, exist_ok=True)
        shutil.copy(image, day)
    home = str(tmp_path / "home")

    shares = [(home, str(tmp_path / "landing"), DAYS[process::PROCESSES]) for process in range(PROCESSES)]
    failures = at_once(ingest_days, shares)

    assert [failure for share in failures for failure in share] == [None] * len(DAYS)
    table = open_dataset("clothing", home=home).images()
    assert table.num_rows == len(images)
    assert pc.count_distinct(table["source_uri"]).as_py() == len(images)
    assert sorted(pc.unique(table["partition_key"]).to_pylist()) == DAYS
    for day in DAYS:
        landed = {file.name for file in (tmp_path / "landing" / day).iterdir()}
        assert set(table.filter(pc.equal(table["partition_key"], day))["file_name"].to_pylist()) == landed
