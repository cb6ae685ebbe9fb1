"""From events to the graph: who reads and writes what, what the last runs said, and lines that are no event."""

from __future__ import annotations

import json
from itertools import permutations

from airflow_cv_dataops.core.lineage.page.graph import read_graph
from airflow_cv_dataops.core.lineage.page.graph_nodes import RUNS_KEPT
from airflow_cv_dataops.core.lineage.page.graph_partitions import FailedAssertion

IMAGES = ("glue://cv", "digits.images")
LABELS = ("glue://cv", "digits.annotations")


def dataset(key, *, rows=None, version=None, partition=None, owner=None, assertions=(), side="output"):
    facets = {"version": {"datasetVersion": version}} if version else {}
    facets |= {"dataQualityAssertions": {"assertions": list(assertions)}} if assertions else {}
    own = {f"{side}Statistics": {"rowCount": rows}} if rows is not None else {}
    whose = {"identifier": partition, **({"dimensions": {"partition_key": partition, "step": owner}} if owner else {})}
    own |= {"subset": {f"{side}Condition": {"partitions": [whose]}}} if partition else {}
    return {"namespace": key[0], "name": key[1], "facets": facets, f"{side}Facets": own}


def event(job, kind="COMPLETE", *, run="r1", at="2026-11-05T00:00:00Z", inputs=(), outputs=(), facets=None):
    return {
        "eventType": kind,
        "eventTime": at,
        "run": {"runId": run, "facets": facets or {}},
        "job": {"namespace": "prod", "name": job},
        "inputs": list(inputs),
        "outputs": list(outputs),
    }


def graph(*events):
    return read_graph(json.dumps(one) for one in events)


def test_jobs_join_datasets_and_the_way_back_is_found():
    source = ("s3://landing", "raw")
    found = graph(
        event("dag.ingest", inputs=[dataset(source, side="input")], outputs=[dataset(IMAGES)]),
        event("dag.labels", inputs=[dataset(IMAGES, side="input")], outputs=[dataset(LABELS)]),
        event("other.job", inputs=[dataset(("x", "y"), side="input")]),
    )
    assert found.upstream(LABELS) == {LABELS, IMAGES, source}
    assert found.reads == {(source, ("prod", "dag.ingest")), (IMAGES, ("prod", "dag.labels")), (("x", "y"), ("prod", "other.job"))}


def test_a_backfilled_partition_is_counted_once():
    first = event("dag.ingest", run="a", outputs=[dataset(IMAGES, rows=10, version="1", partition="d1")])
    other = event("dag.ingest", run="b", outputs=[dataset(IMAGES, rows=5, version="2", partition="d2")], at="2026-11-06T00:00:00Z")
    again = event("dag.ingest", run="c", outputs=[dataset(IMAGES, rows=11, version="3", partition="d1")], at="2026-11-07T00:00:00Z")
    node = graph(first, other, again).datasets[IMAGES]
    assert node.rows == 16
    assert node.version == "3"
    assert {key: state.version for key, state in node.partitions.items()} == {"d1": "3", "d2": "2"}


def test_rows_of_several_owners_of_a_partition_are_all_counted_and_each_owners_once():
    def wrote(job, step, rows, hour):
        return event(job, at=f"2026-11-05T{hour:02}:00:00Z", outputs=[dataset(IMAGES, rows=rows, partition="d1", owner=step)])

    node = graph(wrote("dag.ingest", "ingest", 16, 1), wrote("dag.audit", "audit", 200, 2), wrote("dag.audit", "audit", 201, 3)).datasets[
        IMAGES
    ]
    assert node.rows == 16 + 201
    assert list(node.partitions) == ["d1"]
    assert node.partitions["d1"].written.job == ("prod", "dag.audit")


