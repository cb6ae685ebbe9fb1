"""The export task: what its arguments become, what it leaves in XCom, and what it tells lineage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from PIL import Image
from unit.hooks.fake_connections import add_connection
from unit.operators.small_tasks import TaskInstance, context, embedded, rendered, ti

from airflow_cv_dataops import check_export, import_labels, ingest_images, open_dataset, promote_dataset
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.operators.dataset_export import DatasetExportOperator

__all__ = ["add_connection", "context", "embedded", "ti"]

LABELS = "file,label,xmin,ymin,xmax,ymax\n0.png,cat,2,2,10,12\n1.png,dog,0,0,24,16\n1.png,cat,1,1,5,5\n2.png,bird,3,3,9,9\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog with two releases: v1 of one labelled partition, v2 the same with other splits."""
    folder = tmp_path_factory.mktemp("released")
    source = folder / "landing" / "2026-11-05"
    source.mkdir(parents=True)
    for number in range(4):
        Image.effect_noise((24, 16), 20 + number).save(source / f"{number}.png")
    (folder / "labels.csv").write_text(LABELS)
    dataset = open_dataset("digits", home=folder / "cv_dataops")
    ingest_images(dataset, "2026-11-05", source, workers=1)
    import_labels(dataset, "2026-11-05", folder / "labels.csv", format="csv")
    promote_dataset(dataset, splits={"train": 1.0})
    promote_dataset(dataset, splits={"val": 1.0}, split_salt="2", stage="staging")
    return folder / "cv_dataops"


