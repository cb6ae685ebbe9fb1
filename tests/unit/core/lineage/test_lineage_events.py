import json
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from lineage_schemas import require_schemas, validate_event
from older_libraries import CLIENT_LOADS_NUMPY, HAS_GATES, HAS_PARAMETERS
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.serde import Serde
from unit.core.lineage.lineage_steps import AIRFLOW, DAY, DIGITS, STEPS

from airflow_cv_dataops.core.lineage.events import to_openlineage
from airflow_cv_dataops.core.lineage.options import LineageOptions
from airflow_cv_dataops.core.step_lineage import Assertion, DatasetUse, StepLineage


def at_start(lineage):
    """What an operator knows before it runs: the same datasets without a run's facts."""
    bare = {
        "snapshot_id": None,
        "rows": None,
        "bytes": None,
        "files": None,
        "null_counts": {},
        "distinct_counts": {},
        "assertions": (),
    }
    return StepLineage(
        lineage.step,
        inputs=tuple(replace(use, **bare) for use in lineage.inputs),
        outputs=tuple(replace(use, **bare) for use in lineage.outputs),
        parameters=lineage.parameters,
    )


def event(parts, state=RunState.COMPLETE):
    """Build the event as the Airflow provider does, and read it back as a consumer does."""
    built = RunEvent(
        eventType=state,
        eventTime="2026-11-05T01:02:03+00:00",
        run=Run("0199b2ea-9a4c-7d1e-8000-000000000001", parts.run_facets),
        job=Job("airflow", "digits.step", parts.job_facets),
        inputs=parts.inputs,
        outputs=parts.outputs,
        producer="https://github.com/apache/airflow",
    )
    return json.loads(Serde.to_json(built))


def completed(lineage, **options):
    return event(to_openlineage(lineage, complete=True, **options))


@pytest.mark.parametrize("step", STEPS)
def test_start_complete_and_fail_fit_the_published_schemas(step):
    require_schemas()
    validate_event(event(to_openlineage(at_start(STEPS[step]), complete=False, airflow=AIRFLOW), RunState.START))
    validate_event(completed(STEPS[step], airflow=AIRFLOW))
    validate_event(event(to_openlineage(replace(STEPS[step], outputs=()), complete=True, airflow=AIRFLOW), RunState.FAIL))


@pytest.mark.parametrize("step", STEPS)
def test_start_and_complete_declare_byte_identical_datasets(step):
    run_facets = {"version", "dataQualityMetrics"}

    def declared(event, side):
        return [
            (
                item["namespace"],
                item["name"],
                json.dumps({key: item["facets"][key] for key in sorted(item["facets"]) if key not in run_facets}),
            )
            for item in event[side]
        ]

    start, complete = event(to_openlineage(at_start(STEPS[step]), complete=False), RunState.START), completed(STEPS[step])
    for side in ("inputs", "outputs"):
        assert declared(start, side) == declared(complete, side)
        assert all(not run_facets & set(item["facets"]) for item in start[side])
        assert all(not item.get("inputFacets") and not item.get("outputFacets") for item in start[side])
    assert start["job"]["facets"] == complete["job"]["facets"]
    assert len(start["inputs"]) == len(STEPS[step].inputs)
    assert len(start["outputs"]) == len(STEPS[step].outputs)


def test_a_table_is_described_without_being_opened():
    images = completed(STEPS["ingest"])["outputs"][0]
    assert (images["namespace"], images["name"]) == ("postgresql://db:5432/cat/prod", "digits.images")
    facets = images["facets"]
    assert facets["dataSource"]["name"] == facets["dataSource"]["uri"] == "postgresql://db:5432/cat/prod"
    assert facets["datasetType"]["datasetType"] == "TABLE"
    assert (facets["storage"]["storageLayer"], facets["storage"]["fileFormat"]) == ("iceberg", "parquet")
    (symlink,) = facets["symlinks"]["identifiers"]
    assert symlink == {"namespace": "s3://lake", "name": "wh/digits/images", "type": "LOCATION"}
    assert facets["catalog"]["warehouseUri"] == "s3://lake/wh"
    fields = {field["name"]: field for field in facets["schema"]["fields"]}
    assert fields["width"]["type"] == "int"
    assert "pixels" in fields["width"]["description"]
    assert [(inner["name"], inner["type"]) for inner in fields["issues"]["fields"]] == [("_element", "string")]
    assert facets["documentation"]["description"] == "One accepted source file."


def test_the_fields_of_a_struct_are_nested():
    annotations = completed(STEPS["import"])["outputs"][0]
    bbox = next(field for field in annotations["facets"]["schema"]["fields"] if field["name"] == "bbox")
    assert bbox["type"] == "struct"
    assert [(inner["name"], inner["type"]) for inner in bbox["fields"]] == [(name, "double") for name in ("x", "y", "width", "height")]


