"""The diff task: what its arguments become, what it leaves in XCom, its report, its link, and what it tells lineage."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from unit.hooks.fake_connections import add_connection
from unit.operators.small_tasks import TaskInstance, context, embedded, ingest, landing, promote, rendered, ti

from airflow_cv_dataops.core.errors import DatasetNotFoundError
from airflow_cv_dataops.core.report.location import read_report
from airflow_cv_dataops.links.diff_report import DiffReportLink
from airflow_cv_dataops.operators.dataset_diff import DatasetDiffOperator
from airflow_cv_dataops.operators.label_import import LabelImportOperator

__all__ = ["add_connection", "context", "embedded", "landing", "ti"]

HOSTILE = "</svg><script>alert(1)</script>"
BEFORE = "file,label,xmin,ymin,xmax,ymax\n0.png,cat,2,2,10,12\n1.png,dog,0,0,24,16\n1.png,cat,1,1,5,5\n2.png,bird,3,3,9,9\n"
AFTER = f"file,label,xmin,ymin,xmax,ymax\n0.png,{HOSTILE},2,2,10,12\n1.png,dog,0,0,24,14\n2.png,bird,3,3,9,9\n2.png,cat,0,0,5,5\n"


@pytest.fixture
def released(landing: Path, context: dict[str, Any]) -> dict[str, Any]:
    """Two releases: v1 in production, v2 with other labels in staging."""
    file = landing.parent / "labels.csv"
    labels = LabelImportOperator(task_id="labels", dataset="digits", source=str(file), format="csv")
    rendered(ingest(landing), context).execute(context)
    for text, stage, splits in ((BEFORE, "production", {"train": 1.0}), (AFTER, "staging", {"val": 1.0})):
        file.write_text(text)
        for task in (labels, promote(stage=stage, splits=splits, split_salt=stage)):
            rendered(task, context).execute(context)
    return context


def diff(**arguments: Any) -> DatasetDiffOperator:
    return DatasetDiffOperator(task_id="diff", dataset="digits", **{"before": "production", "after": "staging", **arguments})


def test_the_summary_counts_what_changed_and_names_the_report(released: dict[str, Any], embedded: Any) -> None:
    summary = rendered(diff(), released).execute(released)
    assert (summary["from"], summary["to"], summary["is_empty"]) == ("v1", "v2", False)
    assert summary["counts"]["images"] == {"before": 4, "after": 4, "added": 0, "removed": 0, "moved": 4, "unchanged": 0, "relabelled": 3}
    labels = {"before": 4, "after": 4, "unchanged": 1, "changed": 2, "added": 1, "removed": 1}
    assert summary["counts"]["labels"] == {**labels, "recategorised": 1, "moved": 1, "reshaped": 0, "edited": 0}
    assert summary["splits"] == {"train -> val": 4}
    assert summary["metrics"]["changed_label_ratio"] == 0.75
    json.dumps(summary, allow_nan=False)
    page = read_report(embedded, summary["report_uri"]).decode()
    assert "reports/release_diff/v1-v2/" in summary["report_uri"]
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert page.count('<article class="card"') == page.count("<image") == 4
    assert "moved (IoU 0.88)" in page
    assert rendered(diff(), released).execute(released)["report_uri"] == summary["report_uri"]  # equal content, equal name


def test_arguments_may_come_as_texts_from_templates(released: dict[str, Any]) -> None:
    task = diff(before="{{ params.old }}", after="v{{ params.new }}", iou_threshold="{{ params.iou }}", report="false")
    summary = rendered(task, released, old="v1", new=2, iou="0.95").execute(released)
    assert (summary["from"], summary["to"], summary["report_uri"]) == ("v1", "v2", None)
    assert summary["counts"]["labels"]["removed"] == 1


def test_what_names_no_release_stands_for_no_other_and_for_nothing_only_where_that_is_said(released: dict[str, Any]) -> None:
    for name in ("before", "after"):
        with pytest.raises(LookupError, match="has no release or stage ''"):
            rendered(diff(**{name: "{{ params.nothing }}"}), released, nothing="").execute(released)

    with pytest.raises(DatasetNotFoundError, match="no release or stage 'approved'"):
        rendered(diff(before="approved"), released).execute(released)
    summary = rendered(diff(before="approved", allow_missing_before="true"), released).execute(released)
    assert (summary["from"], summary["counts"]["images"]["added"]) == (None, 4)


def test_a_report_holds_no_more_pictures_than_it_may_and_the_link_opens_it(released: dict[str, Any], embedded: Any) -> None:
    uri = rendered(diff(report_max_pictures=2), released).execute(released)["report_uri"]
    assert read_report(embedded, uri).decode().count('<article class="card"') == 2
    uri = rendered(diff(report_max_pictures=0), released).execute(released)["report_uri"]
    assert "This report was written without pictures." in read_report(embedded, uri).decode()

    key: Any = SimpleNamespace(dag_id="signs", run_id="manual", task_id="diff", map_index=-1)
    for report, expected in (("false", ""), ("true", "/cv_dataops/audit-report/signs/manual/diff/-1")):
        task = rendered(diff(report=report), released)
        task.execute(released)
        assert DiffReportLink().get_link(task, ti_key=key) == expected
    assert [link.name for link in task.operator_extra_links] == ["Diff report"]


def test_lineage_reads_the_release_and_writes_its_reports(released: dict[str, Any], ti: TaskInstance) -> None:
    task = rendered(diff(), released)
    start = task.get_openlineage_facets_on_start()
    summary = task.execute(released)
    end = task.get_openlineage_facets_on_complete(ti)
    names = [f"digits.{name}" for name in ("releases", "release_items", "images", "annotations")]
    assert [one.name for one in start.inputs] == [one.name for one in end.inputs] == names
    assert [one.name for one in start.outputs] == [one.name for one in end.outputs] == ["digits.diff_reports"]
    assert {name: end.outputs[0].facets[name] for name in start.outputs[0].facets} == start.outputs[0].facets
    facet = end.run_facets["cvDataops_diff"]
    assert (facet.fromRelease, facet.toRelease, facet.reportUri) == ("v1", "v2", summary["report_uri"])
    assert (facet.images, facet.labels) == (summary["counts"]["images"], summary["counts"]["labels"])
    assert rendered(diff(report=False), released).get_openlineage_facets_on_start().outputs == []
