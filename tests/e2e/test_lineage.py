"""What a lineage server makes of our runs: several days, a backfilled one, a failed audit, a refused promotion, a mapped ingest.

The questions are asked of the events, as they arrive at an HTTP endpoint, and, where it is to be had, of a real Marquez.
"""

from __future__ import annotations

import re
import time
import uuid
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from deployment import DagRuns, Deployment, deploy
from event_receiver import Taken
from lineage_answers import Answers, EventsAnswers, MarquezAnswers
from PIL import Image

from airflow_cv_dataops.core.dataset import open_dataset

pytestmark = [pytest.mark.e2e, pytest.mark.once(reason="what a step tells is asked on every version by the tests of the DAGs")]

DAYS = ("2026-11-05", "2026-11-06")
STATIC = ("schema", "dataSource", "datasetType", "symlinks", "catalog", "storage", "documentation")


@dataclass(frozen=True)
class Told:
    """What a lineage server makes of the runs.

    :param answers: who is asked. :param home: where the warehouse of the runs is. :param namespace: of the jobs.
    :param taken: what was sent, where it is known.
    """

    answers: Answers
    home: str
    namespace: str
    taken: list[Taken]

    @property
    def events(self) -> list[dict[str, Any]]:
        return [request.event for request in self.taken]

    def table(self, dataset: str, table: str) -> tuple[str, str]:
        return f"sqlite:///{self.home}/cv_dataops/catalog.db", f"{dataset}.{table}"

    def source(self, path: str) -> tuple[str, str]:
        return "file", f"{self.home}/landing/{path}"


@pytest.fixture(scope="module")
def of_events(migrated_home, dag_runs, tmp_path_factory, shared_data, few_clothes) -> Told:
    """Everything that the runs send, as it arrives."""
    deployment = deploy(migrated_home, tmp_path_factory.mktemp("lineage"), dag_runs)
    already_taken = len(dag_runs.taken)
    do_runs(deployment, shared_data, few_clothes)
    taken = dag_runs.taken[already_taken:]
    return Told(EventsAnswers([request.event for request in taken]), str(deployment.home), "e2e", taken)


@pytest.fixture(scope="module")
def of_marquez(migrated_home, tmp_path_factory, shared_data, few_clothes, service) -> Told:
    marquez = service("marquez")
    namespace = f"e2e_{uuid.uuid4().hex[:12]}"  # a server of MARQUEZ_URL may have seen other runs of these tests
    plain = deploy(migrated_home, tmp_path_factory.mktemp("marquez"))
    deployment = replace(plain, settings={"AIRFLOW__OPENLINEAGE__NAMESPACE": namespace})
    with DagRuns(deployment, {"type": "http", "url": marquez.url}) as runs:
        do_runs(replace(deployment, runs=runs), shared_data, few_clothes)
    time.sleep(2)
    return Told(MarquezAnswers(marquez.url), str(deployment.home), namespace, [])


@pytest.fixture(params=["events", pytest.param("marquez", marks=pytest.mark.servers)])
def told(request) -> Told:
    return request.getfixturevalue(f"of_{request.param}")


def do_runs(deployment: Deployment, shared_data, few_clothes: Path) -> None:
    """Two days and the first again; labels with errors; a gate that does not hold; an ingest in shards."""
    for day in (*DAYS, DAYS[0]):
        assert deployment.run("digits_dataops", logical_date=day).state == "success"
    cells = {"source": str(shared_data("bccd") / "BCCD")}
    assert deployment.run("strict_audit", conf=cells).tasks["audit"] == "failed"
    conf = {"source": str(few_clothes), "gate": "images >= 100000"}
    assert deployment.run("clothing_dataops", conf=conf).tasks["promote"] == "failed"
    source = deployment.home / "landing" / "many"
    source.mkdir(parents=True)
    for number in range(801):  # three shards
        Image.effect_noise((24, 16), 1 + number % 90).save(source / f"{number:03}.png")
    assert deployment.run("sharded_clothing", conf={"source": str(source)}).state == "success"


def test_every_event_of_a_run_arrives_compressed_and_with_the_key(of_events):
    assert {(request.headers["Authorization"], request.headers["Content-Encoding"]) for request in of_events.taken} == {
        ("Bearer k", "gzip")
    }
    told = [(event["job"]["name"], event["eventType"]) for event in of_events.events]
    tasks = Counter((name, kind) for name, kind in told if name.startswith("clothing_dataops."))
    ended = {"ingest": "COMPLETE", "import_labels": "COMPLETE", "audit": "COMPLETE", "promote": "FAIL"}
    assert tasks == {(f"clothing_dataops.{step}", kind): 1 for step, end in ended.items() for kind in ("START", end)}


def test_every_event_fits_the_published_schemas(of_events, validate_events):
    validate_events(of_events.events)


