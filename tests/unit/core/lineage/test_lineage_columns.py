"""From which columns the key columns of each table come, told by the events and followed as a lineage server does."""

import pytest
from unit.core.lineage.lineage_steps import STEPS
from unit.core.lineage.test_lineage_events import completed

from airflow_cv_dataops.core.lineage.columns import ORIGINS
from airflow_cv_dataops.core.lineage.file_contents import FILE_CONTENTS
from airflow_cv_dataops.core.store.schema import TABLES


def columns_of(holder):
    kind, _, held = holder.partition(":")
    model = FILE_CONTENTS[held] if kind == "files" else TABLES[holder]
    return {column.name for column in model.columns}


def test_every_column_that_is_named_is_one_of_the_data_model():
    for holder, columns in ORIGINS.items():
        assert set(columns) <= columns_of(holder)
        for origins in columns.values():
            for origin in origins:
                assert origin.column in columns_of(origin.holder), origin


def test_a_label_can_be_followed_from_its_file_and_its_image_to_the_annotations():
    annotations = completed(STEPS["import"])["outputs"][0]["facets"]["columnLineage"]["fields"]
    (category,) = annotations["category"]["inputFields"]
    assert (category["namespace"], category["name"], category["field"]) == ("file", "/data/la bels", "category")
    images, labels = annotations["image_id"]["inputFields"]
    assert (images["name"], images["field"], images["transformations"][0]["type"]) == ("digits.images", "image_id", "DIRECT")
    assert (labels["field"], labels["transformations"][0]["type"], labels["transformations"][0]["subtype"]) == ("image", "INDIRECT", "JOIN")


@pytest.mark.parametrize("step", STEPS)
def test_columns_come_from_datasets_of_the_same_event_and_from_columns_of_their_schema(step):
    told = completed(STEPS[step])
    schemas = {
        (one["namespace"], one["name"]): {field["name"] for field in one["facets"].get("schema", {}).get("fields", ())}
        for one in told["inputs"]
    }
    for output in told["outputs"]:
        own = {field["name"] for field in output["facets"]["schema"]["fields"]}
        for column, origins in output["facets"].get("columnLineage", {}).get("fields", {}).items():
            assert column in own
            for origin in origins["inputFields"]:
                assert origin["field"] in schemas[origin["namespace"], origin["name"]]
