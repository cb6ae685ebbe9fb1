"""Other thresholds give other verdicts on the rows that there are: no file is read again, and the table is that of a full run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from PIL import Image

from airflow_cv_dataops.core.imaging.ingest import parameters, pipeline
from airflow_cv_dataops.core.imaging.ingest.incremental import parameters_id
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.imaging.ingest.parameters import IngestParameters
from airflow_cv_dataops.core.imaging.ingest.settings import IngestSettings
from airflow_cv_dataops.core.imaging.ingest.shards.steps import commit_shards, ingest_shard, plan_shards
from airflow_cv_dataops.core.imaging.measures.quality import QualityThresholds
from airflow_cv_dataops.core.store.dataset import Dataset

pytestmark = pytest.mark.integration

MakeDataset = Callable[..., Dataset]
Run = Callable[..., dict[str, Any]]
KEY = "2026-11-05"
FILES = 16
OTHERS = QualityThresholds(
    dark_below=0.6,
    light_above=0.45,
    low_contrast_below=0.05,
    blurry_below=0.0,
    low_information_below=7.0,
    aspect_ratio_above=1.5,
    grayscale_below=0,
    odd_size_ratio_above=99,
)


@dataclass(frozen=True)
class MoreThresholds(QualityThresholds):
    """As of a later version, which has one more."""

    washed_out_below: float = 0.2


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Grey noise, coloured, dark, long, huge and misnamed pictures, and a file that is none."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(10):
        Image.effect_noise((40, 30), 5 + 10 * number).save(folder / f"{number:02}.png")
    Image.merge("RGB", [Image.effect_noise((40, 30), 20 + band) for band in range(3)]).save(folder / "colour.png")
    Image.new("RGB", (40, 30), (120, 120, 126)).save(folder / "tinted.png")
    Image.new("RGB", (400, 300)).save(folder / "huge_and_dark.png")
    Image.effect_noise((100, 20), 50).save(folder / "long.png")
    Image.effect_noise((40, 30), 50).save(folder / "misnamed.jpg", "PNG")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


def whole(dataset: Dataset, source: Path, **settings: Any) -> dict[str, Any]:
    return dict(ingest_images(dataset, KEY, str(source), IngestSettings(**settings)).summary.counts)


def sharded(dataset: Dataset, source: Path, **settings: Any) -> dict[str, Any]:
    plan = plan_shards(dataset, KEY, str(source), IngestSettings(**settings), max_files_per_shard=6)
    results = [ingest_shard(dataset, KEY, str(source), plan, index) for index in range(plan["shards"])]
    return dict(commit_shards(dataset, KEY, plan, results).summary.counts)


def tables(dataset: Dataset) -> dict[str, pa.Table]:
    """Return the partition as it lies, but for the times of runs."""
    times = {"images": ["ingested_at"], "rejects": ["ingested_at"], "metrics": ["recorded_at"]}
    found = {name: dataset.read(name, partition_key=KEY).drop_columns(columns) for name, columns in times.items()}
    return {name: rows if name == "metrics" else rows.sort_by("source_uri") for name, rows in found.items()}


@pytest.fixture
def no_reading(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function after which every file that is read fails the run."""

    def refuse(files: pa.Table) -> list[Any]:
        raise AssertionError(f"{files['source_uri'].to_pylist()} would be read")

    return lambda: monkeypatch.setattr(pipeline, "for_worker", refuse)