def test_the_way_back_from_the_release_leads_over_every_step_to_what_was_landed(told):
    upstream = told.answers.upstream(told.table("digits", "releases"))
    names = ("images", "rejects", "annotations", "predictions", "embeddings", "findings", "metrics", "releases")
    landed = {told.source(f"digits/{name}") for name in ("images", "labels.csv", "predictions.npz")}
    assert upstream == {*landed, *(told.table("digits", name) for name in names)}


def test_what_lies_in_one_folder_of_the_day_stays_apart(told):
    kinds = {name: told.answers.facets(told.source(f"digits/{name}")) for name in ("images", "labels.csv", "predictions.npz")}
    assert [facets["datasetType"]["subType"] for facets in kinds.values()] == ["IMAGE", "CSV", "PROBABILITIES"]
    assert len({facets["documentation"]["description"] for facets in kinds.values()}) == 3
    assert told.answers.producers(told.source("digits/images")) == {"digits_dataops.land"}


def test_every_table_has_a_schema_its_location_as_symlink_and_a_version_for_each_run(told):
    for table, runs in (("images", 3), ("rejects", 3), ("annotations", 3), ("predictions", 3), ("samples", 3), ("release_items", 3)):
        dataset = told.table("digits", table)
        versions = told.answers.versions(dataset)
        assert len(versions) == runs, table
        assert versions[0].fields[0] == ("release" if table == "release_items" else "partition_key")
        (link,) = told.answers.facets(dataset)["symlinks"]["identifiers"]
        location = {"namespace": "file", "name": f"{told.home}/cv_dataops/warehouse/digits/{table}", "type": "LOCATION"}
        assert {key: link[key] for key in location} == location


def test_what_several_steps_write_has_all_of_them_as_producers(told):
    steps = ("ingest", "import_labels", "import_predictions", "audit", "validate", "health", "sample", "embed")
    assert told.answers.producers(told.table("digits", "metrics")) == {f"digits_dataops.{step}" for step in steps}
    finders = {f"digits_dataops.{step}" for step in steps[1:6]}
    assert told.answers.producers(told.table("digits", "findings")) == finders


def test_a_label_can_be_followed_column_by_column_from_its_file_to_the_release(told):
    labels, images = told.source("digits/labels.csv")[1], told.source("digits/images")[1]
    in_release = told.answers.columns_above(told.table("digits", "releases"), "content_id")
    assert {("digits.annotations", "category"), (labels, "category"), (images, "content")} <= in_release
    found = told.answers.columns_above(told.table("digits", "findings"), "image_id")
    assert {("digits.annotations", "image_id"), ("digits.images", "image_id"), (images, "content")} <= found


def test_every_task_says_in_one_sentence_what_it_does(told):
    sentences = {
        job: told.answers.documentation((told.namespace, job))
        for namespace, job in told.answers.jobs()
        if namespace == told.namespace and job.startswith(("digits_dataops.", "sharded_clothing.", "strict_audit."))
    }
    assert sentences["digits_dataops.ingest"].startswith("Reads the image files at the source")
    assert sentences["digits_dataops.land"].startswith("Writes a day's images")
    assert not [job for job, text in sentences.items() if "Handwritten digits, every day" in text]


def test_a_backfill_adds_versions_and_runs_but_no_dataset(told):
    datasets = {name for namespace, name in told.answers.datasets() if name.startswith(told.home)}
    assert not [name for name in datasets if re.search(r"2026-11-\d\d", name)]
    tables = {
        name for namespace, name in told.answers.datasets() if namespace == told.table("digits", "")[0] and name.startswith("digits.")
    }
    of_images = ("images", "rejects", "annotations", "predictions", "embeddings", "findings", "samples")
    assert tables == {f"digits.{name}" for name in (*of_images, "metrics", "profiles", "releases", "release_items")}
    assert told.answers.runs((told.namespace, "digits_dataops.ingest")) == {"COMPLETED": 3}


def test_the_audited_labels_carry_what_held_and_what_did_not(told):
    [version, *_] = told.answers.versions(told.table("cells", "annotations"))
    assert ("zero_area_bbox", "bbox", False) in version.assertions
    assert ("negative_bbox", "bbox", True) in version.assertions
    assert told.answers.runs((told.namespace, "strict_audit.audit")) == {"FAILED": 1}
    assert told.answers.runs((told.namespace, "strict_audit.import_labels")) == {"COMPLETED": 1}
    # Of several steps that assert of one version, a server keeps the words of the last.
    [version, *_] = told.answers.versions(told.table("digits", "annotations"))
    assert {name for name, _, _ in version.assertions} & {"outdated_audit", "known_category.category", "unknown_category"}


def test_a_refused_promotion_is_a_failed_run_without_a_version_of_the_release(told):
    assert told.answers.runs((told.namespace, "clothing_dataops.promote")) == {"FAILED": 1}
    assert told.answers.versions(told.table("clothing", "releases")) == []
    assert len(told.answers.versions(told.table("digits", "releases"))) == 3


