"""What tasks tell OpenLineage: the same names at start and end, what was really read and written, and no more."""

from __future__ import annotations

import time
from configparser import InterpolationSyntaxError
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException
from airflow.sdk import DAG
from older_libraries import HAS_GATES
from unit.hooks.fake_connections import add_connection
from unit.operators.small_tasks import PolicyOperator, TaskInstance, context, embedded, ingest, landing, promote, rendered, ti

from airflow_cv_dataops.common import settings
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.lineage.options import LineageOptions
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.source_names import stable_source
from airflow_cv_dataops.links.marquez import MarquezLink, marquez_links
from airflow_cv_dataops.operators.hard_example_sampling import HardExampleSamplingOperator
from airflow_cv_dataops.operators.image_ingest import ImageIngestOperator
from airflow_cv_dataops.operators.label_audit import LabelAuditOperator
from airflow_cv_dataops.operators.label_import import LabelImportOperator
from airflow_cv_dataops.operators.prediction_import import PredictionImportOperator
from airflow_cv_dataops.operators.sharded_image_ingest import ImageShardCommitOperator, ImageShardOperator, ImageShardPlanOperator
from airflow_cv_dataops.sensors.dataset_release import DatasetReleaseSensor

__all__ = ["add_connection", "context", "embedded", "landing", "ti"]


def names(datasets: list[Any]) -> list[str]:
    return [dataset.name for dataset in datasets]


def labels(landing: Path, **arguments: Any) -> LabelImportOperator:
    (landing.parent / "labels.csv").write_text("file,label\n0.png,cat\n1.png,dog\n")
    return LabelImportOperator(task_id="labels", dataset="digits", source=str(landing.parent / "labels.csv"), format="csv", **arguments)


def test_start_declares_what_complete_reports(landing: Path, context: dict[str, Any], ti: TaskInstance) -> None:
    operator = rendered(ingest(landing), context)
    start = operator.get_openlineage_facets_on_start()
    operator.execute(context)
    complete = operator.get_openlineage_facets_on_complete(ti)
    assert names(start.inputs) == names(complete.inputs) == [str(landing.parent)]
    assert names(start.outputs) == names(complete.outputs) == ["digits.images", "digits.rejects", "digits.metrics"]
    for before, after in zip(start.outputs, complete.outputs, strict=True):
        assert {name: after.facets[name] for name in before.facets} == before.facets
    assert "version" not in start.outputs[0].facets
    dataset = operator.hook.dataset("digits")
    versions = [output.facets["version"].datasetVersion for output in complete.outputs]
    assert versions == [dataset.snapshot_id(table) for table in ("images", "rejects", "metrics")]
    assert complete.outputs[0].outputFacets["outputStatistics"].rowCount == 4


