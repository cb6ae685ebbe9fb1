"""The statements of docs/scale.md, taken from the page and run in DuckDB, say what Python says of the same tables."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from project import PROJECT_ROOT

from airflow_cv_dataops.core.audit.audit import audit_labels
from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.embeddings.embedding import embed_images
from airflow_cv_dataops.core.health.health import check_health
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.labels.importing import import_labels
from airflow_cv_dataops.core.predictions.importing import import_predictions
from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.sampling.sample import sample_hard_examples
from airflow_cv_dataops.core.trends.numbers import dataset_metrics

pytestmark = [pytest.mark.integration, pytest.mark.once(reason="core and SQL are the same on every version of Airflow")]

TEXT = (PROJECT_ROOT / "docs" / "scale.md").read_text()
STATEMENTS = re.findall(r"^```sql\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
TABLES = ("images", "annotations", "metrics", "releases", "release_items", "exclusions")
DAYS = ("2026-11-05", "2026-11-06", "2026-11-07")
KINDS = {"2026-11-05": "aabb", "2026-11-06": "aabc", "2026-11-07": "cccc"}
TWICE = 0  # the second day has this picture of the first once more, with the same label
BOXES = (
    "image,category,xmin,ymin,xmax,ymax\n"
    "1.png,a,1,1,9,9\n1.png,a,1,1,9,9\n"  # said twice
    "2.png,b,4,4,4,8\n"  # without width: the release leaves it out
)


@pytest.fixture(scope="module")
def signs(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Three days of six pictures; the first two share one, and the last two have one that is nearly the same.

    Two people name four pictures a day; they differ about the fourth of each day.
    """
    folder = tmp_path_factory.mktemp("signs")
    dataset = open_dataset("signs", home=str(folder / "home"))
    for number, day in enumerate(DAYS):
        pictures(folder / day, number)
        kinds = KINDS[day]
        rows = "".join(f"{at}.png,{kind},ann\n{at}.png,{kind if at < 3 else 'd'},bob\n" for at, kind in enumerate(kinds))
        (folder / "labels.csv").write_text(f"file,label,annotator\n{rows}")
        (folder / "boxes.csv").write_text(BOXES)
        ingest_images(dataset, day, folder / day)
        import_labels(dataset, day, folder / "labels.csv", format="csv", on_findings="warn")
        import_labels(dataset, day, folder / "boxes.csv", format="csv", label_set="boxes", on_findings="warn")
        audit_labels(dataset, day, on_findings="warn", report=None)
    released = promote_dataset(dataset, exclude=["labels: zero_area_bbox"])
    assert released.failure is None, released.failure
    later(dataset, folder)
    return dataset


def pictures(folder: Path, day: int) -> None:
    """Six pictures, brighter from day to day."""
    folder.mkdir()
    for at in range(6):
        rng = np.random.default_rng(at if (day, at) == (1, TWICE) else 100 * day + at)
        pixels = rng.integers(0, 80 if (day, at) == (1, TWICE) else 80 + 70 * day, (8, 8), dtype=np.uint8)
        picture = Image.fromarray(pixels).resize((64, 64))
        if (day, at) == (2, 5):  # that of the day before, a little brighter
            with Image.open(folder.parent / DAYS[1] / "5.png") as before:
                picture = before.point(lambda value: min(value + 2, 255))
        picture.save(folder / f"{at}.png")


def later(dataset: Dataset, folder: Path) -> None:
    """What came after the release is none of it: the labels of the first day change."""
    (folder / "labels.csv").write_text("file,label,annotator\n0.png,z,ann\n")
    import_labels(dataset, DAYS[0], folder / "labels.csv", format="csv", on_findings="warn", label_set="later")


@pytest.fixture(scope="module")
def lake(signs: Dataset) -> duckdb.DuckDBPyConnection:
    """The tables at the snapshots of the release, as the page's snippet has them."""
    release, connection = signs.release("production"), duckdb.connect()
    for table in TABLES:
        connection.register(table, signs.read(table, snapshot_id=release.snapshots.get(table)))
    return connection