def test_mapped_shards_are_one_job(told):
    jobs = {name for namespace, name in told.answers.jobs() if namespace == told.namespace and name.startswith("sharded_clothing.")}
    assert jobs == {
        "sharded_clothing.sharded.plan",
        "sharded_clothing.sharded.shard",
        "sharded_clothing.sharded.commit",
        "sharded_clothing.whole",
    }
    assert told.answers.runs((told.namespace, "sharded_clothing.sharded.shard"))["COMPLETED"] == 3
    upstream = told.answers.upstream(told.table("sharded", "images"))
    chain = {told.table("sharded", name) for name in ("images", "shard_rows", "shard_list")}
    assert upstream == {told.source("many"), *chain}
    assert len(told.answers.versions(told.table("sharded", "images"))) == 1


def test_no_event_hides_an_edge_or_splits_a_version(of_events):
    """Marquez: an event with an empty side hides that side's edges; a facet that differs between START and COMPLETE makes two versions."""
    by_run: dict[str, dict[str, Any]] = {}
    for event in of_events.events:
        by_run.setdefault(event["run"]["runId"], {})[event["eventType"]] = event
    both = [pair for pair in by_run.values() if {"START", "COMPLETE"} <= pair.keys() and "cvDataops_run" in pair["START"]["run"]["facets"]]
    assert len(both) >= 25
    for pair in both:
        for side in ("inputs", "outputs"):
            started, ended = (
                {(one["namespace"], one["name"]): one["facets"] for one in pair[kind][side]} for kind in ("START", "COMPLETE")
            )
            assert started.keys() == ended.keys(), pair["START"]["job"]["name"]
            for name, facets in started.items():
                for facet in STATIC:
                    assert facets.get(facet) == ended[name].get(facet), (name, facet)


def test_no_task_stands_alone(of_events):
    connected = {event["job"]["name"] for event in of_events.events if event["inputs"] or event["outputs"]}
    dag_runs = {"digits_dataops", "clothing_dataops", "strict_audit", "sharded_clothing"}
    assert {event["job"]["name"] for event in of_events.events} - connected == dag_runs


def test_a_failed_audit_names_the_version_of_the_findings_that_it_has_written(of_events):
    [failed] = [event for event in of_events.events if event["job"]["name"] == "strict_audit.audit" and event["eventType"] == "FAIL"]
    findings = open_dataset("cells", home=f"{of_events.home}/cv_dataops")
    written = {one["name"]: one["facets"]["version"]["datasetVersion"] for one in failed["outputs"]}
    assert written == {f"cells.{table}": findings.snapshot_id(table) for table in ("findings", "metrics")}


def test_a_dataset_without_predictions_is_not_said_to_have_been_judged_by_them(of_events):
    read = [one["name"] for event in of_events.events if event["job"]["name"] == "strict_audit.audit" for one in event["inputs"]]
    assert set(read) == {"cells.images", "cells.annotations"}


def test_only_who_has_measured_columns_sends_quality_metrics_and_so_wipes_nobody_elses(of_events):
    measured = {}
    for event in of_events.events:
        for one in (*event["inputs"], *event["outputs"]):
            for facets in (one["facets"], one.get("inputFacets", {})):
                if metrics := facets.get("dataQualityMetrics"):
                    measured.setdefault((event["job"]["name"].rpartition(".")[2], one["name"].rpartition(".")[2]), metrics["columnMetrics"])
    assert measured.keys() == {("audit", "annotations")}
    assert measured["audit", "annotations"].keys() == {"annotation_id", "image_id", "category", "bbox"}


def test_an_assertion_says_how_bad_what_was_expected_and_what_was_found_and_none_is_of_what_was_not_there(of_events):
    def asserted(job):
        [event] = [event for event in of_events.events if event["job"]["name"] == job and event["eventType"] in ("COMPLETE", "FAIL")][:1]
        return {
            found["assertion"]: found
            for one in event["inputs"]
            for found in one["inputFacets"].get("dataQualityAssertions", {}).get("assertions", ())
        }

    cells, digits = asserted("strict_audit.audit"), asserted("digits_dataops.audit")
    assert digits["unknown_category"]["success"] is True
    assert asserted("digits_dataops.validate")["known_category.category"]["success"] is True
    assert asserted("digits_dataops.health")["outdated_audit"]["success"] is True
    empty = cells["zero_area_bbox"]
    assert (empty["success"], empty["severity"], empty["expected"], empty["column"]) == (False, "error", "0", "bbox")
    assert int(empty["actual"]) >= 1
    assert empty["description"].endswith(".")
    assert not [name for name, one in digits.items() if one.get("column") in ("bbox", "segmentation", "keypoints")]
    assert "invalid_polygon" not in cells


def test_every_name_fits_into_a_node_id_of_marquez(of_events):
    """``dataset:<namespace>:<name>``, cut at each colon that ``//`` or a digit does not follow; ``#`` begins a version."""
    for namespace, name in of_events.answers.datasets():
        assert "#" not in name
        assert re.split(r":(?!//|\d)", f"dataset:{namespace}:{name}") == ["dataset", namespace, name]
