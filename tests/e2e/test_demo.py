"""``make demo``: days of digits in a real Airflow."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from project import PROJECT_ROOT

# Of the same DAG older versions run a day, in test_release_assets.
pytestmark = [pytest.mark.e2e, pytest.mark.once(reason="`make demo` installs one version")]

DAYS = ["2026-11-05", "2026-11-06", "2026-11-07"]


@pytest.fixture(scope="module", params=[pytest.param(1, id="a day"), pytest.param(3, id="three days", marks=pytest.mark.long)])
def demo(request, tmp_path_factory):
    """Folder, what was printed, and the days: one of the three, or as ``make demo`` runs them."""
    folder = tmp_path_factory.mktemp("demo") / ".demo"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "CV_DATAOPS_LANDING"))}
    command = [sys.executable, str(PROJECT_ROOT / "scripts" / "demo.py")]
    done = subprocess.run(
        command,
        env={**environment, "CV_DATAOPS_DEMO": str(folder), "CV_DATAOPS_DEMO_DAYS": str(request.param)},
        capture_output=True,
        text=True,
    )
    log = folder / "demo.log"
    assert done.returncode == 0, done.stdout + done.stderr + (log.read_text()[-3000:] if log.exists() else "")
    return folder, done.stdout, DAYS[: request.param]


def test_the_demo_releases_every_day_and_prints_a_table(demo):
    folder, printed, days = demo
    summary = json.loads((folder / "summary.json").read_text())
    assert list(summary) == days
    assert [summary[day]["promote"]["release"] for day in days] == ["v1", "v2", "v3"][: len(days)]
    assert [summary[day]["promote"]["counts"]["images"] for day in days] == [599, 1198, 1797][: len(days)]
    assert [summary[day]["sample"]["counts"]["sampled"] for day in days] == [50] * len(days)
    for words in ("images", "rejects", "findings", "flipped", "sampled", "release", "events.jsonl", "warehouse"):
        assert words in printed


def test_the_demo_finds_most_of_the_labels_that_were_flipped(demo):
    from airflow_cv_dataops.core.dataset import open_dataset

    folder, _, days = demo
    dataset = open_dataset("digits", home=str(folder / "cv_dataops"))
    made, found = set(), set()
    for day in days:
        made |= {f"{day}/{name}" for name in json.loads((folder / "landing" / "digits" / day / "flipped.json").read_text())}
        suspects = dataset.read("findings", partition_key=day).to_pylist()
        found |= {f"{day}/{row['source_uri'].rpartition('/')[2]}" for row in suspects if row["check"] == "suspect_label"}
    assert len(made) == 20 * len(days)
    assert len(made & found) / len(made) >= 0.85
    if len(days) > 1:  # twenty are too few to say how many of the suspects were flipped
        assert len(made & found) / len(found) >= 0.5


def test_every_event_of_the_demo_is_valid_and_none_is_missing(demo, validate_events):
    folder, _, days = demo
    events = [json.loads(line) for line in (folder / "lineage" / "events.jsonl").read_text().splitlines()]
    validate_events(events)
    imports = ("import_labels", "import_predictions")
    ours = ("wait_for_images", "ingest", *imports, "embed", "validate", "audit", "health", "sample", "promote", "export")
    for task_id in ours:
        kinds = [event["eventType"] for event in events if event["job"]["name"] == f"digits_dataops.{task_id}"]
        assert sorted(kinds) == ["COMPLETE"] * len(days) + ["START"] * len(days), task_id
    assert "expired and will be terminated" not in (folder / "demo.log").read_text()


def test_days_write_to_the_same_lineage_datasets(demo):
    folder, _, days = demo
    events = [json.loads(line) for line in (folder / "lineage" / "events.jsonl").read_text().splitlines()]
    names: dict[str, set] = {}
    for event in events:
        for dataset in (*event.get("inputs", []), *event.get("outputs", [])):
            names.setdefault(event["job"]["name"], set()).add((dataset["namespace"], dataset["name"]))
    ingest = names["digits_dataops.ingest"]
    assert len(ingest) == 4  # the source and three tables
    assert not any(day in name for _, name in ingest for day in days)


def test_without_marquez_no_task_leaves_an_xcom_of_its_link(demo):
    folder, _, _ = demo
    with closing(sqlite3.connect(folder / "airflow" / "airflow.db")) as database:
        links = database.execute("SELECT key, min(length(value)) FROM xcom WHERE key LIKE '\\_link%' ESCAPE '\\' GROUP BY key").fetchall()
    kinds = ("AuditReport", "DataDocs", "DatasetCard", "DatasetHealth", "SampleReport")
    assert [key for key, _ in links] == [f"_link_{kind}Link" for kind in kinds]
    assert all(shortest > len('""') for _, shortest in links)


def test_the_demo_draws_its_lineage_from_the_source_to_the_release(demo):
    from airflow_cv_dataops.core.lineage.page.graph import read_graph

    folder, printed, days = demo
    assert str(folder / "lineage" / "lineage.html") in printed
    with (folder / "lineage" / "events.jsonl").open() as lines:
        graph = read_graph(lines)
    names = {key[1]: key for key in graph.datasets}
    upstream = {name for _, name in graph.upstream(names["digits.releases"])}
    kinds = ("images", "rejects", "annotations", "predictions", "embeddings", "findings", "metrics", "releases")
    tables = {f"digits.{name}" for name in kinds}
    assert upstream == {*(str(folder / "landing" / "digits" / name) for name in ("images", "labels.csv", "predictions.npz")), *tables}
    assert graph.datasets[names["digits.images"]].rows == 599 * len(days)
    assert graph.datasets[names["digits.annotations"]].rows == 400 * len(days)
    page = (folder / "lineage" / "lineage.html").read_text()
    svg = (folder / "lineage" / "lineage.svg").read_text()
    for name in ("landing", "ingest", "annotations", "promote", "releases"):
        assert name in page
    assert ">releases<" in svg
