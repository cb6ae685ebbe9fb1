"""What a DAG file pays for our operators: nothing heavy, little memory, little time (the project's requirements put numbers on it)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from airflow_cv_dataops.get_provider_info import get_provider_info

HEAVY = ("numpy", "pandas", "pyarrow", "PIL", "pyiceberg", "great_expectations", "cv2", "boto3", "obstore", "sklearn", "openlineage")
MOST_SECONDS = 0.3
MOST_MEGABYTES = 30.0
RUNS = 5  # noise only ever adds

MODULES = sorted(
    module for kind in ("operators", "sensors", "triggers") for entry in get_provider_info()[kind] for module in entry["python-modules"]
)

MEASURE = """
import json, re, sys, time
import airflow.sdk
from airflow.sdk import DAG, BaseOperator, BaseSensorOperator
modules, heavy = json.loads(sys.argv[1])

def peak_kilobytes():
    # What getrusage calls ru_maxrss, without the parent process's peak, which a child inherits through vfork.
    return int(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1])

before = set(sys.modules)
memory = peak_kilobytes()
started = time.perf_counter()
for module in modules:
    __import__(module)
seconds = time.perf_counter() - started
memory = peak_kilobytes() - memory
added = {name.partition(".")[0] for name in set(sys.modules) - before}
print("MEASURED " + json.dumps({"seconds": seconds, "megabytes": memory / 1024, "heavy": sorted(added & set(heavy)), "modules": modules}))
"""


def measure(modules: Sequence[str], home: Path) -> dict[str, Any]:
    """Import the modules in a fresh process that already has Airflow's SDK, and return what that took."""
    environment = {**os.environ, "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "false"}
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-c", MEASURE, json.dumps([modules, HEAVY])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    measured: dict[str, Any] = json.loads(done.stdout.rpartition("MEASURED ")[2])
    return measured


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("airflow")


@pytest.fixture(scope="module")
def cost(home: Path) -> dict[str, Any]:
    """What importing all operators, sensors and triggers costs."""
    return measure(MODULES, home)


@pytest.mark.once(reason="it is about the measure, not about what is measured")
def test_the_measure_sees_a_heavy_import(tmp_path: Path) -> None:
    cost = measure(["pandas"], tmp_path)
    assert {"numpy", "pandas"} <= set(cost["heavy"])
    assert cost["megabytes"] > MOST_MEGABYTES


def test_all_operators_sensors_and_triggers_are_measured(cost: dict[str, Any]) -> None:
    folder = Path(__file__).resolve().parents[2] / "airflow_cv_dataops"
    present = {
        f"airflow_cv_dataops.{kind}.{path.stem}"
        for kind in ("operators", "sensors", "triggers")
        for path in (folder / kind).glob("*.py")
        if path.stem not in ("__init__", "base")
    }
    assert set(cost["modules"]) == present


def test_no_heavy_library_is_imported_at_parse_time(cost: dict[str, Any]) -> None:
    assert cost["heavy"] == []


def test_nothing_heavy_is_imported_to_check_arguments(home: Path) -> None:
    """Of a DAG that gives every operator everything that is checked when it is parsed."""
    # Airflow imports the asset handlers of all providers, Amazon's among them, where a DAG has an asset, such as that of a stage.
    assert set(measure(["every_argument"], home)["heavy"]) <= {"boto3"}


def test_parse_time_memory_is_small(cost: dict[str, Any]) -> None:
    assert cost["megabytes"] < MOST_MEGABYTES


@pytest.mark.timing
def test_parse_time_is_short(home: Path) -> None:
    assert min(measure(MODULES, home)["seconds"] for _ in range(RUNS)) < MOST_SECONDS
