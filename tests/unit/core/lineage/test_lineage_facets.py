import attr
import pytest
from jsonschema import Draft202012Validator
from lineage_schemas import own_schemas
from openlineage.client.serde import Serde

from airflow_cv_dataops.core.lineage import facets

CLASSES = [facets.CvDataopsRunRunFacet, *facets._STEP_FACETS.values()]


@pytest.mark.parametrize("facet", CLASSES)
def test_the_schema_describes_every_field_of_the_facet(facet):
    (schema,) = [schema for schema in own_schemas() if f"{schema['$id']}#/$defs/{facet.__name__}" == facet._get_schema()]
    Draft202012Validator.check_schema(schema)
    described = schema["$defs"][facet.__name__]["allOf"][1]["properties"]
    assert set(described) == {field.name for field in attr.fields(facet) if not field.name.startswith("_")}
    assert all(field["type"] and field["description"] for field in described.values())
    assert schema["$id"].startswith(facets.SCHEMA_BASE)


def test_every_schema_has_a_facet():
    assert {schema["$id"].rpartition("/")[2].removesuffix(".json") for schema in own_schemas()} == {facet.__name__ for facet in CLASSES}


def test_unknown_facts_stay():
    facts = {"images": 3, "new_fact": "x", "from": 1, "2d": 2, "producer": "evil", "_schemaURL": "evil", "--": 1}
    found = Serde.to_dict(facets.step_facet("ingest", facts)["cvDataops_ingest"])
    assert (found["images"], found["newFact"], found["from_"], found["n2d"]) == (3, "x", 1, 2)
    assert found["_producer"] == facets.PRODUCER
    assert found["_schemaURL"] == facets.CvDataopsIngestRunFacet._get_schema()


def test_a_step_without_facts_or_without_a_facet_has_none():
    assert facets.step_facet("ingest", {}) == {}
    assert facets.step_facet("cleanup", {"files": 3}) == {}
