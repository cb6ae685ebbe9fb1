"""What stands in a box: names that tell datasets apart, what a dataset is, and how it is."""

from __future__ import annotations

import pytest

from airflow_cv_dataops.core.lineage.page.drawing import draw
from airflow_cv_dataops.core.lineage.page.drawing_nodes import drawn_dataset, job_titles, shortened, titles
from airflow_cv_dataops.core.lineage.page.graph_nodes import DatasetNode, JobNode, LineageGraph, RunState
from airflow_cv_dataops.core.lineage.page.graph_partitions import Asserted, FailedAssertion, PartitionState, Read

CATALOG = "postgresql://db:5432/catalog"


def titled(*names):
    """Return the titles of datasets; a name with a slash is of files."""
    keys = [(CATALOG if "/" not in name else "s3://lake", name) if isinstance(name, str) else name for name in names]
    nodes = {key: DatasetNode(*key) for key in keys}
    for node in nodes.values():
        node.say("kind", "FILE" if "/" in node.name else "TABLE", "")
    found = titles(LineageGraph(datasets=nodes))
    return [found[key] for key in keys]


def test_tables_of_one_dataset_have_their_own_name_alone():
    assert titled("digits.images", "digits.metrics") == ["images", "metrics"]


def test_tables_of_several_datasets_name_them():
    assert titled("digits.images", "cells.images", "cells.metrics") == ["digits.images", "cells.images", "cells.metrics"]


def test_files_have_two_parts_so_that_images_and_images_are_told_apart():
    names = titled("digits.images", "landing/digits/images", "landing/digits/labels.csv", "landing")
    assert names == ["images", "digits/images", "digits/labels.csv", "landing"]


def test_what_would_read_alike_has_more_of_its_name():
    assert titled("a/digits/images", "b/digits/images", "c/cells/images") == ["a/digits/images", "b/digits/images", "cells/images"]


def test_one_name_in_two_namespaces_says_which():
    assert titled(("s3://a", "x/y"), ("s3://b", "x/y")) == ["x/y (s3://a)", "x/y (s3://b)"]


def test_a_task_is_named_with_its_dag_where_several_have_one_of_that_name():
    jobs = [JobNode("prod", name) for name in ("digits.ingest", "cells.ingest", "cells.sharded.plan", "nightly")]
    assert list(job_titles(jobs).values()) == ["digits.ingest", "cells.ingest", "sharded.plan", "nightly"]


def test_long_names_lose_their_middle():
    assert shortened("a" * 30 + "_the_end_matters") == "aaaaaa…aaa_the_end_matters"
    assert len(titled("d." + "x" * 500)[0]) == 26


@pytest.mark.parametrize("name", ["", ".", "/", "...", "//", " "])
def test_a_dataset_with_next_to_no_name_has_a_title(name):
    assert all(titled((CATALOG, name), ("", name)))


@pytest.mark.parametrize(
    ("name", "kind", "is_written", "role"),
    [
        ("digits.images", "TABLE", True, "table"),
        ("digits.metrics", "TABLE", True, "bookkeeping"),
        ("warehouse/digits/rejects", "TABLE", True, "bookkeeping"),
        ("digits.releases", "TABLE", True, "release"),
        ("digits.release_items", "", True, "release"),
        ("landing/digits/metrics", "FILE", False, "files"),
        ("landing/digits/metrics", "", False, "files"),
        ("models/m", "", True, "table"),
        ("digits.findings", "TABLE", True, "table"),
    ],
)
def test_datasets_are_told_apart_by_what_they_are(name, kind, is_written, role):
    node = DatasetNode("n", name)
    node.say("kind", kind, "")
    assert drawn_dataset("d0", node, name, is_written=is_written).role == role


@pytest.mark.parametrize(
    ("severities", "state", "line"),
    [
        (["error", "warn"], "bad", "▲ 1 of 2 unhealthy"),
        (["warn", "info"], "warned", "△ 1 of 2 with warnings"),
        (["info"], "good", "● healthy"),
        ([], "good", "● healthy"),
    ],
)
def test_a_box_says_how_bad_it_is_in_words(severities, state, line):
    failed = tuple(FailedAssertion("a", severity=severity) for severity in severities)
    partitions = {
        "d1": PartitionState(read=Read("1", 5), assertions={("prod", "dag.audit"): Asserted("2", 9, failed)}),
        "d2": PartitionState(read=Read("1", 3)),
    }
    drawn = drawn_dataset("d0", DatasetNode("n", "digits.images", partitions=partitions), "images", is_written=True)
    assert (drawn.state, drawn.lines[-1]) == (state, line)


@pytest.mark.parametrize(
    ("states", "line", "state"),
    [
        (["complete"], "✓ 1 run", ""),
        (["complete", "complete"], "✓ 2 runs", ""),
        (["failed", "complete"], "✓ 2 runs", ""),
        (["failed"], "1 run · ▲ failed", "bad"),
        (["complete", "aborted"], "2 runs · ▲ last aborted", "bad"),
        (["complete", "running"], "2 runs · last running", ""),
    ],
)
def test_a_job_says_how_its_last_run_ended(states, line, state):
    job = JobNode("prod", "dag.step", runs=[RunState(str(number), one) for number, one in enumerate(states)])
    job.ended.update(one for one in states if one != "running")
    graph = LineageGraph({("n", "t"): DatasetNode("n", "t")}, {("prod", "dag.step"): job}, reads={(("n", "t"), ("prod", "dag.step"))})
    drawn = draw(graph).nodes["j0"]
    assert (drawn.title, drawn.lines, drawn.state) == ("step", (line,), state)