def test_a_table_is_named_by_its_catalog_and_linked_to_its_location_or_the_other_way_round(
    landing: Path, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "cv_dataops"
    in_catalog = (f"sqlite:///{home}/catalog.db", "digits.images")
    location = ("file", f"{home}/warehouse/digits/images")

    def told() -> list[tuple[str, str]]:
        images = rendered(ingest(landing), context).get_openlineage_facets_on_start().outputs[0]
        (link,) = images.facets["symlinks"].identifiers
        return [(images.namespace, images.name), (link.namespace, link.name, link.type)]

    assert told() == [in_catalog, (*location, "LOCATION")]
    monkeypatch.setenv("AIRFLOW__CV_DATAOPS__LINEAGE_NAMES", "location")
    assert told() == [location, (*in_catalog, "TABLE")]


def test_a_refused_promotion_reports_no_outputs_but_what_it_read_and_found(
    landing: Path, context: dict[str, Any], ti: TaskInstance
) -> None:
    ingest(landing).execute(context)
    operator = rendered(promote(gates=["images >= 100"]), context)
    assert names(operator.get_openlineage_facets_on_start().outputs) == ["digits.releases", "digits.release_items"]
    with pytest.raises(AirflowFailException):
        operator.execute(context)
    failed = operator.get_openlineage_facets_on_failure(ti)
    assert failed.outputs == []
    assert names(failed.inputs) == ["digits.images", "digits.metrics", "digits.rejects"]
    if HAS_GATES:
        assert [(test.name, test.status) for test in failed.run_facets["test"].tests] == [("images >= 100", "fail")]
    assert operator.get_openlineage_facets_on_complete(ti).outputs == []


def test_a_promotion_names_the_snapshots_that_it_left_and_a_moved_stage_writes_no_items(
    landing: Path, context: dict[str, Any], ti: TaskInstance, embedded: Dataset
) -> None:
    ingest(landing).execute(context)
    operator = rendered(promote(), context)
    operator.execute(context)
    written = {output.name: output for output in operator.get_openlineage_facets_on_complete(ti).outputs}
    for table in ("releases", "release_items"):
        assert written[f"digits.{table}"].facets["version"].datasetVersion == embedded.snapshot_id(table)
    assert written["digits.release_items"].outputFacets["outputStatistics"].rowCount == 4
    again = rendered(promote(), context)
    again.execute(context)
    assert names(again.get_openlineage_facets_on_complete(ti).outputs) == names(again.get_openlineage_facets_on_start().outputs)
    moved = rendered(promote(release="v1", stage="staging"), context)
    start = moved.get_openlineage_facets_on_start()
    moved.execute(context)
    assert names(start.outputs) == names(moved.get_openlineage_facets_on_complete(ti).outputs) == ["digits.releases"]


def test_a_task_that_policy_failed_reports_what_it_has_written_with_the_version(
    landing: Path, context: dict[str, Any], ti: TaskInstance, embedded: Dataset
) -> None:
    ingest(landing).execute(context)
    operator = rendered(LabelAuditOperator(task_id="audit", dataset="digits", limits={"image_without_label": 0}), context)
    with pytest.raises(AirflowFailException):
        operator.execute(context)
    failed = operator.get_openlineage_facets_on_failure(ti)
    assert names(failed.outputs) == ["digits.findings", "digits.metrics"]
    assert failed.outputs[0].facets["version"].datasetVersion == embedded.snapshot_id("findings")


def test_a_task_that_broke_off_reports_what_it_meant_to_read(landing: Path, context: dict[str, Any], ti: TaskInstance) -> None:
    operator = rendered(ingest(landing, min_side="{{ params.least }}"), context, least="small")
    with pytest.raises(ConfigurationError):
        operator.execute(context)
    failed = operator.get_openlineage_facets_on_failure(ti)
    assert (names(failed.inputs), failed.outputs) == ([str(landing.parent)], [])


def test_a_skipped_task_reports_no_outputs(context: dict[str, Any], ti: TaskInstance) -> None:
    never_ran = rendered(PolicyOperator(task_id="t", dataset="digits", skip=True), context)
    assert never_ran.get_openlineage_facets_on_complete(ti).outputs == []


def test_a_mapped_task_that_was_not_rendered_by_itself_still_has_a_plan(landing: Path) -> None:
    assert names(ingest(landing).get_openlineage_facets_on_start().outputs)[:2] == ["digits.images", "digits.rejects"]


def test_a_table_that_the_dataset_does_not_have_is_no_input(landing: Path, context: dict[str, Any], ti: TaskInstance) -> None:
    ingest(landing).execute(context)
    labels(landing).execute(context)
    audit = rendered(LabelAuditOperator(task_id="audit", dataset="digits", report=False), context)
    start = audit.get_openlineage_facets_on_start()
    audit.execute(context)
    assert names(start.inputs) == names(audit.get_openlineage_facets_on_complete(ti).inputs) == ["digits.images", "digits.annotations"]
    sample = rendered(HardExampleSamplingOperator(task_id="sample", dataset="digits"), context)
    assert names(sample.get_openlineage_facets_on_start().inputs) == ["digits.images", "digits.annotations", "digits.findings"]


@pytest.mark.parametrize("silent", [False, True])
def test_where_the_catalog_does_not_answer_the_plan_names_all_tables(
    silent: bool, landing: Path, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(_: Dataset) -> frozenset[str]:
        if silent:
            time.sleep(60)
        raise ConnectionError("no route to host")

    monkeypatch.setattr("airflow_cv_dataops.operators.base._PATIENCE_SECONDS", 0.1 if silent else 10.0)
    monkeypatch.setattr(Dataset, "table_names", down)
    audit = rendered(LabelAuditOperator(task_id="audit", dataset="digits"), context)
    assert names(audit.get_openlineage_facets_on_start().inputs) == ["digits.images", "digits.annotations", "digits.predictions"]


def test_an_import_says_that_it_writes_findings_and_metrics_too(landing: Path, context: dict[str, Any], ti: TaskInstance) -> None:
    ingest(landing).execute(context)
    operator = rendered(labels(landing), context)
    start = operator.get_openlineage_facets_on_start()
    operator.execute(context)
    complete = operator.get_openlineage_facets_on_complete(ti)
    assert names(start.inputs) == names(complete.inputs) == [str(landing.parent / "labels.csv"), "digits.images"]
    assert names(start.outputs) == names(complete.outputs) == ["digits.annotations", "digits.findings", "digits.metrics"]
    assert all("version" in output.facets for output in complete.outputs)


def test_the_tasks_of_a_sharded_ingest_are_a_chain_from_the_source_to_the_tables(
    landing: Path, context: dict[str, Any], ti: TaskInstance
) -> None:
    arguments: dict[str, Any] = {"dataset": "digits", "source": str(landing), "max_reject_ratio": 0.5}
    told: list[tuple[list[str], list[str]]] = []

    def run(task: Any) -> Any:
        rendered(task, context)
        start = task.get_openlineage_facets_on_start()
        result = task.execute(context)
        complete = task.get_openlineage_facets_on_complete(ti)
        assert (names(start.inputs), names(start.outputs)) == (names(complete.inputs), names(complete.outputs))
        told.append((names(complete.inputs), names(complete.outputs)))
        return result

    assert run(ImageShardPlanOperator(task_id="plan", **arguments)) == [0]
    plan = ti.pushed["plan"]
    shard = run(ImageShardOperator(task_id="shard", plan=plan, index=0, **arguments))
    run(ImageShardCommitOperator(task_id="commit", plan=plan, results=[shard], **arguments))
    assert told == [
        ([str(landing.parent)], ["digits.shard_list"]),
        ([str(landing.parent), "digits.shard_list"], ["digits.shard_rows"]),
        (["digits.shard_rows"], ["digits.images", "digits.rejects", "digits.metrics"]),
    ]


def test_lineage_that_cannot_be_planned_does_not_stop_the_task(
    landing: Path, context: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    operator = ImageIngestOperator(task_id="t", dataset="{{ params.name }}", source=str(landing))
    rendered(operator, context, name="No Good")
    start = operator.get_openlineage_facets_on_start()
    assert (start.inputs, start.outputs) == ([], [])


def test_a_connection_that_is_not_there_has_no_traceback_before_the_task_says_so(
    context: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    rendered(promote(cv_catalog_conn_id="no_such_catalog"), context)
    (record,) = [record for record in caplog.records if "cannot be planned" in record.message]
    assert not record.exc_info


def test_lineage_that_cannot_be_told_does_not_fail_a_task_whose_work_is_done(
    landing: Path, context: dict[str, Any], ti: TaskInstance, monkeypatch: pytest.MonkeyPatch, embedded: Dataset
) -> None:
    operator = rendered(ingest(landing), context)

    def broken() -> Any:
        raise TypeError("a source_use of an older signature")

    monkeypatch.setattr(operator, "planned_source", broken)
    assert operator.execute(context)["counts"]["images"] == 4
    assert embedded.images().num_rows == 4
    assert operator.get_openlineage_facets_on_complete(ti).outputs == []


@pytest.mark.parametrize(
    ("source", "stable"),
    [
        ("s3://conn@bucket/landing/{partition_key}/images", "s3://bucket/landing/images"),
        ("s3://bucket/landing/{partition_key}/labels.csv", "s3://bucket/landing/labels.csv"),
        ("s3://bucket/landing/day={partition_key}", "s3://bucket/landing"),
        ("s3://bucket/landing/{partition_key}.zip", "s3://bucket/landing/*.zip"),
        ("s3://bucket/landing/{partition_key}/labels_{partition_key}.csv", "s3://bucket/landing/labels_*.csv"),
        ("s3://bucket/{partition_key}", "s3://bucket"),
        ("s3://{partition_key}/images", "s3://*/images"),
        ("s3://bucket/images/", "s3://bucket/images"),
        ("/data/{partition_key}/x", "file:///data/x"),
        ("/{partition_key}", "file:///"),
        ("file:///{partition_key}/x", "file:///x"),
    ],
)
def test_every_partition_of_a_source_is_one_dataset_in_lineage(source: str, stable: str) -> None:
    assert stable_source(source) == stable


def test_a_task_has_a_sentence_of_its_own_unless_its_author_gave_it_documentation(landing: Path) -> None:
    with DAG("d", schedule=None, doc_md="The whole DAG."):
        by_itself, documented = ingest(landing), promote(doc="Ours.")
        wait = DatasetReleaseSensor(task_id="wait", dataset="digits")
        mapped = LabelAuditOperator.partial(task_id="audit").expand(dataset=["a", "b"])
    assert by_itself.doc_md is not None
    assert by_itself.doc_md.startswith("Reads the image files at the source")
    assert (documented.doc, documented.doc_md) == ("Ours.", None)
    assert wait.doc_md is not None
    assert mapped.unmap({"dataset": "a"}).doc_md.startswith("Checks the partition's `annotations`")


def test_the_link_opens_the_graph_around_the_written_dataset_in_marquez(
    landing: Path, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIRFLOW__CV_DATAOPS__MARQUEZ_URL", "http://marquez:3000/")
    (link,) = marquez_links()
    namespace = f"sqlite:///{tmp_path}/cv_dataops/catalog.db".replace("/", "%2F").replace(":", "%3A")
    address = (
        f"http://marquez:3000/lineage/dataset/{namespace}/digits.images"
        f"?isFull=true&isCompact=true&tableLevelNode=dataset%3A{namespace}%3Adigits.images"
    )
    operator = rendered(ingest(landing), context)
    assert link.get_link(operator, ti_key=None) == address  # type: ignore[arg-type]  # also of a run that breaks off
    operator.execute(context)
    assert link.get_link(operator, ti_key=None) == address  # type: ignore[arg-type]
    monkeypatch.setenv("AIRFLOW__CV_DATAOPS__LINEAGE_NAMES", "location")
    assert "/lineage/dataset/file/%2F" in link.get_link(operator, ti_key=None)  # type: ignore[arg-type]


def test_without_marquez_there_is_no_link_whose_xcom_would_be_empty(landing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__CV_DATAOPS__MARQUEZ_URL", raising=False)
    assert marquez_links() == ()
    assert not [link for link in ingest(landing).operator_extra_links if isinstance(link, MarquezLink)]


def test_a_setting_of_lineage_that_airflow_cannot_read_stops_no_import_of_a_dag(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unreadable(option: str) -> str:
        raise InterpolationSyntaxError(option, "cv_dataops", "'%' must be followed by '%' or '('")

    monkeypatch.setattr(settings, "_get", unreadable)
    assert marquez_links() == ()
    assert settings.lineage_options() == LineageOptions()
    assert "marquez_url cannot be used" in caplog.text


@pytest.mark.parametrize(
    ("names", "severities", "location_first", "failed", "told"),
    [
        ("", "", False, {"error", "warning", "info"}, 0),
        ("Location", " error , Warning", True, {"error", "warning"}, 0),
        ("uri", "errors", False, {"error", "warning", "info"}, 2),
        ("catalog", "error,none", False, {"error"}, 1),
    ],
)
def test_a_setting_of_lineage_that_cannot_be_used_is_told_and_left_out(
    names: str,
    severities: str,
    location_first: bool,
    failed: set[str],
    told: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("AIRFLOW__CV_DATAOPS__LINEAGE_NAMES", names)
    monkeypatch.setenv("AIRFLOW__CV_DATAOPS__LINEAGE_FAILED_SEVERITIES", severities)
    options = settings.lineage_options()
    assert (options.location_first, options.failed_severities) == (location_first, failed)
    assert len([record for record in caplog.records if "cannot be used" in record.getMessage()]) == told


@pytest.mark.parametrize(("severities", "taken"), [("error,warn", "error."), ("warn", "error, warning, info.")])
def test_severities_that_cannot_be_used_are_told_with_those_that_are_taken(
    severities: str, taken: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW__CV_DATAOPS__LINEAGE_FAILED_SEVERITIES", severities)
    settings.lineage_options()
    (told,) = (record.getMessage() for record in caplog.records if "cannot be used" in record.getMessage())
    assert told.endswith(f"expected some of error, warning, info; taken: {taken}")


@pytest.mark.parametrize(
    ("source", "key", "stable"),
    [
        ("s3://b/landing/2026-11-05/images", "2026-11-05", "s3://b/landing/images"),
        ("s3://b/landing/20261105/labels.csv", "2026-11-05", "s3://b/landing/labels.csv"),
        ("s3://b/landing/2026/11/05/images", "2026-11-05", "s3://b/landing/images"),
        ("s3://b/landing/dt=2026-11-05/images", "2026-11-05", "s3://b/landing/images"),
        ("s3://b/landing/labels_2026_11_05.csv", "2026-11-05", "s3://b/landing/labels_*.csv"),
        ("s3://b/landing/2026-11-05/09/images", "2026-11-05T09", "s3://b/landing/images"),
        ("s3://b/landing/2026-11-05/images", "2026-11-05T0930", "s3://b/landing/images"),
        ("s3://b/landing/2026-11-05T0930/images", "2026-11-05T0930", "s3://b/landing/images"),
        ("s3://b/cam_07/images", "cam_07", "s3://b/images"),
        ("s3://b/train/images", "train", "s3://b/train/images"),
        ("s3://b/cam_071/images", "cam_07", "s3://b/cam_071/images"),
        ("s3://b/12026-11-05/x", "2026-11-05", "s3://b/12026-11-05/x"),
        ("s3://b/2026-11-06/x", "2026-11-05", "s3://b/2026-11-06/x"),
        ("s3://b/2026-11-05/{partition_key}", "2026-11-05", "s3://b/2026-11-05"),
        ("/in/2026-11-05", "2026-11-05", "file:///in"),
        ("s3://b/landing/2026-11-05/images", "20261105", "s3://b/landing/images"),
        ("s3://b/labels_20261105.csv", "20261105", "s3://b/labels_*.csv"),
        ("s3://b/2026/11/images", "2026-11", "s3://b/images"),
        ("s3://b/year=2026/month=11/day=05/hour=09/images", "2026-11-05T09", "s3://b/images"),
        ("s3://b/20261105T090000/images", "2026-11-05T09", "s3://b/images"),
        ("s3://b/2026-11-05T09:30:00+00:00/images", "2026-11-05T0930", "s3://b/images"),
        ("s3://b/camera=cam_07/images", "cam_07", "s3://b/images"),
    ],
)
def test_a_key_that_another_template_has_written_is_found_in_the_source(source: str, key: str, stable: str) -> None:
    assert stable_source(source, key) == stable


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("nothing", [None, ""])
def test_predictions_that_are_not_given_skip_their_import_if_it_may_be_and_name_no_dataset(
    nothing: Any, native: bool, context: dict[str, Any], ti: TaskInstance
) -> None:
    dag = DAG("d", schedule=None, render_template_as_native_obj=native)

    def imported(**arguments: Any) -> Any:
        operator = PredictionImportOperator(
            task_id=f"t{len(dag.tasks)}", dag=dag, dataset="digits", model="m", source="{{ params.predictions }}", **arguments
        )
        return rendered(operator, context, predictions=nothing)

    may_be_missing = imported(skip_without_source=True)
    start = may_be_missing.get_openlineage_facets_on_start()
    with pytest.raises(AirflowSkipException, match="No source is given"):
        may_be_missing.execute(context)
    complete = may_be_missing.get_openlineage_facets_on_complete(ti)
    assert [start.inputs, start.outputs, complete.inputs, complete.outputs] == [[], [], [], []]
    with pytest.raises(ConfigurationError, match="its template rendered nothing"):
        imported().execute(context)
