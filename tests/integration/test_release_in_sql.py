"""The same question to a release has the same answer in pandas and in SQL (DuckDB on Arrow), at any time; the columns in pandas."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.imaging.ingest.settings import IngestSettings
from airflow_cv_dataops.core.labels.importing import import_labels
from airflow_cv_dataops.core.release.promote import promote_dataset

pytestmark = pytest.mark.integration

FIRST, SECOND, BACK = (datetime(2026, 11, day, 12, tzinfo=UTC) for day in (5, 7, 9))
BY_CATEGORY = """
    SELECT split, category, count(*) AS labels, count(DISTINCT image_id) AS images, avg(bbox.width * bbox.height) AS mean_px
    FROM images JOIN annotations USING (image_id, split)
    WHERE task <> 'background'
    GROUP BY ALL ORDER BY ALL
"""


@pytest.fixture(scope="module")
def photos(shared_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Real photos with real boxes, released on the 5th; without books and persons on the 7th; as on the 5th again on the 9th."""
    source, folder = shared_data("coco_ccby"), tmp_path_factory.mktemp("photos")
    dataset = open_dataset("photos", home=str(folder / "home"))
    ingest_images(dataset, "photos", source / "images", IngestSettings(copy_images=False))
    import_labels(dataset, "photos", source / "instances.json", format="coco")
    promote_dataset(dataset, recorded_at=FIRST)
    told = json.loads((source / "instances.json").read_text())
    books = {category["id"] for category in told["categories"] if category["name"] in ("book", "person")}
    kept = [label for label in told["annotations"] if label["category_id"] not in books]
    (folder / "fewer.json").write_text(json.dumps({**told, "annotations": kept}))
    import_labels(dataset, "photos", folder / "fewer.json", format="coco")
    promote_dataset(dataset, recorded_at=SECOND)
    promote_dataset(dataset, release="v1", allow_backwards=True, recorded_at=BACK)
    return dataset


@pytest.mark.parametrize(
    ("asked", "name", "books"),
    [("2026-11-06", "v1", True), (SECOND, "v2", False), ("2026-11-09T11:00+00:00", "v2", False), ("production", "v1", True)],
)
def test_pandas_and_sql_answer_alike_at_any_time(photos: Dataset, asked: str | datetime, name: str, books: bool):
    release = photos.release(asked)
    images, annotations = release.images(), release.annotations(["image_id", "task", "category", "bbox"])
    in_sql = duckdb.sql(BY_CATEGORY).df()

    frame = annotations.flatten().to_pandas()
    frame = frame[frame["task"] != "background"].merge(images.select(["image_id", "split"]).to_pandas(), on=["image_id", "split"])
    frame["px"] = frame["bbox.width"] * frame["bbox.height"]
    groups = frame.groupby(["split", "category"], as_index=False)
    in_pandas = groups.agg(labels=("category", "size"), images=("image_id", "nunique"), mean_px=("px", "mean"))

    assert release.name == name
    assert in_sql["labels"].sum() == release.annotations_count
    assert ("book" in set(in_sql["category"])) == books
    pd.testing.assert_frame_equal(in_sql, in_pandas, check_dtype=False)


@pytest.mark.parametrize("moment", [FIRST, datetime(2026, 11, 7, 11, 59, tzinfo=UTC), SECOND, datetime(2026, 11, 8, tzinfo=UTC), BACK])
def test_sql_finds_the_release_of_a_time_in_the_table_of_releases(photos: Dataset, moment: datetime):
    releases = photos.read("releases")
    question = "SELECT release FROM releases WHERE stage = 'production' AND created_at <= ? ORDER BY sequence DESC LIMIT 1"
    assert releases.num_rows == 3
    assert duckdb.execute(question, [moment]).fetchall() == [(photos.release(moment).name,)]


def test_tables_as_they_were_are_joined_to_a_releases_items(photos: Dataset):
    """PyIceberg hands a scan to DuckDB; what of it is the release's, its items say."""
    release = photos.release("v1")
    scan = photos.load_table("annotations").scan(snapshot_id=int(release.snapshots["annotations"]))
    connection = scan.to_duckdb("annotations")
    connection.register("items", release.items())
    question = "SELECT split, count(*) FROM annotations JOIN items USING (image_id) WHERE task <> 'background' GROUP BY ALL ORDER BY ALL"
    frame = release.annotations(["task"]).to_pandas().query("task != 'background'")
    assert connection.sql(question).fetchall() == list(frame.groupby("split").size().items())


def test_columns_in_pandas(photos: Dataset):
    labels = photos.release("v1").annotations().to_pandas()
    boxed = labels[labels["bbox"].notna()]
    assert set(boxed["bbox"].iloc[0]) == {"x", "y", "width", "height"}
    assert labels.loc[labels["task"] == "background", "bbox"].isna().all()
    assert json.loads(boxed["segmentation"].dropna().iloc[0])
    assert set(labels["iscrowd"].dropna()) <= {True, False}
    flat = photos.release("v1").annotations(["category", "bbox"], split="train").flatten().to_pandas()
    assert list(flat) == ["category", "bbox.x", "bbox.y", "bbox.width", "bbox.height", "split"]
    assert (flat["bbox.width"].dtype, set(flat["split"])) == ("float64", {"train"})

    images = photos.release("v1").images().to_pandas()
    assert str(images["ingested_at"].dtype) == "datetime64[us, UTC]"
    assert images["width"].dtype == "int32"
    assert images["exif_orientation"].dtype == "float64"  # has gaps
    assert all(isinstance(found, list) or hasattr(found, "dtype") for found in images["issues"])
    assert images["image_id"].is_unique
