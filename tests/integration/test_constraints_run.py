"""Each set of versions, installed by itself into an environment of its own, without this project's tools: a whole DAG runs with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from environments import Environment, wheel
from PIL import Image
from project import PROJECT_ROOT
from unit.test_constraints import versions

pytestmark = [
    pytest.mark.integration,
    pytest.mark.installation,
    pytest.mark.once(reason="makes environments of its own, with every version of Airflow"),
]

DAY = "2026-11-05"
FIRST_RUN = Path(__file__).with_name("first_run.py")
STEPS = ["wait", "ingest", "labels", "audit", "contract", "health", "promote", "export"]


def home(path: Path) -> dict[str, str]:
    """Make an Airflow home with the DAG and a day's pictures and labels, and return its settings."""
    (path / "dags").mkdir(parents=True)
    shutil.copy(FIRST_RUN, path / "dags")
    images = path / "landing" / DAY / "images"
    images.mkdir(parents=True)
    for number in range(3):
        Image.effect_noise((64, 48), 40 + 20 * number).convert("RGB").save(images / f"{number}.jpg")
    (images.parent / "labels.csv").write_text("file_name,category\n0.jpg,stop\n1.jpg,yield\n2.jpg,stop\n")
    return {
        "AIRFLOW_HOME": str(path),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__OPENLINEAGE__NAMESPACE": "first_run",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps({"type": "file", "log_file_path": str(path / "events.jsonl"), "append": True}),
    }


@pytest.mark.parametrize("name", ["3.1", "3.2", "3.3"])
def test_a_dag_runs_in_an_environment_of_nothing_but_this_package_and_the_set(name: str, tmp_path: Path) -> None:
    environment = Environment.made(tmp_path / "venv")
    constraints = str(PROJECT_ROOT / "constraints" / f"airflow-{name}.txt")
    environment.install("--compile-bytecode", f"{wheel()}[glue,heif,postgres]", "--constraint", constraints)
    installed = environment.installed()
    held = versions(name)
    assert {package: version for package, version in installed.items() if held.get(package, version) != version} == {}
    assert installed.keys() - held.keys() == {"airflow-cv-dataops"}
    assert environment.conflicts() == []

    settings = home(tmp_path / "home")
    environment.run("airflow", "db", "migrate", **settings)
    assert "airflow-cv-dataops" in environment.run("airflow", "providers", "list", **settings)
    log = environment.run("airflow", "dags", "test", "first_run", DAY, **settings)

    events = [json.loads(line) for line in (tmp_path / "home" / "events.jsonl").read_text().splitlines()]
    completed = [event["job"]["name"] for event in events if event["eventType"] == "COMPLETE"]
    assert [step for step in STEPS if f"first_run.{step}" not in completed] == [], log[-4000:]
    exported = json.loads(environment.run("python", "-c", READ, **settings))
    assert exported == {"v1": 3}


READ = """
import json
from airflow_cv_dataops import open_dataset

dataset = open_dataset("signs")
print(json.dumps({dataset.release("production").name: dataset.release("production").images().num_rows}))
"""
