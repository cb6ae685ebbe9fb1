"""What a lineage server makes of our runs: several days, a backfilled one, a failed audit, a refused promotion, a mapped ingest.

The questions are asked of the events, as they arrive at an HTTP endpoint, and, where it is to be had, of a real Marquez.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from deployment import DagRuns, Deployment, deploy
from event_receiver import Taken
from lineage_answers import Answers, EventsAnswers, MarquezAnswers
from PIL import Image

pytestmark = [pytest.mark.e2e, pytest.mark.once(reason="what a step tells is asked on every version by the tests of the DAGs")]

DAYS = ("2026-11-05", "2026-11-06")
STATIC = ("schema", "dataSource", "datasetType", "symlinks", "catalog", "storage", "documentation")


@dataclass(frozen=True)
class Told:
    """:param answers: who is asked. :param home: where the warehouse of the runs is. :param taken: what was sent, where it is known."""

    answers: Answers
    home: str
    taken: list[Taken]

    @property
    def events(self) -> list[dict[str, Any]]:
        return [request.event for request in self.taken]

    def table(self, dataset: str, table: str) -> tuple[str, str]:
        return "file", f"{self.home}/cv_dataops/warehouse/{dataset}/{table}"


@pytest.fixture(scope="module")
def of_events(migrated_home, dag_runs, tmp_path_factory, shared_data, few_clothes) -> Told:
    """Everything that the runs send, as it arrives."""
    deployment = deploy(migrated_home, tmp_path_factory.mktemp("lineage"), dag_runs)
    already_taken = len(dag_runs.taken)
    do_runs(deployment, shared_data, few_clothes)
    taken = dag_runs.taken[already_taken:]
    return Told(EventsAnswers([request.event for request in taken]), str(deployment.home), taken)


@pytest.fixture(scope="module")
def of_marquez(migrated_home, tmp_path_factory, shared_data, few_clothes, service) -> Told:
    marquez = service("marquez")
    deployment = deploy(migrated_home, tmp_path_factory.mktemp("marquez"))
    with DagRuns(deployment, {"type": "http", "url": marquez.url}) as runs:
        do_runs(replace(deployment, runs=runs), shared_data, few_clothes)
    time.sleep(2)
    return Told(MarquezAnswers(marquez.url), str(deployment.home), [])


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


def test_the_way_back_from_the_release_leads_over_every_step_to_the_source(told):
    upstream = told.answers.upstream(told.table("digits", "releases"))
    tables = {told.table("digits", name) for name in ("images", "annotations", "predictions", "findings", "metrics", "releases")}
    assert upstream == {("file", f"{told.home}/landing/digits"), *tables}


def test_every_table_has_a_schema_a_symlink_and_a_version_for_each_run(told):
    for table, runs in (("images", 3), ("rejects", 3), ("annotations", 3), ("predictions", 3), ("findings", 3), ("samples", 3)):
        dataset = told.table("digits", table)
        versions = told.answers.versions(dataset)
        assert len(versions) == runs, table
        assert {version.fields[0] for version in versions} == {"partition_key"}
        assert told.answers.facets(dataset)["symlinks"]["identifiers"][0]["name"] == f"digits.{table}"


def test_a_backfill_adds_versions_and_runs_but_no_dataset(told):
    datasets = {name for namespace, name in told.answers.datasets() if name.startswith(told.home)}
    assert not [name for name in datasets if re.search(r"2026-11-\d\d", name)]
    tables = {name.rpartition("/")[2] for name in datasets if "/warehouse/digits/" in name}
    assert tables == {"images", "rejects", "annotations", "predictions", "findings", "samples", "metrics", "releases"}
    assert told.answers.runs(("e2e", "digits_dataops.ingest")) == {"COMPLETED": 3}


def test_the_audited_labels_carry_what_held_and_what_did_not(told):
    [version, *_] = told.answers.versions(told.table("cells", "annotations"))
    assert ("zero_area_bbox", "bbox", False) in version.assertions
    assert ("negative_bbox", "bbox", True) in version.assertions
    assert told.answers.runs(("e2e", "strict_audit.audit")) == {"FAILED": 1}
    assert told.answers.runs(("e2e", "strict_audit.import_labels")) == {"COMPLETED": 1}
    [version, *_] = told.answers.versions(told.table("digits", "annotations"))
    assert ("unknown_category", "category", True) in version.assertions


def test_a_refused_promotion_is_a_failed_run_without_a_version_of_the_release(told):
    assert told.answers.runs(("e2e", "clothing_dataops.promote")) == {"FAILED": 1}
    assert told.answers.versions(told.table("clothing", "releases")) == []
    assert len(told.answers.versions(told.table("digits", "releases"))) == 3


def test_mapped_shards_are_one_job(told):
    jobs = {name for _, name in told.answers.jobs() if name.startswith("sharded_clothing.")}
    assert jobs == {
        "sharded_clothing.sharded.plan",
        "sharded_clothing.sharded.shard",
        "sharded_clothing.sharded.commit",
        "sharded_clothing.whole",
    }
    assert told.answers.runs(("e2e", "sharded_clothing.sharded.shard"))["COMPLETED"] == 3
    upstream = told.answers.upstream(told.table("sharded", "images"))
    assert ("file", f"{told.home}/landing/many") in upstream


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


def test_every_name_fits_into_a_node_id_of_marquez(of_events):
    """``dataset:<namespace>:<name>``, cut at each colon that ``//`` or a digit does not follow; ``#`` begins a version."""
    for namespace, name in of_events.answers.datasets():
        assert "#" not in name
        assert re.split(r":(?!//|\d)", f"dataset:{namespace}:{name}") == ["dataset", namespace, name]
