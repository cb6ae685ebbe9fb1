"""Run the digits example for three days in a real Airflow, with the embedded defaults, and say what came out.

Everything is left in ``.demo/``: ``summary.json`` (every task's XCom by day), ``lineage/events.jsonl`` and its picture
``lineage/lineage.html``, the dataset, the logs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow_cv_dataops.core.lineage.page import page as lineage_page

PROJECT = Path(__file__).resolve().parent.parent
DEMO = Path(os.environ.get("CV_DATAOPS_DEMO", PROJECT / ".demo"))
LINEAGE = DEMO / "lineage" / "lineage.html"
DAYS = [datetime(2026, 11, 5, tzinfo=UTC) + timedelta(days=day) for day in range(int(os.environ.get("CV_DATAOPS_DEMO_DAYS", "3")))]


def main() -> int:
    started = time.monotonic()
    prepare()
    print(f"Running digits_dataops for {len(DAYS)} days; log in {DEMO / 'demo.log'}", flush=True)
    with (DEMO / "demo.log").open("w") as log:
        states = run_days(log)
    lineage_page.main([str(DEMO / "lineage" / "events.jsonl"), "--out", str(LINEAGE), "--svg", str(LINEAGE.with_suffix(".svg"))])
    summary = {day: state["xcom"] for day, state in states.items()}
    (DEMO / "summary.json").write_text(json.dumps(summary, indent=2))
    report(states)
    failed = [day for day, state in states.items() if state["state"] != "success"]
    print(f"\n{len(states) - len(failed)} of {len(states)} days succeeded in {time.monotonic() - started:.0f} s")
    return 1 if failed else 0


def prepare() -> None:
    """Start from nothing, with the settings that a deployment would have in airflow.cfg."""
    shutil.rmtree(DEMO, ignore_errors=True)
    (DEMO / "lineage").mkdir(parents=True)
    settings = {
        "AIRFLOW_HOME": DEMO / "airflow",
        "AIRFLOW__CORE__DAGS_FOLDER": PROJECT / "example_dags",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # On a machine with much else to do, no DAG and no event is given up.
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": 600,
        "AIRFLOW__OPENLINEAGE__EXECUTION_TIMEOUT": 600,
        "AIRFLOW__CV_DATAOPS__HOME": DEMO / "cv_dataops",
        "CV_DATAOPS_LANDING": DEMO / "landing",
        "AIRFLOW__OPENLINEAGE__NAMESPACE": "demo",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
            {"type": "file", "log_file_path": str(DEMO / "lineage" / "events.jsonl"), "append": True}
        ),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
    }
    os.environ.update({name: str(value) for name, value in settings.items()})
    with (DEMO / "migrate.log").open("w") as log:
        subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, stdout=log, stderr=subprocess.STDOUT)


def run_days(log) -> dict[str, dict]:  # type: ignore[no-untyped-def, type-arg]
    """Run the days one after the other in a process of their own, as ``dag.test()`` of a real Airflow; return state and XCom by day."""
    dag = PROJECT / "example_dags" / "digits_dataops.py"
    command = [sys.executable, str(PROJECT / "scripts" / "run_dags.py")]
    states = {}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True) as process:
        assert process.stdin
        assert process.stdout
        for day in DAYS:
            key = day.date().isoformat()
            process.stdin.write(json.dumps({"file": str(dag), "logical_date": day.isoformat()}) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
            if not answer:
                sys.exit(f"The run of {key} ended before it had a result; see {DEMO / 'demo.log'}")
            states[key] = json.loads(answer)
            print(f"  {key}: {states[key]['state']}", flush=True)
        process.stdin.close()
    return states


def report(states: dict[str, dict]) -> None:  # type: ignore[type-arg]
    """Print the table."""
    from airflow_cv_dataops.core.dataset import open_dataset
    from airflow_cv_dataops.core.store.objects import local_path

    dataset = open_dataset("digits", home=str(DEMO / "cv_dataops"))
    rows = [("day", "images", "rejects", "findings", "flipped found", "sampled", "release", "exported")]
    for day, state in states.items():
        xcom = state["xcom"]
        made = set(json.loads((DEMO / "landing" / "digits" / day / "flipped.json").read_text()))
        suspects = dataset.read("findings", partition_key=day, columns=("check", "source_uri")).to_pylist()
        found = {row["source_uri"].rpartition("/")[2] for row in suspects if row["check"] == "suspect_label"}
        rows.append(
            (
                day,
                str(xcom["ingest"]["counts"]["images"]),
                str(xcom["ingest"]["counts"]["rejects"]),
                str(xcom["audit"]["counts"]["findings"]),
                f"{len(made & found)} of {len(made)}",
                str(xcom["sample"]["counts"]["sampled"]),
                str(xcom["promote"]["release"]),
                f"{xcom['export']['counts']['images']} images in {'/'.join(xcom['export']['export_uri'].split('/')[-3:])}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    print()
    for position, row in enumerate(rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if position == 0:
            print("  ".join("-" * width for width in widths))
    release, export = dataset.release("production"), states[max(states)]["xcom"]["export"]
    print(f"\nproduction is {release.name}: {release.images_count} images, {release.annotations_count} annotations")
    for name, place in (
        ("findings", f"open_dataset('digits', home='{DEMO / 'cv_dataops'}').read('findings')"),
        ("reports", DEMO / "cv_dataops" / "warehouse" / "digits" / "reports"),
        ("tables", DEMO / "cv_dataops" / "warehouse" / "digits"),
        ("sample", DEMO / "cv_dataops" / "warehouse" / "digits" / "samples"),
        ("lineage", f"{LINEAGE}, drawn from {DEMO / 'lineage' / 'events.jsonl'}"),
        ("summaries", DEMO / "summary.json"),
        ("export", f"{local_path(export['export_uri'])} ({export['release']} as {export['format']}, ready to train on)"),
    ):
        print(f"{name + ':':<11}{place}")


if __name__ == "__main__":
    sys.exit(main())
