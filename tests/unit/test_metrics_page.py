"""docs/metrics.md names what steps really measure, and its SQL says what a data frame says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from project import PROJECT_ROOT

from airflow_cv_dataops import (
    Dataset,
    audit_labels,
    dataset_metrics,
    embed_images,
    import_embeddings,
    import_labels,
    import_predictions,
    ingest_images,
    open_dataset,
    promote_dataset,
    sample_hard_examples,
)

pytestmark = pytest.mark.once(reason="core and SQL are the same on every version of Airflow")

TEXT = (PROJECT_ROOT / "docs" / "metrics.md").read_text()
STATEMENTS = re.findall(r"^```sql\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
OURS = [statement for statement in STATEMENTS if not statement.startswith("-- Trino")]
DAYS = ("2026-11-01", "2026-11-02", "2026-11-08")
# What this small dataset has no occasion to measure: boxes that a model sees and nobody has labelled.
NOT_HERE = {("audit", "overlooked_not_judged")}


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Three days of twelve photos, a broken and a double one; the last is not audited."""
    folder = tmp_path_factory.mktemp("digits")
    dataset = open_dataset("digits", home=folder / "home")
    kinds = [("cat", "dog")[number % 2] for number in range(12)]
    names = [f"{number:02}.png" for number in range(12)]
    scores = [(0.95, 0.05) if kind == "cat" else (0.1, 0.9) for kind in kinds]
    rows = "".join(f"{name},{cat},{dog}\n" for name, (cat, dog) in zip(names, scores, strict=True))
    (folder / "predictions.csv").write_text("image,cat,dog\nelsewhere.png,1,0\n" + rows)
    labels = zip(names[:10], ["dog", *kinds[1:10]], strict=True)
    (folder / "labels.csv").write_text("file,label\nelsewhere.png,cat\n" + "".join(f"{name},{kind}\n" for name, kind in labels))
    for number, day in enumerate(DAYS):
        (folder / day).mkdir()
        for size, name in enumerate(names[: 12 - number]):
            Image.radial_gradient("L").resize((64 + size, 48)).save(folder / day / name)
        (folder / day / "broken.png").write_bytes(b"\x89PNG no")
        ingest_images(dataset, day, folder / day, max_reject_ratio=1)
        import_labels(dataset, day, folder / "labels.csv", format="csv", on_findings="warn", min_match_ratio=0)
        import_predictions(dataset, day, folder / "predictions.csv", model="m", on_findings="warn", min_match_ratio=0)
        np.save(folder / "vectors.npy", [[np.nan] * 3, *np.eye(13, 3)])
        (folder / "ids.txt").write_text("\n".join([names[-1], "elsewhere.png", *names]))
        import_embeddings(dataset, day, folder / "vectors.npy", ids=folder / "ids.txt", embedding_model="theirs", on_findings="warn")
        next(Path(dataset.root_uri.removeprefix("file://")).rglob("objects/**/*.png")).unlink(missing_ok=True)
        embed_images(dataset, day, max_unreadable_ratio=1)
        if number < 2:
            audit_labels(dataset, day, on_findings="warn", report=None)
            sample_hard_examples(dataset, day, model="m", embedding_model="descriptor", budget=2)
    assert promote_dataset(dataset, stage="staging").failure is None
    return dataset


def documented() -> dict[tuple[str, str], set[str]]:
    """Return the dimensions of each step and metric in the page's table; '' is the number of the whole."""
    found: dict[tuple[str, str], set[str]] = {}
    for step, metrics in re.findall(
        r"^\| `(ingest|label_import|prediction_import|embedding|audit|sampling)` \| (.*?) \|", TEXT, re.MULTILINE
    ):
        names = re.findall(r"`([\w…]+)`(?: \(((?:`\w+`(?:, )?)+)\))?", re.sub(r",? and (?:each )?by `\w+`|, and by `\w+`", "", metrics))
        also = set(re.findall(r"by `(\w+)`", metrics))
        for name, dimensions in names:
            whole = name if not name.startswith("…") else f"{names[0][0]}{name[1:]}"
            named = {", ".join(re.findall(r"\w+", dimensions))}
            found.setdefault((step, whole), set()).update(named | also)
    return found


def test_the_table_names_every_number_that_a_step_measures_and_no_other(digits: Dataset) -> None:
    frame = dataset_metrics(digits)
    measured: dict[tuple[str, str], set[str]] = {}
    for step, metric, text in zip(frame["step"], frame["metric"], frame["dimensions"], strict=True):
        names = ", ".join(json.loads(text)) if isinstance(text, str) else ""
        measured.setdefault((step.partition(":")[0], metric), set()).add(names)
    told = documented()
    assert sorted(measured.keys() - told.keys()) == []
    assert sorted(told.keys() - measured.keys()) == sorted(NOT_HERE)
    for key, dimensions in measured.items():
        assert {tuple(sorted(name.split(", "))) for name in dimensions} <= {tuple(sorted(name.split(", "))) for name in told[key]} | {
            ("table",)
        }, key


@pytest.fixture(scope="module")
def connection(digits: Dataset) -> duckdb.DuckDBPyConnection:
    found = duckdb.connect()
    for table in ("images", "metrics", "releases", "findings"):
        found.register(table, digits.read(table))
    return found


def rows(connection: duckdb.DuckDBPyConnection, *words: str) -> pd.DataFrame:
    """Return the answer to the one statement of the page that holds all the words."""
    [statement] = [statement for statement in OURS if all(word in statement for word in words)]
    return connection.sql(statement).df()


def test_every_statement_runs_and_has_an_answer(connection: duckdb.DuckDBPyConnection) -> None:
    assert len(OURS) == 7
    for statement in OURS:
        assert len(connection.sql(statement).df()), statement


def test_sql_says_what_the_data_frame_says(digits: Dataset, connection: duckdb.DuckDBPyConnection) -> None:
    frame = dataset_metrics(digits)
    whole = frame[frame["dimensions"].isna()]
    rate = whole[whole["metric"] == "label_error_rate"]
    found = rows(connection, "'label_error_rate' AND step LIKE")
    assert found["value"].tolist() == rate["value"].tolist()
    assert found["day"].dt.strftime("%Y-%m-%d").tolist() == rate["partition_key"].tolist() == list(DAYS[:2])

    by_category = frame[frame["metric"] == "annotations_of_category"]
    assert rows(connection, "$.category")[["category", "value"]].values.tolist() == by_category[["category", "value"]].values.tolist()

    side_by_side = rows(connection, "max(CASE")
    assert side_by_side["images"].tolist() == [12, 11, 10]
    assert side_by_side["label_error_rate"].isna().tolist() == [False, False, True]
    assert rows(connection, "INTERVAL")[["partition_key", "ratio"]].values.tolist() == [[DAYS[2], pytest.approx(10 / 12)]]
    assert rows(connection, "NOT IN")["partition_key"].tolist() == [DAYS[2]]
    assert rows(connection, "GROUP BY ALL")["findings"].sum() == digits.read("findings", where="audit = 'label_audit'").num_rows
    assert rows(connection, "max(sequence)")[["stage", "release"]].values.tolist() == [["staging", "v1"]]


def test_a_frame_over_steps_is_not_larger_than_its_table(digits: Dataset, tmp_path: Path) -> None:
    frame = dataset_metrics(digits)
    assert len(frame) == digits.read("metrics").num_rows
    frame.to_parquet(tmp_path / "numbers.parquet")  # what goes to others: one type a column