def answer(lake: duckdb.DuckDBPyConnection, *words: str) -> pd.DataFrame:
    """Return the answer to the one statement of the page that holds all the words."""
    [statement] = [statement for statement in STATEMENTS if all(word in statement for word in words)]
    return lake.sql(statement).df()


def test_every_statement_has_an_answer(lake: duckdb.DuckDBPyConnection):
    asked = [statement for statement in STATEMENTS if not statement.startswith("--")]
    assert len(asked) == 9
    for statement in asked:
        assert len(lake.sql(statement).df()), statement


def test_the_snapshots_are_those_of_the_release(signs: Dataset, lake: duckdb.DuckDBPyConnection):
    release = signs.release("production")
    [row] = answer(lake, "images_snapshot").to_dict("records")
    assert (row["stage"], row["release"]) == ("production", "v1")
    assert (row["images_snapshot"], row["annotations_snapshot"]) == (release.snapshots["images"], release.snapshots["annotations"])


def test_tag_and_branch_are_where_the_page_says(signs: Dataset):
    release = signs.release("production")
    for table in ("images", "annotations", "metrics"):
        refs = signs.load_table(table).metadata.refs
        assert {str(refs[name].snapshot_id) for name in ("release-v1", "production")} == {release.snapshots[table]}
    assert release.snapshots["annotations"] != str(signs.load_table("annotations").metadata.current_snapshot_id)


def test_the_images_and_labels_are_those_of_the_release(signs: Dataset, lake: duckdb.DuckDBPyConnection):
    """17 images: one is there twice, and its labels count once; a box drawn twice counts twice, the one without width not at all."""
    release, found = signs.release("v1"), answer(lake, "condemned")
    images, labels = release.images().to_pandas(), release.annotations().to_pandas()
    assert found["image_id"].nunique() == release.images_count == 17
    assert dict(found.groupby("image_id")["split"].first()) == dict(zip(images["image_id"], images["split"], strict=True))
    labelled = found.dropna(subset="category")
    assert len(labelled) == release.annotations_count == 3 * 8 - 2 + 3 * 2
    columns = ["image_id", "split", "label_set", "category"]
    in_sql, in_python = (frame.value_counts(columns).sort_index().reset_index() for frame in (labelled, labels))
    pd.testing.assert_frame_equal(in_sql, in_python, check_dtype=False)
    assert set(labelled.loc[labelled["label_set"] == "boxes", "category"]) == {"a"}
    assert not (found["category"] == "z").any()  # came later


def test_labels_by_category_are_the_metric_of_the_audit(signs: Dataset, lake: duckdb.DuckDBPyConnection):
    found = answer(lake, "GROUP BY partition_key, category\nORDER BY")
    frame = dataset_metrics(signs, metrics=["annotations"])
    told = frame[(frame["step"] == "audit:label_audit") & frame["dimensions"].notna()]
    names = told["dimensions"].str.extract(r'"category": "(\w+)"')[0]
    expected = {(key, name): count for key, name, count in zip(told["partition_key"], names, told["value"], strict=True)}
    assert {(row.partition_key, row.category): row.labels for row in found.itertuples()} == expected
    assert expected["2026-11-07", "c"] == 7  # four of Ann's, three of Bob's


def test_near_duplicates_are_found_across_days(signs: Dataset, lake: duckdb.DuckDBPyConnection):
    images = signs.read("images").to_pandas().set_index(["partition_key", "file_name"])
    last, before = images.loc["2026-11-07", "5.png"], images.loc["2026-11-06", "5.png"]
    assert last["image_id"] != before["image_id"]
    [row] = answer(lake, "phash").to_dict("records")
    assert (row["phash"], row["images"], row["partitions"]) == (last["phash"], 2, 2)
    assert {row["one"], row["another"]} == {last["source_uri"], before["source_uri"]}


def test_unlabelled_images_are_those_of_the_release(signs: Dataset, lake: duckdb.DuckDBPyConnection):
    found = answer(lake, "unlabelled")
    assert found.values.tolist() == [[day, 6, 2] for day in DAYS]
    release = signs.release("v1")
    assert found["unlabelled"].sum() == release.images_count - release.annotations()["image_id"].to_pandas().nunique()