def test_an_audit_that_finds_nothing_does_not_answer_for_another_and_its_own_rerun_does():
    def audited(job, success, hour):
        found = dataset(LABELS, partition="d1", assertions=[{"assertion": "zero_area_bbox", "success": success}], side="input")
        return event(job, at=f"2026-11-05T{hour:02}:00:00Z", inputs=[found])

    state = graph(audited("dag.strict", False, 1), audited("dag.other", True, 2)).datasets[LABELS].partitions["d1"]
    assert ([one.assertion for one in state.failed], state.asserted_count) == (["zero_area_bbox"], 2)
    mended = graph(audited("dag.strict", False, 1), audited("dag.other", True, 2), audited("dag.strict", True, 3))
    assert not mended.datasets[LABELS].partitions["d1"].failed


def test_a_dataset_that_only_a_start_has_named_is_not_written_yet():
    refused = [
        event("dag.promote", kind, inputs=[dataset(IMAGES, side="input")], outputs=out)
        for kind, out in (("START", [dataset(LABELS)]), ("FAIL", []))
    ]
    found = graph(*refused).datasets
    assert (found[LABELS].is_announced_alone, found[IMAGES].is_announced_alone) == (True, False)


def test_a_release_says_which_version_of_each_table_it_holds():
    held = {"cvDataops_promotion": {"release": "v3", "snapshots": {"images": "71", "annotations": "72"}}}
    [run] = graph(event("dag.promote", facets=held)).jobs["prod", "dag.promote"].runs
    assert run.facts == {"release": "v3", "snapshots": "images 71, annotations 72"}


def test_what_was_asserted_holds_until_the_partition_is_written_again():
    bad = [{"assertion": "zero_area_bbox", "column": "bbox", "success": False}, {"assertion": "duplicate_id", "success": True}]
    good = [{**one, "success": True} for one in bad]

    def audit(assertions, at):
        return event("dag.audit", inputs=[dataset(LABELS, partition="d1", assertions=assertions, side="input")], at=at)

    written = event("dag.labels", outputs=[dataset(LABELS, rows=3, partition="d1")], at="2026-11-05T00:00:02Z")
    audited = graph(audit(bad, "2026-11-05T00:00:01Z"))
    assert audited.datasets[LABELS].unhealthy == ["d1"]
    assert audited.datasets[LABELS].partitions["d1"].failed == (FailedAssertion("zero_area_bbox", "bbox"),)
    replaced = graph(audit(bad, "2026-11-05T00:00:01Z"), written)
    assert not replaced.datasets[LABELS].unhealthy
    assert not replaced.datasets[LABELS].is_asserted
    mended = graph(audit(bad, "2026-11-05T00:00:01Z"), written, audit(good, "2026-11-05T00:00:03Z"))
    assert mended.datasets[LABELS].is_asserted
    assert not mended.datasets[LABELS].unhealthy


def test_runs_end_as_their_events_say_and_only_the_last_are_kept():
    events = [event("dag.audit", "START", run="slow", at="2026-11-01T00:00:00Z")]
    for number in range(RUNS_KEPT + 5):
        at = f"2026-11-02T00:00:{number:02}Z"
        events += [event("dag.audit", "START", run=f"r{number}", at=at), event("dag.audit", "COMPLETE", run=f"r{number}", at=at)]
    failed = {
        "errorMessage": {"message": "3 findings"},
        "cvDataops_run": {"partitionKey": "d9"},
        "cvDataops_audit": {"findings": 3, "byCheck": {}},
    }
    events.append(event("dag.audit", "FAIL", run="bad", at="2026-11-03T00:00:00Z", facets=failed))
    job = graph(*events).jobs["prod", "dag.audit"]
    assert job.ended == {"complete": RUNS_KEPT + 5, "failed": 1}
    assert len(job.runs) == RUNS_KEPT
    assert (job.runs[-1].state, job.runs[-1].error, job.runs[-1].partition_key) == ("failed", "3 findings", "d9")
    assert job.runs[-1].facts == {"findings": 3}