def test_complete_tells_what_the_run_wrote():
    images = completed(STEPS["ingest"])["outputs"][0]
    assert images["facets"]["version"]["datasetVersion"] == "7"
    assert {key: images["outputFacets"]["outputStatistics"][key] for key in ("rowCount", "size", "fileCount")} == {
        "rowCount": 3,
        "size": 900,
        "fileCount": 1,
    }
    quality = images["facets"]["dataQualityMetrics"]
    assert (quality["rowCount"], quality["bytes"]) == (3, 900)
    assert quality["columnMetrics"] == {"image_id": {"distinctCount": 2, "quantiles": {}}, "phash": {"nullCount": 0, "quantiles": {}}}
    (partition,) = images["outputFacets"]["subset"]["outputCondition"]["partitions"]
    assert partition == {"dimensions": {"partition_key": "2026-11-05"}, "identifier": "2026-11-05"}


def test_a_subset_says_whose_rows_of_the_partition_were_written_where_it_can_have_several_owners():
    outputs = (DIGITS.table_use("metrics", owner="ingest", **DAY), DIGITS.table_use("images", owner="ingest", **DAY))
    subsets = [one["outputFacets"]["subset"] for one in completed(StepLineage("ingest", outputs=outputs))["outputs"]]
    assert [subset["outputCondition"]["partitions"][0]["dimensions"] for subset in subsets] == [
        {"partition_key": "2026-11-05", "step": "ingest"},
        {"partition_key": "2026-11-05"},
    ]


def test_where_no_column_was_measured_nothing_is_said_of_columns():
    """An empty columnMetrics would take the place of what another step has measured of the same version."""
    rejects = completed(STEPS["ingest"])["outputs"][1]
    assert "dataQualityMetrics" not in rejects["facets"]
    assert rejects["outputFacets"]["outputStatistics"]["rowCount"] == 1
    [images] = [use for use in completed(STEPS["import"])["inputs"] if use["name"].endswith("images")]
    assert "dataQualityMetrics" not in images["inputFacets"]
    assert images["inputFacets"]["inputStatistics"]["rowCount"] == 3


def test_a_source_prefix_is_one_dataset_of_files():
    images = completed(STEPS["ingest"])["inputs"][0]
    assert (images["namespace"], images["name"]) == ("s3://raw", "digits")
    assert set(images["facets"]) == {"dataSource", "datasetType", "documentation", "schema"}
    assert images["facets"]["documentation"]["description"] == "Image files as they come in, of every partition."
    assert (images["facets"]["datasetType"]["datasetType"], images["facets"]["datasetType"]["subType"]) == ("FILE", "IMAGE")
    statistics = images["inputFacets"]["inputStatistics"]
    assert (statistics["fileCount"], statistics["size"]) == (4, 4000)
    assert "rowCount" not in statistics


def test_every_gate_is_a_test_of_the_run():
    facets = event(to_openlineage(STEPS["promotion"], complete=True), RunState.FAIL)["run"]["facets"]
    if not HAS_GATES:
        assert set(facets) >= {"cvDataops_promotion"}
        assert "test" not in facets
        return
    tests = facets["test"]["tests"]
    assert [(item["name"], item["status"], item["severity"]) for item in tests] == [
        ("images >= 2", "pass", "error"),
        ("label_error_rate <= 0.01", "fail", "error"),
    ]
    assert (tests[0]["expected"], tests[0]["actual"]) == (">= 2", "2")
    assert "actual" not in tests[1]


def test_parameters_are_texts_and_known_at_the_start():
    start = event(to_openlineage(at_start(STEPS["sampling"]), complete=False), RunState.START)
    if not HAS_PARAMETERS:
        assert "executionParameters" not in start["run"]["facets"]
        return
    parameters = {item["key"]: item["value"] for item in start["run"]["facets"]["executionParameters"]["parameters"]}
    assert parameters == {"strategy": "entropy", "seed": "7", "budget": "2", "categories": '["3", "8"]'}


def test_the_run_facet_tells_apart_what_shares_a_run_id():
    run = event(to_openlineage(at_start(STEPS["ingest"]), complete=False, airflow=AIRFLOW), RunState.START)["run"]["facets"][
        "cvDataops_run"
    ]
    assert (run["runId"], run["tryNumber"], run["mapIndex"], run["partitionKey"], run["step"]) == (
        "manual__1",
        2,
        -1,
        "2026-11-05",
        "ingest",
    )


def test_the_job_type_is_the_provider_s_own():
    job_type = completed(STEPS["ingest"])["job"]["facets"]["jobType"]
    assert (job_type["processingType"], job_type["integration"], job_type["jobType"]) == ("BATCH", "AIRFLOW", "TASK")


