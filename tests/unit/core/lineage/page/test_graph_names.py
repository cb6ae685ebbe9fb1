"""Datasets with several names: what events link is one dataset, whichever event comes first, and the catalog's name is shown."""

from __future__ import annotations

import json
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops.core.lineage.page.graph import read_graph

TABLE = ("postgresql://db:5432/catalog", "digits.images")
PLACE = ("s3://lake", "warehouse/digits/images")
SPARK = ("hive://metastore:9083", "lake.digits.images")
SOURCE = ("s3://landing", "digits/images")


def dataset(name, *links, partition="", rows=None, fields=()):
    facets = {"symlinks": {"identifiers": [{"namespace": link[0], "name": link[1], "type": kind} for link, kind in links]}}
    facets |= {"schema": {"fields": [{"name": field, "type": "int"} for field in fields]}} if fields else {}
    statistics = {"rowCount": rows} if rows is not None else {}
    subset = {"partitions": [{"identifier": partition}]}
    own = {
        f"{side}Facets": {f"{side}Statistics": statistics, "subset": {f"{side}Condition": subset}}
        for side in ("input", "output")
        if rows is not None
    }
    return {"namespace": name[0], "name": name[1], "facets": facets, **own}


def event(job, inputs=(), outputs=(), at="2026-11-05T00:00:00Z"):
    return {
        "eventType": "COMPLETE",
        "eventTime": at,
        "run": {"runId": job},
        "job": {"namespace": "prod", "name": job},
        "inputs": list(inputs),
        "outputs": list(outputs),
    }


def graph(*events):
    return read_graph(json.dumps(one) for one in events)


OURS = event("dag.ingest", [dataset(SOURCE)], [dataset(TABLE, (PLACE, "LOCATION"), partition="d1", rows=10, fields=["image_id"])])
OURS_BY_PLACE = event("dag.ingest", [dataset(SOURCE)], [dataset(PLACE, (TABLE, "TABLE"), partition="d1", rows=10)])
SPARK_READS = event("spark.train", [dataset(PLACE)], [dataset(("s3://lake", "models/m"))], at="2026-11-06T00:00:00Z")


def test_a_name_and_a_location_are_one_dataset_whichever_event_comes_first():
    for order in permutations([OURS, SPARK_READS]):
        found = graph(*order)
        assert set(found.datasets) == {TABLE, SOURCE, ("s3://lake", "models/m")}
        assert found.datasets[TABLE].locations == (PLACE,)
        assert found.reads == {(SOURCE, ("prod", "dag.ingest")), (TABLE, ("prod", "spark.train"))}
        assert SOURCE in found.upstream(("s3://lake", "models/m"))


def test_the_catalogs_name_is_shown_where_events_name_the_location_first():
    found = graph(OURS_BY_PLACE)
    assert set(found.datasets) == {TABLE, SOURCE}
    assert found.datasets[TABLE].locations == (PLACE,)
    assert found.datasets[TABLE].rows == 10


def test_a_dataset_is_found_by_each_of_its_names():
    found = graph(OURS, SPARK_READS)
    assert found.upstream(PLACE) == found.upstream(TABLE) == {TABLE, SOURCE}
    assert found.upstream(("never", "heard of")) == {("never", "heard of")}


def test_links_join_over_several_steps_in_any_order():
    spark_writes = event("spark.load", [], [dataset(PLACE, (SPARK, "TABLE"), partition="d2", rows=5, fields=["image_id", "size"])])
    spark_writes["eventTime"] = "2026-11-07T00:00:00Z"
    by_spark_name = event("spark.count", [dataset(SPARK, partition="d3", rows=2)], [])
    found = [graph(*order) for order in permutations([OURS, spark_writes, by_spark_name, SPARK_READS])]
    assert all(one == found[0] for one in found)
    # Of two names in a catalog the one that more events mention goes first, and of equals the first in the alphabet.
    [node] = [node for name, node in found[0].datasets.items() if name in (TABLE, SPARK)]
    assert {(node.namespace, node.name), *node.other_names} == {TABLE, SPARK}
    assert node.locations == (PLACE,)
    assert {key: state.rows for key, state in node.partitions.items()} == {"d1": 10, "d2": 5, "d3": 2}
    assert [name for name, _, _ in node.fields] == ["image_id", "size"]


def test_names_without_a_part_and_links_to_oneself_join_nothing():
    found = graph(
        event("a", [dataset(TABLE, (TABLE, "TABLE"), (("", ""), "TABLE"), (("", "images"), "LOCATION"), (("s3://lake", ""), "LOCATION"))]),
        event("b", [dataset(SOURCE, (("", ""), "TABLE"), (("", "images"), "LOCATION"), (("s3://lake", ""), "LOCATION"))]),
        event("c", [dataset(("", ""), (TABLE, "TABLE"))]),
    )
    assert set(found.datasets) == {TABLE, SOURCE, ("", "")}


def test_an_event_that_links_everything_makes_one_dataset_and_no_error():
    names = [("s3://lake", f"t{number}") for number in range(3000)]
    jobs = [event(f"job{number}", [dataset(name)], [dataset(name)]) for number, name in enumerate(names[:200])]
    found = graph(*jobs, event("bad", [dataset(names[0], *[(name, "LOCATION") for name in names])]))
    assert len(found.datasets) == 1
    assert len(found.names) == 3000
    assert found.upstream(names[77]) == {names[0]}


def test_symlinks_of_odd_shapes_are_no_links():
    odd = dataset(TABLE)
    odd["facets"]["symlinks"] = {"identifiers": ["x", None, {"name": {"a": 1}, "namespace": ["b"]}, {"type": 3}]}
    assert set(graph(event("a", [odd], [dataset(SOURCE)])).datasets) == {TABLE, SOURCE}
    odd["facets"]["symlinks"] = "everything"
    assert set(graph(event("a", [odd], [dataset(SOURCE)])).datasets) == {TABLE, SOURCE}


NAMES = st.sampled_from([("n", letter) for letter in "abcdef"])
LINKS = st.tuples(NAMES, st.sampled_from(["TABLE", "LOCATION", "OTHER", ""]))


@given(st.lists(st.tuples(NAMES, st.lists(LINKS, max_size=2)), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_events_changes_nothing(told, random):
    events = [
        event(f"dag.job{number}", [dataset(name, *links, partition=str(number % 2), rows=number)], at=f"2026-11-05T00:00:{number:02}Z")
        for number, (name, links) in enumerate(told)
    ]
    shuffled = random.sample(events, len(events))
    assert graph(*events) == graph(*shuffled)
