"""Operators on a small real dataset: summaries, failing and skipping, templates."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException
from airflow.sdk import DAG, BaseOperator
from unit.hooks.fake_connections import add_connection
from unit.operators.small_tasks import PolicyOperator, TaskInstance, context, embedded, ingest, landing, promote, rendered, ti

from airflow_cv_dataops.core.errors import ConfigurationError, SourceError
from airflow_cv_dataops.core.metrics import Metric, write_metrics
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.summary import MAX_SUMMARY_BYTES
from airflow_cv_dataops.get_provider_info import get_provider_info
from airflow_cv_dataops.operators.dataset_description import DatasetDescriptionOperator
from airflow_cv_dataops.operators.dataset_diff import DatasetDiffOperator
from airflow_cv_dataops.operators.dataset_export import DatasetExportOperator
from airflow_cv_dataops.operators.dataset_health import DatasetHealthOperator
from airflow_cv_dataops.operators.dataset_maintenance import DatasetMaintenanceOperator
from airflow_cv_dataops.operators.dataset_promotion import DatasetPromotionOperator
from airflow_cv_dataops.operators.dataset_rollback import DatasetRollbackOperator
from airflow_cv_dataops.operators.dataset_validation import DatasetValidationOperator
from airflow_cv_dataops.operators.hard_example_sampling import HardExampleSamplingOperator
from airflow_cv_dataops.operators.image_deletion import ImageDeletionOperator
from airflow_cv_dataops.operators.image_embedding import ImageEmbeddingOperator
from airflow_cv_dataops.operators.image_ingest import ImageIngestOperator
from airflow_cv_dataops.operators.label_audit import LabelAuditOperator
from airflow_cv_dataops.operators.label_import import LabelImportOperator
from airflow_cv_dataops.operators.prediction_import import PredictionImportOperator
from airflow_cv_dataops.operators.sampling_review import SamplingReviewOperator
from airflow_cv_dataops.operators.sharded_image_ingest import ImageShardCommitOperator, ImageShardOperator, ImageShardPlanOperator
from airflow_cv_dataops.sensors.dataset_release import DatasetReleaseSensor
from airflow_cv_dataops.sensors.image_arrival import ImageArrivalSensor
from airflow_cv_dataops.sensors.label_freshness import LabelFreshnessSensor

__all__ = ["add_connection", "context", "embedded", "landing", "ti"]

KEYS = ["dataset", "partition_key", "snapshot_id", "metrics", "counts", "report_uri", "duration_seconds"]


def test_an_ingest_returns_its_summary_and_writes_its_partition(
    landing: Path, context: dict[str, Any], ti: TaskInstance, embedded: Dataset
) -> None:
    summary = ingest(landing).execute(context)
    assert list(summary)[: len(KEYS)] == KEYS
    assert (summary["dataset"], summary["partition_key"]) == ("digits", "2026-11-05")
    assert (summary["counts"]["images"], summary["counts"]["rejects"]) == (4, 1)
    assert summary["snapshot_id"] == embedded.snapshot_id("images")
    assert len(json.dumps(summary, allow_nan=False).encode()) <= MAX_SUMMARY_BYTES
    assert embedded.images(partition_key="2026-11-05").num_rows == 4
    assert ti.pushed == {}


def test_a_task_says_once_that_the_embedded_catalog_stands_in(
    landing: Path, context: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    operator = ingest(landing)
    operator.planned_lineage()
    assert "embedded catalog" not in capsys.readouterr().out
    operator.execute(context)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "embedded catalog" in line]
    assert "/catalog.db " in line  # and not how long SQLite waits


@pytest.mark.parametrize(
    ("schedule", "partition_format", "key"),
    [("@hourly", None, "2026-11-05T09"), ("@daily", None, "2026-11-05"), ("@hourly", "{{ params.nothing }}", "2026-11-05T09")],
)
def test_runs_of_a_day_have_partitions_of_their_own(
    schedule: str, partition_format: str | None, key: str, landing: Path, context: dict[str, Any], embedded: Dataset
) -> None:
    dag = DAG("dataops", schedule=schedule, start_date=datetime(2026, 11, 5, tzinfo=UTC))
    operator = ImageIngestOperator(
        task_id="ingest", dataset="digits", source=str(landing), max_reject_ratio=0.5, partition_format=partition_format
    )
    run = {**context, "dag": dag, "logical_date": datetime(2026, 11, 5, 9, tzinfo=UTC)}
    assert rendered(operator, run, nothing=None).execute(run)["partition_key"] == key
    assert set(embedded.images()["partition_key"].to_pylist()) == {key}


def test_a_failure_pushes_the_summary_before_it_raises(landing: Path, context: dict[str, Any], ti: TaskInstance) -> None:
    with pytest.raises(AirflowFailException, match=r"max_reject_ratio=0\.1"):
        ingest(landing, max_reject_ratio=0.1).execute(context)
    assert ti.pushed["return_value"]["counts"]["rejects"] == 1
    assert list(ti.pushed["return_value"])[: len(KEYS)] == KEYS


@pytest.mark.parametrize(("skip", "raised"), [(False, AirflowFailException), (True, AirflowSkipException)])
def test_policy_fails_or_skips_with_the_summary_left_behind(
    skip: bool, raised: type[Exception], context: dict[str, Any], ti: TaskInstance
) -> None:
    with pytest.raises(raised, match="3 findings; see there"):
        PolicyOperator(task_id="t", dataset="digits", skip=skip).execute(context)
    assert ti.pushed["return_value"]["counts"] == {"findings": 3}


def test_a_source_that_is_gone_fails_the_task_so_that_it_is_retried_unless_a_template_lets_it_empty_the_partition(
    landing: Path, context: dict[str, Any], ti: TaskInstance, embedded: Dataset
) -> None:
    ingest(landing).execute(context)
    landing.rename(landing.parent / "renamed")
    for allowed in (False, None, "", "None"):
        operator = rendered(ingest(landing, allow_empty="{{ params.allowed }}"), context, allowed=allowed)
        with pytest.raises(SourceError, match=r"4 rows of digits\.images and 1 row of digits\.rejects"):
            operator.execute(context)
    assert ti.pushed == {}
    assert embedded.images().num_rows == 4
    operator = rendered(ingest(landing, allow_empty="{{ params.allowed }}"), context, allowed=True)
    assert operator.execute(context)["counts"]["images"] == 0


@pytest.mark.parametrize(
    ("operator", "arguments", "table", "header"),
    [
        (LabelImportOperator, {"format": "csv"}, "annotations", "image,label"),
        (PredictionImportOperator, {"model": "cnn"}, "predictions", "image,cat"),
    ],
)
def test_imports_are_retried_where_files_cannot_be_read_or_are_gone_and_templates_say_what_may_be(
    tmp_path: Path, context: dict[str, Any], ti: TaskInstance, embedded: Dataset, operator: Any, arguments: Any, table: str, header: str
) -> None:
    embedded.ensure_table("images")
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.csv").write_text(f"{header}\n{number}.png,1\n")

    def run(ratio: Any = None, allowed: Any = None) -> dict[str, Any]:
        task = operator(
            task_id="t",
            dataset="digits",
            source=str(folder),
            max_unreadable_ratio="{{ params.ratio }}",
            allow_empty="{{ params.allowed }}",
            min_match_ratio="0",
            keep_unmatched="true",
            on_findings="warn",
            **arguments,
        )
        summary: dict[str, Any] = rendered(task, context, ratio=ratio, allowed=allowed).execute(context)
        return summary

    assert run()["counts"][table] == 4
    (folder / "3.csv").unlink()
    (folder / "3.csv").symlink_to(tmp_path / "unmounted")
    with pytest.raises(SourceError, match=r"1 of 4 files could not be read, more than max_unreadable_ratio=0\.0"):
        run()
    assert run(ratio=0.25)["counts"][table] == 3
    folder.rename(tmp_path / "renamed")
    with pytest.raises(SourceError, match=rf"3 rows of digits\.{table}"):
        run(ratio=1)
    assert embedded.read(table).num_rows == 3
    assert run(allowed="true")["counts"][table] == 0
    assert ti.pushed == {}


def test_a_promotion_makes_a_release_and_remembers_who_made_it(landing: Path, context: dict[str, Any], embedded: Dataset) -> None:
    ingest(landing).execute(context)
    summary = promote(gates=["images >= 4"]).execute(context)
    assert (summary["release"], summary["promoted"], summary["partition_key"]) == ("v1", True, "2026-11-05")
    assert embedded.release().images().num_rows == 4
    (row,) = embedded.read("releases").to_pylist()
    assert (row["dag_id"], row["run_id"]) == ("dataops", "asset__2026")
    assert promote(gates=["images >= 4"]).execute(context)["unchanged"] is True


def test_a_failed_gate_fails_the_task_with_its_numbers_in_xcom(
    landing: Path, context: dict[str, Any], ti: TaskInstance, embedded: Dataset
) -> None:
    ingest(landing).execute(context)
    with pytest.raises(AirflowFailException, match=r"^images: wanted >= 100, found 4: 1 of 1 gates failed"):
        promote(gates=["images >= 100"]).execute(context)
    summary = ti.pushed["return_value"]
    assert (summary["promoted"], summary["release"], summary["gates"][0]["found"]) == (False, None, 4)
    assert embedded.snapshot_id("releases") is None


def test_numbers_flags_and_lists_may_be_templated(landing: Path, context: dict[str, Any], embedded: Dataset) -> None:
    operator = ingest(
        landing,
        max_reject_ratio="{{ params.ratio }}",
        min_side="{{ params.side }}",
        copy_images="{{ params.copied }}",
        formats="{{ params.formats }}",
        max_pixels="{{ params.nothing }}",
    )
    rendered(operator, context, ratio=0.9, side=8, copied=False, formats=["PNG", "JPEG"], nothing=None)
    assert (operator.max_reject_ratio, operator.copy_images) == ("0.9", "False")
    assert operator.execute(context)["counts"]["images"] == 4
    for row in embedded.images().to_pylist():
        assert row["storage_uri"] == row["source_uri"]


def test_a_promotion_may_be_templated(landing: Path, context: dict[str, Any], embedded: Dataset) -> None:
    ingest(landing).execute(context)
    operator = promote(
        stage="{{ params.stage }}",
        gates=["images >= {{ params.images }}", {"metric": "map50", "op": ">=", "value": "{{ params.least }}"}],
        splits={"train": "{{ params.train }}", "test": "0.5"},
        metrics={"map50": "{{ params.map50 }}", "none": "{{ params.none }}"},
        partition_keys="{{ params.days }}",
    )
    rendered(operator, context, stage="staging", images=4, least=0.5, train=0.5, map50=0.7, none=None, days=["2026-11-05"])
    summary = operator.execute(context)
    assert (summary["stage"], summary["release"]) == ("staging", "v1")
    assert [(gate["metric"], gate["wanted"], gate["found"]) for gate in summary["gates"]] == [("images", 4.0, 4), ("map50", 0.5, 0.7)]
    assert set(embedded.release("staging").images()["split"].to_pylist()) <= {"train", "test"}


@pytest.mark.parametrize("empty", ["", " ", "[]", [], ", ,", [""]], ids=repr)
def test_partitions_that_render_to_none_at_all_do_not_mean_the_whole_dataset(
    empty: Any, landing: Path, context: dict[str, Any], embedded: Dataset
) -> None:
    ingest(landing).execute(context)
    wanted = r"partition_keys is empty: name at least one, or leave it out for the whole dataset\.$"
    with pytest.raises(ConfigurationError, match=wanted):
        promote(partition_keys=empty)
    operator = rendered(promote(partition_keys="{{ params.days }}"), context, days=empty)
    with pytest.raises(ConfigurationError, match=f"^{wanted}"):
        operator.execute(context)
    assert embedded.snapshot_id("releases") is None


@pytest.mark.parametrize("nothing", [None, "None"])
def test_partitions_that_are_not_given_mean_the_whole_dataset(nothing: Any, landing: Path, context: dict[str, Any]) -> None:
    ingest(landing).execute(context)
    operator = promote(partition_keys="{{ params.days }}", gates=["images == 4"])
    rendered(operator, context, days=nothing)
    assert operator.partition_keys is None
    assert operator.execute(context)["promoted"]
    assert promote(partition_keys=nothing).execute(context)["unchanged"]


def test_whole_mappings_and_lists_may_come_out_of_a_template(landing: Path, context: dict[str, Any], embedded: Dataset) -> None:
    ingest(landing).execute(context)
    operator = promote(gates="{{ params.gates }}", splits="{{ params.splits }}", metrics="{{ params.model }}")
    rendered(operator, context, gates=["images >= 4", "map50 >= 0.5"], splits={"all": 1.0}, model={"map50": 0.75})
    summary = operator.execute(context)
    assert [(gate["metric"], gate["found"]) for gate in summary["gates"]] == [("images", 4), ("map50", 0.75)]
    assert summary["counts"]["splits"] == {"all": 4}


@pytest.mark.parametrize("limits", ["{{ params.limits }}", '{"image_without_label": "{{ params.limits.image_without_label }}"}'])
def test_limits_of_checks_may_be_a_mapping_or_json_out_of_a_template(landing: Path, context: dict[str, Any], limits: str) -> None:
    ingest(landing).execute(context)

    def audit(allowed: int) -> dict[str, Any]:
        operator = LabelAuditOperator(task_id="audit", dataset="digits", limits=limits)
        return rendered(operator, context, limits={"image_without_label": allowed}).execute(context)

    assert audit(4)["counts"]["by_check"]["image_without_label"] == 4
    with pytest.raises(AirflowFailException, match=r"image_without_label \(at most 3 wanted, 4 found\)"):
        audit(3)


def test_severities_and_thresholds_may_come_out_of_a_template(landing: Path, context: dict[str, Any]) -> None:
    ingest(landing).execute(context)
    operator = LabelAuditOperator(
        task_id="audit", dataset="digits", severities="{{ params.severities }}", thresholds="{{ params.thresholds }}"
    )
    chosen = {"severities": {"image_without_label": "error"}, "thresholds": {"zero_area_bbox": {"side_px": 1}}}
    with pytest.raises(AirflowFailException, match="4 of severity error"):
        rendered(operator, context, **chosen).execute(context)


def test_a_single_gate_may_stand_without_a_list(landing: Path, context: dict[str, Any]) -> None:
    ingest(landing).execute(context)
    assert [gate["metric"] for gate in promote(gates="images >= 4").execute(context)["gates"]] == ["images"]


def test_a_number_that_is_none_is_refused_by_its_name(landing: Path, context: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"min_side.*'small' is not a number"):
        ingest(landing, min_side="small").execute(context)
    with pytest.raises(ConfigurationError, match=r"splits.*'train'.*'half' is not a number"):
        promote(splits={"train": "half", "test": "half"}).execute(context)


def test_an_unusable_dataset_name_fails_before_anything_is_read(landing: Path, context: dict[str, Any]) -> None:
    operator = rendered(ImageIngestOperator(task_id="t", dataset="{{ params.name }}", source=str(landing)), context, name="No Good")
    with pytest.raises(ConfigurationError, match="Dataset name 'No Good' cannot be used"):
        operator.execute(context)


@pytest.mark.parametrize("nothing", [None, "", "None"])
def test_a_template_that_renders_nothing_is_an_argument_that_was_not_given(nothing: Any, landing: Path, context: dict[str, Any]) -> None:
    """A null param renders as "None": as a pattern it would skip every file, as a key it would name a partition."""
    params = {"nothing": nothing}
    operator = ingest(landing, pattern="{{ params.nothing }}", partition_key="{{ params.nothing }}", aws_conn_id="{{ params.nothing }}")
    rendered(operator, {**context, "params": params})
    assert (operator.pattern, operator.partition_key, operator.aws_conn_id) == (None, None, None)
    assert operator.execute({**context, "params": params})["counts"]["images"] == 4


def test_an_argument_that_renders_to_nothing_has_its_default(context: dict[str, Any]) -> None:
    """A fail_on that renders empty must not let everything pass."""
    nothing = "{{ params.nothing }}"
    operator = LabelAuditOperator(task_id="t", dataset="d", audit=nothing, fail_on=nothing, on_findings=nothing, report=nothing)
    rendered(operator, {**context, "params": {"nothing": None}})
    assert (operator.audit, operator.fail_on, operator.on_findings, operator.report) == ("label_audit", ("error",), "fail", True)
    assert rendered(LabelAuditOperator(task_id="t", dataset="d", fail_on=[]), context).fail_on == []


OPERATORS: dict[type[BaseOperator], dict[str, Any]] = {
    ImageIngestOperator: {"dataset": "digits", "source": "/data"},
    ImageShardPlanOperator: {"dataset": "digits", "source": "/data"},
    ImageShardOperator: {"dataset": "digits", "source": "/data", "plan": {}, "index": 0},
    ImageShardCommitOperator: {"dataset": "digits", "source": "/data", "plan": {}, "results": []},
    LabelImportOperator: {"dataset": "digits", "source": "/data", "format": "coco"},
    PredictionImportOperator: {"dataset": "digits", "source": "/data", "model": "m"},
    ImageEmbeddingOperator: {"dataset": "digits"},
    LabelAuditOperator: {"dataset": "digits"},
    DatasetValidationOperator: {"dataset": "digits"},
    DatasetHealthOperator: {"dataset": "digits"},
    HardExampleSamplingOperator: {"dataset": "digits"},
    SamplingReviewOperator: {"dataset": "digits"},
    DatasetPromotionOperator: {"dataset": "digits"},
    DatasetRollbackOperator: {"dataset": "digits", "reason": "bad labels"},
    DatasetDescriptionOperator: {"dataset": "digits"},
    DatasetDiffOperator: {"dataset": "digits"},
    DatasetExportOperator: {"dataset": "digits"},
    DatasetMaintenanceOperator: {"dataset": "digits"},
    ImageDeletionOperator: {"dataset": "digits", "reason": "asked for", "image_ids": ["0" * 64]},
    ImageArrivalSensor: {"source": "/data"},
    DatasetReleaseSensor: {"dataset": "digits"},
    LabelFreshnessSensor: {"dataset": "digits"},
}


def test_every_operator_and_sensor_of_the_provider_is_tested_here() -> None:
    info = get_provider_info()
    listed = {module for kind in ("operators", "sensors") for entry in info[kind] for module in entry["python-modules"]}
    assert {operator.__module__ for operator in OPERATORS} == listed


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.__name__)
def test_every_template_field_is_an_attribute_and_the_task_serialises(operator: type[BaseOperator]) -> None:
    from airflow.serialization import serialized_objects

    serialization = getattr(serialized_objects, "DagSerialization", None) or serialized_objects.SerializedDAG  # the latter on 3.1
    with DAG("d", schedule=None) as dag:
        task = operator(task_id="t", **OPERATORS[operator])
    assert len(set(operator.template_fields)) == len(operator.template_fields)
    for field in operator.template_fields:
        assert hasattr(task, field), field
    document = json.loads(json.dumps(serialization.to_dict(dag)))
    again = serialization.from_dict(document).get_task("t")
    assert again.task_type == operator.__name__
    links = {LabelAuditOperator: "Audit report", DatasetDiffOperator: "Diff report", HardExampleSamplingOperator: "Sample report"}
    links |= {DatasetValidationOperator: "Data Docs", DatasetHealthOperator: "Dataset health"}
    links |= {SamplingReviewOperator: "Sampling review"}
    links |= dict.fromkeys((DatasetPromotionOperator, DatasetDescriptionOperator), "Dataset card")
    wanted = {links[operator]} if operator in links else set()
    assert wanted == {link.name for link in operator.operator_extra_links}


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.__name__)
def test_every_documented_argument_that_says_templated_is_a_template_field(operator: type[BaseOperator]) -> None:
    documented = {
        line.split(":")[1].removeprefix("param").strip(): line
        for kind in operator.__mro__
        if kind.__module__.startswith("airflow_cv_dataops")
        for line in " ".join((kind.__doc__ or "").split()).replace(" :param", "\n:param").splitlines()
        if line.startswith(":param")
    }
    assert documented
    for name, text in documented.items():
        assert (name in operator.template_fields) == ("(templated)" in text), name


@pytest.mark.parametrize("base", ["http://localhost:8080", "https://airflow.example/team/", ""])
def test_the_report_link_names_the_task_instance_below_the_servers_own_path(
    context: dict[str, Any], embedded: Dataset, monkeypatch: pytest.MonkeyPatch, base: str
) -> None:
    from airflow.models.taskinstancekey import TaskInstanceKey

    from airflow_cv_dataops.links.audit_report import AuditReportLink

    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base)
    link = AuditReportLink()
    key = TaskInstanceKey(dag_id="signs", run_id="scheduled__2026-11-05T00:00:00+00:00", task_id="group.audit", map_index=-1)
    write_metrics(embedded, "2026-11-05", "ingest", [Metric("images", 0)], datetime(2026, 11, 5, tzinfo=UTC))
    operator = LabelAuditOperator(task_id="audit", dataset="digits")
    assert link.get_link(operator, ti_key=key) == ""
    summary = operator.execute(context)
    assert summary["report_uri"].endswith(".html")
    path = "/cv_dataops/audit-report/signs/scheduled__2026-11-05T00%3A00%3A00%2B00%3A00/group.audit/-1"
    assert link.get_link(operator, ti_key=key) == ("/team" if "team" in base else "") + path


def test_an_audit_without_report_has_no_link(context: dict[str, Any], embedded: Dataset) -> None:
    from airflow_cv_dataops.links.audit_report import AuditReportLink

    write_metrics(embedded, "2026-11-05", "ingest", [Metric("images", 0)], datetime(2026, 11, 5, tzinfo=UTC))
    operator = LabelAuditOperator(task_id="audit", dataset="digits", report="false")
    assert operator.execute(context)["report_uri"] is None
    assert AuditReportLink().get_link(operator, ti_key=None) == ""