def test_no_credentials_reach_an_event():
    use = DatasetUse(
        "s3://key:hunter2@lake/wh/digits/images?sig=hunter2",
        table="images",
        identifier="digits.images",
        catalog={
            "name": "c",
            "type": "sql",
            "uri": "postgresql://ann:hun/ter@hunter2@db/cat?password=hunter2",
            "warehouse": "s3://k:hunter2@lake",
        },
    )
    lineage = StepLineage(
        "audit",
        inputs=(use, DatasetUse("https://bob:hunter2@host/labels?token=hunter2", storage_format="coco")),
        facts={
            "reportUri": "https://bob:hunter2@host/r.html?X-Amz-Signature=hunter2",
            "note": "see s3://k:hunter2@b/x",
            "api_key": "hunter2",
        },
        parameters={"password": "hunter2", "source": "s3://k:hunter2@lake/raw"},
    )
    for parts in (to_openlineage(lineage, complete=False), to_openlineage(lineage, complete=True)):
        assert "hunter2" not in json.dumps(event(parts))
        assert "hun/ter" not in json.dumps(event(parts))


def test_what_is_not_json_becomes_plain():
    facts = {"labelErrorRate": np.float64("nan"), "findings": np.int64(3), "byCheck": {"a": np.int32(1)}, "worst": math.inf, "ids": (1, 2)}
    lineage = StepLineage("audit", inputs=(DIGITS.table_use("images", rows=np.int64(5)),), facts=facts, parameters={"p": np.float32(0.5)})
    found = completed(lineage)
    facet = found["run"]["facets"]["cvDataops_audit"]
    assert (facet["findings"], facet["byCheck"], facet["ids"]) == (3, {"a": 1}, [1, 2])
    assert "labelErrorRate" not in facet
    assert "worst" not in facet
    assert found["inputs"][0]["inputFacets"]["inputStatistics"]["rowCount"] == 5
    json.dumps(found, allow_nan=False)


def test_sizes_are_bounded():
    many = {f"c{i:04d}": i for i in range(5_000)}
    assertions = tuple(Assertion(f"a{i}", i != 4_999) for i in range(5_000))
    gates = tuple({"name": f"g{i}", "status": "pass"} for i in range(5_000))
    use = DIGITS.table_use("images", null_counts=many, distinct_counts=many, assertions=assertions)
    lineage = StepLineage(
        "audit", inputs=(use,), outputs=(use,), facts={"byCheck": many, "note": "x" * 100_000}, parameters=many, gates=gates
    )
    found = completed(lineage)
    assert len(found["run"]["facets"]["cvDataops_audit"]["byCheck"]) == 200
    if HAS_GATES:
        assert len(found["run"]["facets"]["test"]["tests"]) == 200
    kept = found["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert len(kept) == 200
    assert {item["success"] for item in kept} == {True, False}
    assert len(json.dumps(found)) < 200_000


def test_describing_a_step_imports_nothing_that_has_threads():
    heavy = {"numpy", "pandas", "pyarrow", "pyiceberg", "obstore", "airflow"} - ({"numpy"} if CLIENT_LOADS_NUMPY else set())
    code = (
        f"heavy = {heavy}"
        + """
import sys
from airflow_cv_dataops.core.lineage.events import to_openlineage
from airflow_cv_dataops.core.step_lineage import DatasetUse, StepLineage
assert "openlineage" not in sys.modules
use = DatasetUse("s3://lake/wh/digits/images", table="images", identifier="digits.images", snapshot_id="1", rows=1)
step = StepLineage("ingest", (use,), (use,), {"images": 1}, {"a": 1}, ({"name": "g", "status": "pass"},))
to_openlineage(step, complete=True, airflow={"run_id": "r"})
loaded = heavy & set(sys.modules)
assert not loaded, loaded
"""
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_location_may_come_first_and_columns_come_from_the_names_that_the_event_has():
    parts = to_openlineage(STEPS["import"], complete=True, options=LineageOptions(location_first=True))
    told = event(parts)
    annotations = told["outputs"][0]
    assert (annotations["namespace"], annotations["name"]) == ("s3://lake", "wh/digits/annotations")
    assert annotations["facets"]["symlinks"]["identifiers"] == [
        {"namespace": "postgresql://db:5432/cat/prod", "name": "digits.annotations", "type": "TABLE"}
    ]
    read = {(one["namespace"], one["name"]) for one in told["inputs"]}
    fields = annotations["facets"]["columnLineage"]["fields"].values()
    assert {(of["namespace"], of["name"]) for field in fields for of in field["inputFields"]} == read