@pytest.fixture
def hashed_once(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return a function that runs an ingest as it was while thresholds were part of a row's id."""

    def run(run: Run, dataset: Dataset, source: Path, **settings: Any) -> str:
        def old_id(own: IngestParameters) -> str:
            thresholds = {"QualityThresholds": asdict(own.thresholds)}
            return parameters_id(**own._of_pixels(), thresholds=thresholds)

        with monkeypatch.context() as patch:
            patch.setattr(IngestParameters, "id", property(old_id))
            run(dataset, source, **settings)
        (found,) = set(dataset.images(partition_key=KEY)["parameters_id"].to_pylist())
        return str(found)

    return run


@pytest.mark.parametrize("run", [whole, sharded])
def test_other_thresholds_read_no_file_and_leave_the_table_of_a_full_run(
    make_dataset: MakeDataset, source: Path, run: Run, no_reading: Callable[[], None]
) -> None:
    dataset = make_dataset()
    before = run(dataset, source)
    expected = run(dataset, source, thresholds=OTHERS, force=True)
    forced = tables(dataset)
    assert expected["unchanged"] == 0
    assert expected["issues"] != before["issues"]

    run(dataset, source)
    no_reading()
    assert run(dataset, source, thresholds=OTHERS) == {**expected, "unchanged": FILES}
    assert tables(dataset) == forced
    snapshot = dataset.snapshot_id("images")
    assert run(dataset, source, thresholds=OTHERS)["unchanged"] == FILES
    assert dataset.snapshot_id("images") == snapshot, "a rerun that changes nothing writes nothing"
    assert run(dataset, source) == {**before, "unchanged": FILES}


def test_verdicts_are_those_that_one_sees(make_dataset: MakeDataset, source: Path) -> None:
    dataset = make_dataset()
    whole(dataset, source)
    assert whole(dataset, source, thresholds=QualityThresholds(dark_below=0, grayscale_below=0, aspect_ratio_above=6))["unchanged"] == FILES
    issues = {row["file_name"]: row["issues"] for row in dataset.images().to_pylist()}
    assert issues["huge_and_dark.png"] == ["low_contrast", "blurry", "low_information", "odd_size"]
    assert issues["misnamed.jpg"] == ["extension_mismatch"]
    assert issues["long.png"] == []


@pytest.mark.parametrize("run", [whole, sharded])
def test_a_threshold_that_a_later_version_adds_reads_no_file(
    make_dataset: MakeDataset, source: Path, run: Run, no_reading: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = make_dataset()
    run(dataset, source)
    before, snapshot = tables(dataset), dataset.snapshot_id("images")
    no_reading()
    monkeypatch.setattr(parameters, "QualityThresholds", MoreThresholds)
    assert run(dataset, source, thresholds=MoreThresholds())["unchanged"] == FILES
    assert (tables(dataset), dataset.snapshot_id("images")) == (before, snapshot)


def test_shards_and_a_whole_run_keep_one_anothers_rows(make_dataset: MakeDataset, source: Path, no_reading: Callable[[], None]) -> None:
    dataset = make_dataset()
    whole(dataset, source)
    no_reading()
    assert sharded(dataset, source, thresholds=OTHERS)["unchanged"] == FILES
    by_shards = tables(dataset)
    assert whole(dataset, source, thresholds=OTHERS)["unchanged"] == FILES
    assert tables(dataset) == by_shards


@pytest.mark.parametrize(
    ("thresholds", "run"),
    [(QualityThresholds(), whole), (QualityThresholds(grayscale_below=10), whole), (OTHERS, whole), (OTHERS, sharded)],
    ids=["defaults", "grey", "others", "others-sharded"],
)
def test_rows_from_when_thresholds_were_hashed_are_kept_and_get_the_id_of_now(
    make_dataset: MakeDataset,
    source: Path,
    run: Run,
    thresholds: QualityThresholds,
    no_reading: Callable[[], None],
    hashed_once: Callable[..., str],
) -> None:
    dataset = make_dataset()
    run(dataset, source, thresholds=thresholds, force=True)
    expected = tables(dataset)
    assert hashed_once(run, dataset, source, thresholds=thresholds, force=True) not in expected["images"]["parameters_id"].to_pylist()
    no_reading()
    assert run(dataset, source, thresholds=thresholds)["unchanged"] == FILES
    assert tables(dataset) == expected
    snapshot = dataset.snapshot_id("images")
    run(dataset, source, thresholds=thresholds)
    assert dataset.snapshot_id("images") == snapshot


def test_rows_by_the_defaults_of_then_are_kept_by_other_thresholds(
    make_dataset: MakeDataset, source: Path, no_reading: Callable[[], None], hashed_once: Callable[..., str]
) -> None:
    dataset = make_dataset()
    whole(dataset, source, thresholds=OTHERS)
    expected = tables(dataset)
    hashed_once(whole, dataset, source, force=True)
    no_reading()
    assert whole(dataset, source, thresholds=OTHERS)["unchanged"] == FILES
    assert tables(dataset) == expected


def test_rows_by_thresholds_that_nobody_knows_are_read_again_once(
    make_dataset: MakeDataset, source: Path, hashed_once: Callable[..., str]
) -> None:
    dataset = make_dataset()
    hashed_once(whole, dataset, source, thresholds=OTHERS)
    assert [whole(dataset, source)["unchanged"] for _ in range(2)] == [0, FILES]


def test_a_verdict_that_rows_do_not_tell_is_reached_by_reading(make_dataset: MakeDataset, source: Path) -> None:
    """A row holds whether its channels are more than 2 apart, and nothing of 10."""
    dataset = make_dataset()
    whole(dataset, source)
    by_ten = QualityThresholds(grayscale_below=10)
    assert whole(dataset, source, thresholds=by_ten)["unchanged"] == 0
    grey = {row["file_name"] for row in dataset.images().to_pylist() if "grayscale" in row["issues"]}
    assert {"tinted.png", "00.png"} < grey
    assert "colour.png" not in grey
    expected = tables(dataset)
    assert whole(dataset, source, thresholds=QualityThresholds(grayscale_below=10, dark_below=0.6))["unchanged"] == FILES
    assert whole(dataset, source, thresholds=by_ten)["unchanged"] == FILES
    assert tables(dataset) == expected
