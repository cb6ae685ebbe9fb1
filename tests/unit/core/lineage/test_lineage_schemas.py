"""The validator itself: what it must not let through."""

import copy

import pytest
from lineage_schemas import require_schemas, validate_event

BASE = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs"


@pytest.fixture
def event():
    require_schemas()
    facet = {"_producer": "https://example.org", "_schemaURL": f"{BASE}/RunFacet"}
    return {
        "eventType": "START",
        "eventTime": "2026-11-05T01:02:03Z",
        "producer": "https://example.org",
        "schemaURL": f"{BASE}/RunEvent",
        "run": {"runId": "0199b2ea-9a4c-7d1e-8000-000000000001", "facets": {"mine": facet}},
        "job": {"namespace": "airflow", "name": "digits.step", "facets": {}},
        "inputs": [
            {
                "namespace": "file",
                "name": "/data",
                "facets": {},
                "inputFacets": {
                    "inputStatistics": {
                        "_producer": "https://example.org",
                        "_schemaURL": "https://openlineage.io/spec/facets/1-0-0/InputStatisticsInputDatasetFacet.json"
                        "#/$defs/InputStatisticsInputDatasetFacet",
                        "rowCount": 3,
                    }
                },
            }
        ],
        "outputs": [],
    }


def test_a_good_event_passes(event):
    validate_event(event)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("eventType",), "BEGIN", "BEGIN"),
        (("run", "runId"), "7", "uuid"),
        (("run", "facets", "mine", "_schemaURL"), "https://nowhere.example/X.json#/$defs/X", "is not known"),
        (("run", "facets", "mine", "_schemaURL"), f"{BASE}/NoSuchFacet", "is not known"),
        (("run", "facets", "airflow"), {"_producer": "https://example.org", "_schemaURL": f"{BASE}/RunFacet"}, "'dagRun' is a required"),
        (("inputs", 0, "inputFacets", "inputStatistics", "rowCount"), "three", "rowCount"),
    ],
)
def test_a_fault_is_named(event, path, value, message):
    broken = copy.deepcopy(event)
    place = broken
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    with pytest.raises(AssertionError, match=message):
        validate_event(broken)


def test_a_number_that_is_not_json_is_a_fault(event):
    event["run"]["facets"]["mine"]["rate"] = float("nan")
    with pytest.raises(ValueError, match="JSON"):
        validate_event(event)