@pytest.fixture
def released(home: Path, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The context of a task that finds these releases."""
    monkeypatch.setenv("AIRFLOW__CV_DATAOPS__HOME", str(home))
    return context


def export(**arguments: Any) -> DatasetExportOperator:
    return DatasetExportOperator(task_id="export", dataset="digits", **arguments)


def test_a_release_lies_below_the_dataset_by_default_and_xcom_says_where(released: dict[str, Any], home: Path) -> None:
    summary = rendered(export(format="yolo"), released).execute(released)
    folder = home / "warehouse/digits/exports/v1/yolo"
    assert summary["export_uri"] == folder.as_uri()
    assert summary["manifest_uri"] == (folder / "_export/manifest.json").as_uri()
    assert (summary["release"], summary["partition_key"], summary["counts"]["images"]) == ("v1", "2026-11-05", 3)
    assert summary["counts"]["images_left_out"] == {"unlabelled": 1}
    assert check_export(folder).is_whole
    assert (folder / "labels/train/1.txt").read_text().splitlines()[0].startswith("2 0.5 0.5 1.0 1.0")
    json.dumps(summary, allow_nan=False)


def test_arguments_may_come_as_texts_from_templates(released: dict[str, Any], tmp_path: Path) -> None:
    task = export(
        release="{{ params.release }}",
        target=f"{tmp_path}/out/{{release}}/{{partition_key}}",
        format="{{ params.format }}",
        categories="cat, dog",
        splits="val",
        size="{{ params.size }}",
        fit="stretch",
        crop="0, 0, 1, 0.5",
        min_visible="0.1",
        max_left_out_ratio="0.5",
        shard_images="2",
        replace="true",
    )
    summary = rendered(task, released, release="staging", format="coco", size="48x48").execute(released)
    folder = tmp_path / "out/v2/2026-11-05"
    assert summary["export_uri"] == folder.as_uri()
    document = json.loads((folder / "annotations/instances_val.json").read_text())
    assert [category["name"] for category in document["categories"]] == ["cat", "dog"]
    assert {(image["width"], image["height"]) for image in document["images"]} == {(48, 48)}
    assert {Image.open(path).size for path in (folder / "images/val").iterdir()} == {(48, 48)}
    whole = next(label for label in document["annotations"] if label["category_id"] == 2)
    assert whole["bbox"] == [0, 0, 48, 48]
    assert summary["counts"]["labels_left_out"] == {"other_category": 1}
    assert summary["counts"]["images_background"] == 1


def test_a_list_that_a_template_emptied_does_not_mean_all_and_a_release_that_it_names_not_no_other(released: dict[str, Any]) -> None:
    for name in ("categories", "label_sets", "splits"):
        with pytest.raises(ConfigurationError, match=f"{name} is empty"):
            rendered(export(**{name: "{{ params.nothing }}"}), released, nothing="").execute(released)
    with pytest.raises(LookupError, match="has no release or stage ''"):
        rendered(export(release="{{ params.nothing }}"), released, nothing="").execute(released)


def test_policy_fails_the_task_before_anything_is_written_and_leaves_the_numbers(
    released: dict[str, Any], ti: TaskInstance, tmp_path: Path
) -> None:
    task = rendered(export(format="imagefolder", target=tmp_path / "out"), released)
    with pytest.raises(AirflowFailException, match=r"leave out 2 of 4 labels \(2 image_not_carried\).*1 several_categories"):
        task.execute(released)
    assert not (tmp_path / "out").exists()
    assert ti.pushed["return_value"]["counts"]["images_left_out"] == {"several_categories": 1, "unlabelled": 1}
    assert ti.pushed["return_value"]["export_uri"] is None
    told = task.get_openlineage_facets_on_failure(ti)
    assert told.outputs == []
    assert told.run_facets["cvDataops_export"].leftOut == {"images": 2, "labels": 2}


@pytest.mark.parametrize(
    ("target", "named"),
    [(None, "{home}/warehouse/digits/exports/coco"), ("{tmp}/train/{release}/{partition_key}/coco", "{tmp}/train/coco")],
    ids=["default", "given"],
)
def test_lineage_names_one_dataset_for_all_releases(
    released: dict[str, Any], ti: TaskInstance, tmp_path: Path, home: Path, target: str | None, named: str
) -> None:
    given = target and target.replace("{tmp}", str(tmp_path))
    expected = named.replace("{tmp}", str(tmp_path)).replace("{home}", str(home))
    for release in ("v1", "v2"):
        task = rendered(export(release=release, target=given), released)
        start = task.get_openlineage_facets_on_start()
        task.execute(released)
        end = task.get_openlineage_facets_on_complete(ti)
        assert [one.name for one in start.inputs] == [one.name for one in end.inputs]
        assert [one.name for one in end.inputs] == [f"digits.{name}" for name in ("releases", "release_items", "images", "annotations")]
        assert [one.name for one in start.outputs] == [one.name for one in end.outputs] == [expected]
        (output,) = end.outputs
        assert {name: output.facets[name] for name in start.outputs[0].facets} == start.outputs[0].facets
        assert output.facets["datasetType"].subType == "COCO"
        assert output.outputFacets["outputStatistics"].fileCount == 4
        columns = output.facets["columnLineage"].fields
        assert {origin.name for origin in columns["bbox"].inputFields} == {"digits.annotations"}
        assert {origin.name for origin in columns["image_id"].inputFields} == {"digits.release_items"}
        assert (end.run_facets["cvDataops_export"].release, end.run_facets["cvDataops_export"].images) == (release, 3)


def test_another_export_at_the_target_is_refused_until_it_may_be_replaced(released: dict[str, Any], tmp_path: Path) -> None:
    rendered(export(target=tmp_path / "out"), released).execute(released)
    with pytest.raises(ConfigurationError, match="holds an export of digits v1 as coco, and this is an export of digits v2 as coco"):
        rendered(export(target=tmp_path / "out", release="v2"), released).execute(released)
    rendered(export(target=tmp_path / "out", release="v2", replace=True), released).execute(released)
    found = check_export(tmp_path / "out")
    assert (found.is_whole, found.unexpected, found.manifest["release"]) == (True, (), "v2")