def test_events_of_several_files_may_come_in_any_order():
    audit = [{"assertion": "duplicate_id", "success": False}]
    events = [
        event("dag.ingest", run="a", outputs=[dataset(IMAGES, rows=10, version="1", partition="d1")], at="2026-11-05T10:00:00Z"),
        # In another time zone, and later than the first although its clock shows less.
        event("dag.ingest", run="b", outputs=[dataset(IMAGES, rows=11, version="2", partition="d1")], at="2026-11-05T09:30:00.5-02:00"),
        event("dag.audit", run="c", inputs=[dataset(IMAGES, partition="d1", assertions=audit, side="input")], at="2026-11-05T11:00:00Z"),
    ]
    found = [graph(*order) for order in permutations(events)]
    assert all(one == found[0] for one in found)
    state = found[0].datasets[IMAGES].partitions["d1"]
    assert (state.rows, state.version, state.asserted) == (11, "2", ())


def test_a_failed_run_wrote_what_it_names_as_outputs():
    written = dataset(IMAGES, rows=7, version="9", partition="d1")
    found = graph(event("dag.ingest", "FAIL", outputs=[written], facets={"errorMessage": {"message": "too many rejects"}}))
    state = found.datasets[IMAGES].partitions["d1"]
    assert (state.rows, state.version) == (7, "9")
    assert (state.written.job, state.written.state) == (("prod", "dag.ingest"), "failed")
    assert found.jobs["prod", "dag.ingest"].runs[-1].state == "failed"


def test_a_warning_leaves_a_partition_healthier_than_an_error():
    def audited(*severities):
        assertions = [{"assertion": f"a{number}", "success": False, "severity": one} for number, one in enumerate(severities)]
        return graph(event("dag.audit", inputs=[dataset(IMAGES, partition="d1", assertions=assertions, side="input")])).datasets[IMAGES]

    assert (audited("info").unhealthy, audited("info").warned) == ([], [])
    assert (audited("warn", "info").unhealthy, audited("WARNING").warned) == ([], ["d1"])
    assert audited("warn", "error").unhealthy == ["d1"]
    assert audited("unheard-of").unhealthy == audited("").unhealthy == ["d1"]


def test_an_assertion_keeps_what_was_expected_and_found():
    told = {"severity": "warn", "description": "Boxes have an area.", "expected": "0", "actual": "12"}
    bad = {"assertion": "zero_area_bbox", "column": "bbox", "success": False, **told}
    found = graph(event("dag.audit", inputs=[dataset(LABELS, partition="d1", assertions=[bad], side="input")]))
    [failed] = found.datasets[LABELS].partitions["d1"].failed
    assert failed == FailedAssertion("zero_area_bbox", "bbox", "warn", "Boxes have an area.", "0", "12")


def test_a_cut_line_and_odd_shapes_are_counted_and_cost_nothing_else():
    whole = json.dumps(event("dag.ingest", outputs=[dataset(IMAGES, rows=1)]))
    odd = json.dumps({"run": {"runId": 7}, "job": {"name": None}, "inputs": "none", "outputs": [3, {"facets": []}], "eventType": ["x"]})
    found = read_graph([whole, whole[:40], "", "[]", "null", odd, "[" * 200_000])
    assert found.unreadable == 4
    assert found.events == 2
    assert found.datasets[IMAGES].rows == 1


def test_a_run_is_one_whether_its_start_or_its_end_is_read_first_and_runs_of_one_id_stay_apart():
    start, end = event("dag.audit", "START"), event("dag.audit", "FAIL", at="2026-11-05T01:00:00Z")
    again = (event("dag.audit", "START", at="2026-11-06T00:00:00Z"), event("dag.audit", at="2026-11-06T01:00:00Z"))
    for order in ([start, end], [end, start]):
        [job] = graph(*order).jobs.values()
        assert [(run.state, run.started[:13]) for run in job.runs] == [("failed", "2026-11-05T00")]
        [job] = graph(*order, *again).jobs.values()
        assert [run.state for run in job.runs] == ["failed", "complete"]
    [job] = graph(end, *again).jobs.values()
    assert [run.state for run in job.runs] == ["failed", "complete"]