def test_the_error_rate_is_the_one_that_was_measured(signs: Dataset, lake: duckdb.DuckDBPyConnection):
    found, frame = answer(lake, "label_error_rate"), dataset_metrics(signs, metrics=["label_error_rate"])
    told = frame[frame["dimensions"].isna() & (frame["step"] == "audit:label_audit")].sort_values("partition_key")
    assert found["label_error_rate"].tolist() == told["value"].tolist()
    np.testing.assert_allclose(found["change"].iloc[1:], np.diff(told["value"]))


def test_annotators_agree_on_three_of_four(lake: duckdb.DuckDBPyConnection):
    assert answer(lake, "agreed").values.tolist() == [["ann", "bob", 12, 9]]


def test_brightness_by_day(signs: Dataset, lake: duckdb.DuckDBPyConnection):
    images, found = signs.read("images").to_pandas(), answer(lake, "tenth")
    for day, rows in found.groupby("partition_key"):
        counts, _ = np.histogram(images.loc[images["partition_key"] == day, "brightness"], bins=10, range=(0, 1))
        assert dict(zip(rows["tenth"].astype(int), rows["images"], strict=True)) == {at: n for at, n in enumerate(counts) if n}
        assert rows["share"].sum() == pytest.approx(1)


def test_the_day_with_other_categories_comes_first(lake: duckdb.DuckDBPyConnection):
    found, counts = answer(lake, "distance"), answer(lake, "GROUP BY partition_key, category\nORDER BY")
    table = counts.pivot_table(index="partition_key", columns="category", values="labels", fill_value=0)
    shares, whole = table.div(table.sum(axis=1), axis=0), table.sum() / table.to_numpy().sum()
    expected = ((shares - whole).abs().sum(axis=1) / 2).sort_values(ascending=False)
    assert found["partition_key"].tolist()[0] == expected.index[0] == "2026-11-07"
    np.testing.assert_allclose(found.set_index("partition_key")["distance"].loc[expected.index], expected)


def test_each_step_commits_to_the_tables_that_the_page_says(tmp_path: Path):
    told = re.findall(r"^\| ([a-z ]+) \| (`[^;|]*)(?:; (`\w+`) where it has any)? \|", TEXT, re.MULTILINE)
    tables = {step: (set(re.findall(r"`(\w+)`", always)), set(re.findall(r"\w+", at_times))) for step, always, at_times in told}
    dataset, committed = open_dataset("signs", home=str(tmp_path / "home")), {}
    for step, run in steps(dataset, tmp_path).items():
        before = heads(dataset)
        run()
        committed[step] = {table for table, head in heads(dataset).items() if head != before.get(table)}
    assert tables.keys() == committed.keys()
    for step, (always, at_times) in tables.items():
        assert always <= committed[step] <= always | at_times, step


def heads(dataset: Dataset) -> dict[str, int | None]:
    return {table: dataset.load_table(table).metadata.current_snapshot_id for table in dataset.table_names()}


def steps(dataset: Dataset, folder: Path) -> dict[str, Callable[[], object]]:
    """The steps of a day, by their names on the page."""
    day, labels, scores = DAYS[0], folder / "labels.csv", folder / "scores.csv"
    pictures(folder / day, 0)
    (folder / day / "broken.png").write_bytes(b"\x89PNG no")
    labels.write_text("file,label\n" + "".join(f"{at}.png,{'ab'[at % 2]}\n" for at in range(4)))
    scores.write_text("file,a,b\n" + "".join(f"{at}.png,{0.9 - at / 10},{0.1 + at / 10}\n" for at in range(6)))
    return {
        "ingest": lambda: ingest_images(dataset, day, folder / day, max_reject_ratio=1),
        "label import": lambda: import_labels(dataset, day, labels, format="csv", on_findings="warn"),
        "prediction import": lambda: import_predictions(dataset, day, scores, model="m", on_findings="warn"),
        "embedding": lambda: embed_images(dataset, day),
        "audit": lambda: audit_labels(dataset, day, on_findings="warn", report=None),
        "health": lambda: check_health(dataset, day, on_findings="warn"),
        "sampling": lambda: sample_hard_examples(dataset, day, budget=2),
        "promotion": lambda: promote_dataset(dataset),
    }
