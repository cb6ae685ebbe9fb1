"""The example DAGs parse on every Airflow, and what a person is asked says what is in the release."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import Asset
from project import PROJECT_ROOT

EXAMPLES = sorted(path.stem for path in (PROJECT_ROOT / "example_dags").glob("*.py") if path.stem != "digits_landing")


def parsed(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(PROJECT_ROOT / "example_dags")
    spec = importlib.util.spec_from_file_location(name, PROJECT_ROOT / "example_dags" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules.pop("digits_landing", None)
    return module


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_parses_and_is_called_as_its_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dag = parsed(name, monkeypatch).dag
    assert dag.dag_id == name
    dag.check_cycle()


def test_training_waits_for_what_the_promotion_of_the_example_emits(monkeypatch: pytest.MonkeyPatch) -> None:
    promote = parsed("digits_dataops", monkeypatch).dag.get_task("promote")
    assert promote.outlets == [Asset("cv://digits/production")] == [parsed("digits_training", monkeypatch).PRODUCTION]


def question(monkeypatch: pytest.MonkeyPatch, **summary: Any) -> str:
    module = parsed("digits_approval", monkeypatch)
    staged = {
        "dataset": "digits",
        "release": "v2",
        "stage": "staging",
        "parent": "v1",
        "counts": {"images": 599, "annotations": 400, "partitions": 1, "partitions_left_out": 0, "splits": {"test": 58}},
        "gates": [{"metric": "images", "op": ">=", "wanted": 500.0, "found": 599, "passed": True}],
    } | summary
    labels = {"added": 7, "removed": 1, "changed": 3}
    changed = {"from": "v1", "to": "v2", "counts": {"images": {"added": 20, "removed": 0}, "labels": labels}}
    ti = SimpleNamespace(xcom_pull=lambda task_id: {"stage": staged, "diff": changed}[task_id])
    text: str = module.dag.get_template_env().from_string(module.BODY).render(ti=ti)
    return text


def test_a_person_is_told_what_is_in_the_release_and_what_it_was_judged_by(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = question(monkeypatch).splitlines()
    assert "**`v2` of `digits`** is at `staging`, which was at v1." in lines
    assert {"Compared with `v1`:", "- images: 20 added, 0 removed", "- labels: 7 added, 1 removed, 3 changed"} <= set(lines)
    assert {"- images: 599", "- annotations: 400", "- images in `test`: 58", "- holds: `images >= 500.0`, found 599"} <= set(lines)


def test_a_gate_that_does_not_hold_stands_out(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = {"metric": "map50", "op": ">=", "wanted": 0.6, "found": None, "passed": False}
    assert "- **does not hold**: `map50 >= 0.6`, found nothing" in question(monkeypatch, gates=[gate]).splitlines()


def test_names_that_people_choose_are_text(monkeypatch: pytest.MonkeyPatch) -> None:
    odd = "`[x](https://bad.example)`\n# <b>"
    counts = {"images": 1, "annotations": 0, "partitions": 1, "partitions_left_out": 0, "splits": {odd: 1}}
    gate = {"metric": odd, "op": ">=", "wanted": 1.0, "found": 1, "passed": True}
    lines = question(monkeypatch, counts=counts, gates=[gate]).splitlines()
    assert "- images in `[x](https://bad.example) # <b>`: 1" in lines
    assert "- holds: `[x](https://bad.example) # <b> >= 1.0`, found 1" in lines
