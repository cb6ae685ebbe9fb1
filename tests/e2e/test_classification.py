"""Classification data, end to end: a CSV with real faults, gates, a run without any date, a source with nothing in it."""

from __future__ import annotations

import csv

import pytest
from older_libraries import HAS_GATES

pytestmark = pytest.mark.e2e


@pytest.mark.long
@pytest.mark.once(reason="what an audit finds does not depend on Airflow's version")
def test_clothing_shows_orphans_duplicates_and_unknown_categories(deployment, shared_data, check_summaries, validate_events):
    source = shared_data("clothing_mini")
    with (source / "images.csv").open() as file:
        categories = sorted({row["label"] for row in csv.DictReader(file)} - {"Not sure", "Skip", "Other"})
    run = deployment.run("clothing_dataops", conf={"source": str(source), "categories": ",".join(categories)})

    assert run.state == "success", run.log[-3000:]
    check_summaries(run)
    validate_events(run.events)
    assert run.xcom["ingest"]["counts"]["images"] == 409
    assert run.xcom["ingest"]["counts"]["duplicates"] == 1
    findings = deployment.dataset("clothing").read("findings", partition_key="2026-11-05").to_pylist()
    by_check: dict[str, list] = {}
    for finding in findings:
        by_check.setdefault(finding["check"], []).append(finding)
    assert len({finding["image_id"] for finding in by_check["image_without_label"]}) == 20
    assert len(by_check["missing_image"]) == 5
    assert {finding["category"] for finding in by_check["unknown_category"]} == {"Not sure", "Skip", "Other"}
    assert run.xcom["promote"]["counts"]["images"] == 408


def test_a_failed_gate_fails_the_task_and_changes_nothing(deployment, few_clothes, check_summaries, validate_events):
    source = {"source": str(few_clothes)}
    released = deployment.run("clothing_dataops", conf=source)
    assert released.state == "success", released.log[-3000:]
    images = released.xcom["promote"]["counts"]["images"]
    run = deployment.run("clothing_dataops", logical_date="2026-11-06", conf={**source, "gate": "images >= 100000"})

    assert run.state == "failed"
    assert run.tasks["promote"] == "failed"
    check_summaries(run)
    [failed_gate, passed_gate] = run.xcom["promote"]["gates"]
    assert failed_gate == {"metric": "images", "op": ">=", "wanted": 100000.0, "found": images, "passed": False}
    assert passed_gate["passed"]
    assert f"images: wanted >= 100000, found {images}" in run.log
    assert deployment.dataset("clothing").release("production").name == "v1"

    validate_events(run.events)
    [failed] = run.task_events("promote", "FAIL")
    assert failed["outputs"] == []
    if HAS_GATES:
        tests = failed["run"]["facets"]["test"]["tests"]
        assert {test["name"]: test["status"] for test in tests} == {"images >= 100000": "fail", "reject_ratio <= 0.5": "pass"}
    [started] = run.task_events("promote", "START")
    assert [dataset["name"] for dataset in started["outputs"]] == ["clothing.releases", "clothing.release_items"]


def test_a_run_without_interval_and_logical_date_has_a_partition_key(deployment, few_clothes):
    run = deployment.run("clothing_dataops", logical_date=None, conf={"source": str(few_clothes)})

    assert run.state == "success", run.log[-3000:]
    key = run.xcom["ingest"]["partition_key"]
    assert len(key) == len("2026-11-05")
    assert {summary["partition_key"] for summary in run.xcom.values()} == {key}


def test_a_source_without_files_has_no_shards_and_makes_the_partition_empty(deployment, tmp_path):
    (tmp_path / "nothing").mkdir()
    run = deployment.run("sharded_clothing", conf={"source": str(tmp_path / "nothing")})
    assert (run.state, run.tasks["sharded.shard"], run.tasks["sharded.commit"]) == ("success", "skipped", "success"), run.log[-3000:]
    assert run.xcom["sharded.commit"]["counts"]["images"] == 0
    assert len(deployment.dataset("sharded").load_table("images").snapshots()) == 1
