"""A release holds the labels of its own pixels, by audits of what is released."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from unit.core.release.release_rows import NOW, annotation_id, write_annotations, write_audit, write_findings, write_images

from airflow_cv_dataops import audit_labels, import_labels, ingest_images, promote_dataset, to_coco, to_voc, to_yolo
from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.metrics import Metric, write_metrics
from airflow_cv_dataops.core.release import snapshot_reader
from airflow_cv_dataops.core.store.schema import TABLES

pytestmark = pytest.mark.integration

MakeDataset = Callable[..., Dataset]
KEY = "2026-11-05"
GATES = ("findings.error == 0",)
NAMES = ("0", "1", "2", "3")


def picture(folder: Path, name: str, colour: int) -> None:
    folder.mkdir(exist_ok=True)
    Image.new("RGB", (40, 30), (colour, 9, 9)).save(folder / name)


def details(result: Any) -> dict[str, Any]:
    return dict(result.summary.to_dict())


@pytest.fixture
def audited(make_dataset: MakeDataset, tmp_path: Path) -> Dataset:
    """Four images with a label each, audited."""
    dataset = make_dataset()
    write_images(dataset, KEY, NAMES)
    (tmp_path / "labels.csv").write_text("file,label\n" + "".join(f"{name}.png,cat\n" for name in NAMES))
    import_labels(dataset, KEY, tmp_path / "labels.csv", format="csv")
    audit_labels(dataset, KEY, report=None)
    return dataset


def change_the_images(dataset: Dataset) -> None:
    """Other pixels under the same names."""
    write_images(dataset, KEY, NAMES, contents={name: f"other {name}" for name in NAMES})


def test_labels_of_other_pixels_are_not_released_and_their_audit_counts_as_not_done(
    audited: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    assert details(promote_dataset(audited, stage="before", gates=GATES))["counts"]["annotations"] == 4
    change_the_images(audited)
    refused = promote_dataset(audited, gates=GATES)
    assert refused.failure == (
        "findings.error: wanted == 0, found no such metric: 1 of 1 gates failed, stage 'production' stays at no release (what audits find "
        "is unknown: the audits of 2026-11-05 are older than the images, labels or predictions that they looked at: audit again, or "
        "accept_outdated_audits)"
    )
    metrics = details(refused)["metrics"]
    assert (metrics["annotations"], metrics["annotations_of_other_images"]) == (0, 4)
    assert (metrics["unaudited_partitions"], metrics["outdated_audits"]) == (1, 1)
    assert details(refused)["counts"]["partitions_outdated"] == 1
    assert promote_dataset(audited, leave_out_unaudited=True).failure is not None

    with caplog.at_level(logging.WARNING):
        assert promote_dataset(audited, gates=GATES, accept_outdated_audits=True).failure is None
    assert "4 annotations are not in the release: the files of their images have gone, or changed since" in caplog.text
    release = audited.release()
    assert (release.images().num_rows, release.annotations().num_rows) == (4, 0), "no label of pixels that nobody labelled"
    assert audited.release("before").annotations().num_rows == 4


def test_a_new_audit_finds_what_the_change_left_and_is_up_to_date(audited: Dataset, tmp_path: Path) -> None:
    change_the_images(audited)
    audit_labels(audited, KEY, report=None, on_findings="warn")
    assert audited.read("findings", where="check = 'missing_image'").num_rows == 4
    refused = promote_dataset(audited, gates=GATES)
    assert "findings.error: wanted == 0, found 4" in str(refused.failure)
    import_labels(audited, KEY, tmp_path / "labels.csv", format="csv")
    audit_labels(audited, KEY, report=None)
    assert details(promote_dataset(audited, gates=GATES))["metrics"]["annotations"] == 4


@pytest.mark.parametrize("written", ["labels", "another label set", "predictions"])
def test_whatever_an_audit_looked_at_makes_it_outdated_when_it_is_written(audited: Dataset, tmp_path: Path, written: str) -> None:
    from airflow_cv_dataops import import_predictions

    if written == "labels":
        (tmp_path / "labels.csv").write_text("file,label\n0.png,dog\n")
    if written == "predictions":
        (tmp_path / "model.csv").write_text("file,cat,dog\n0.png,0.1,0.9\n")
        import_predictions(audited, KEY, tmp_path / "model.csv", model="m", format="probabilities")
    else:
        label_set = "default" if written == "labels" else "round_2"
        import_labels(audited, KEY, tmp_path / "labels.csv", format="csv", label_set=label_set)
    assert "the audits of 2026-11-05 are older" in str(promote_dataset(audited, gates=GATES).failure)


def test_an_audit_of_one_label_set_does_not_mind_another_and_no_partition_minds_others(audited: Dataset, tmp_path: Path) -> None:
    audit_labels(audited, KEY, label_sets=["default"], report=None)
    import_labels(audited, KEY, tmp_path / "labels.csv", format="csv", label_set="round_2")
    write_images(audited, "2026-11-06", NAMES)
    audit_labels(audited, "2026-11-06", report=None)
    assert "no audit has looked at 2026-11-05 in every label set: audit it" in str(promote_dataset(audited, gates=GATES).failure)
    audit_labels(audited, KEY, audit="of_round_2", label_sets=["round_2"], report=None)
    assert promote_dataset(audited, gates=GATES).failure is None


def test_of_two_audits_only_the_outdated_one_counts_as_not_done(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    write_images(dataset, "p", ["a"])
    write_audit(dataset, "p", "missing_image", audit="first")
    write_annotations(dataset, "p", [("a", "cat")])
    write_audit(dataset, "p", "zero_area_bbox", audit="second")
    assert promote_dataset(dataset, gates=["findings.zero_area_bbox == 0", "audit:second/annotations == 1"]).failure is None
    refused = promote_dataset(dataset, gates=["findings.missing_image == 0", "audit:first/annotations == 1"])
    assert "2 of 2 gates failed" in str(refused.failure)
    assert details(refused)["metrics"]["outdated_audits"] == 1


@pytest.mark.parametrize(("recorded_at", "is_done"), [(NOW, False), (datetime.now(UTC) + timedelta(days=365), True)])
def test_an_audit_of_a_version_that_did_not_record_what_it_saw_is_judged_by_its_time(
    make_dataset: MakeDataset, recorded_at: datetime, is_done: bool
) -> None:
    dataset = make_dataset()
    write_images(dataset, "p", ["a"])
    counts = [Metric("annotations", 1), Metric("findings", 0, {"check": "zero_area_bbox", "severity": "error"})]
    write_metrics(dataset, "p", "audit:label_audit", counts, recorded_at)
    assert (promote_dataset(dataset, gates=["findings.zero_area_bbox == 0"]).failure is None) is is_done


def test_labels_on_a_twin_are_seen_alike_by_import_audit_and_release(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset()
    for name in ("a.png", "z_twin.png"):
        picture(tmp_path / "photos", name, 100)
    (tmp_path / "labels.csv").write_text("file,label\nz_twin.png,cat\n")
    ingest_images(dataset, KEY, tmp_path / "photos", workers=1)
    counts = details(import_labels(dataset, KEY, tmp_path / "labels.csv", format="csv"))["counts"]
    assert (counts["matched"], counts["images_labelled"], counts["images_without_label"]) == (1, 1, 0)
    assert details(audit_labels(dataset, KEY, report=None))["counts"]["labelled_images"] == 1
    assert dataset.read("findings", where="check = 'image_without_label'").num_rows == 0
    promoted = details(promote_dataset(dataset, gates=["labelled_ratio == 1", "annotations == 1"]))
    assert promoted["counts"]["annotations"] == 1
    release = dataset.release()
    assert release.images()["file_name"].to_pylist() == ["a.png"]
    assert release.annotations()["image_id"].to_pylist() == release.images()["image_id"].to_pylist()


def test_a_release_that_was_narrowed_down_holds_no_labels_of_other_partitions(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    for key, category in (("p", "cat"), ("q", "dog")):
        write_images(dataset, key, ["a"])
        write_annotations(dataset, key, [("a", category)])
    promote_dataset(dataset, partition_keys=["q"])
    assert dataset.release().partition_keys == ("q",)
    assert dataset.release().annotations()["category"].to_pylist() == ["dog"]
    promote_dataset(dataset)
    assert sorted(dataset.release().annotations()["category"].to_pylist()) == ["cat", "dog"]
    assert dataset.release("v1").annotations()["category"].to_pylist() == ["dog"]


def test_writers_give_a_releases_labels_to_the_image_that_stands_for_the_copies(make_dataset: MakeDataset) -> None:
    dataset, contents = make_dataset(), {"z_twin": "a"}
    write_images(dataset, "p", ["a", "b", "z_twin"], contents=contents)
    write_annotations(dataset, "p", [("z_twin", "cat"), ("b", "dog")], contents=contents)
    promote_dataset(dataset)
    images, annotations = dataset.release().images(), dataset.release().annotations()
    coco = to_coco(images, annotations)
    names = {image["id"]: image["file_name"] for image in coco["images"]}
    assert sorted(names[label["image_id"]] for label in coco["annotations"]) == ["a.png", "b.png"]
    assert [text.count("<object>") for text in to_voc(images, annotations).values()] == [1, 1]
    assert [len(text.splitlines()) for text in to_yolo(images, annotations, ["cat", "dog"]).values()] == [1, 1]
    every = to_coco(dataset.images(), dataset.annotations())
    names = {image["id"]: image["file_name"] for image in every["images"]}
    assert sorted(names[label["image_id"]] for label in every["annotations"]) == ["b.png", "z_twin.png"], "of all files each has its own"


def test_a_label_set_that_no_audit_has_looked_at_makes_what_audits_find_unknown(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    write_images(dataset, "p", ["a"])
    for label_set in ("good", "bad"):
        write_annotations(dataset, "p", [("a", "cat")], label_set=label_set)
        audit_labels(dataset, "p", audit=label_set, label_sets=[label_set], report=None)
    gates = ["label_error_rate <= 0", "findings.zero_area_bbox == 0"]
    assert promote_dataset(dataset, gates=gates).failure is None
    write_annotations(dataset, "p", [("a", "cow")], label_set="bad")
    refused = promote_dataset(dataset, gates=[*gates, "unaudited_partitions == 0"])
    assert "3 of 3 gates failed" in str(refused.failure)
    assert "the audits of p are older" in str(refused.failure)
    assert promote_dataset(dataset, leave_out_unaudited=True).failure is not None


def test_labels_of_a_partition_whose_images_have_moved_have_to_be_audited_too(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    write_images(dataset, "b", ["a"])
    write_annotations(dataset, "b", [("a", "cat")])
    write_audit(dataset, "b", "zero_area_bbox")
    write_images(dataset, "b", [])
    write_images(dataset, "a", ["a"])
    write_audit(dataset, "a", "zero_area_bbox")
    refused = promote_dataset(dataset, gates=GATES)
    assert "the audits of b are older" in str(refused.failure)
    assert details(refused)["counts"]["annotations"] == 1
    write_audit(dataset, "b", "zero_area_bbox")
    assert promote_dataset(dataset, gates=GATES).failure is None
    write_images(dataset, "c", ["c"])
    assert details(promote_dataset(dataset, gates=GATES, leave_out_unaudited=True))["counts"]["annotations"] == 1
    assert dataset.release().annotations().num_rows == 1


@pytest.mark.parametrize("other", ["x1", "x3"])
def test_a_fault_found_at_any_copy_counts(make_dataset: MakeDataset, other: str) -> None:
    """Of two equal labels one is kept, whichever it is by hash."""
    dataset, contents = make_dataset(), {other: "a"}
    write_images(dataset, "p", ["a"])
    write_annotations(dataset, "p", [("a", "zebra")])
    write_findings(dataset, "p", ("unknown_category", "error", annotation_id("p", 0)))
    write_images(dataset, "q", [other], contents=contents)
    write_annotations(dataset, "q", [(other, "zebra")], contents=contents)
    for key in ("p", "q"):
        write_audit(dataset, key, "unknown_category")
    refused = promote_dataset(dataset, gates=["label_error_rate <= 0"])
    assert "label_error_rate: wanted <= 0, found 1" in str(refused.failure)


def test_findings_that_another_run_has_written_over_are_not_those_of_the_numbers(audited: Dataset) -> None:
    write_findings(audited, KEY)  # an older run of the same audit comes in late, and dies before its numbers
    assert "the audits of 2026-11-05 are older" in str(promote_dataset(audited, gates=GATES).failure)


def test_expiry_does_not_make_an_audit_of_a_former_version_younger(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    write_images(dataset, "p", ["a"])
    write_annotations(dataset, "p", [("a", "cat")])
    counts = [Metric("annotations", 1), Metric("findings", 0, {"check": "zero_area_bbox", "severity": "error"})]
    write_metrics(dataset, "p", "audit:label_audit", counts, NOW)
    write_annotations(dataset, "q", [("a", "cat")])
    for name in TABLES:
        if found := dataset.load_table(name):
            found.maintenance.expire_snapshots().older_than(datetime.now(UTC) + timedelta(days=1)).commit()
    assert "the audits of p are older" in str(promote_dataset(dataset, gates=GATES).failure)


def test_numbers_of_partitions_that_are_not_in_the_release_are_not_asked(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    for key, images in (("p", 1), ("emptied", 0)):
        write_images(dataset, key, ["a"][:images])
        write_metrics(dataset, key, "ingest", [Metric("images", images)], NOW)
    assert promote_dataset(dataset, gates=["ingest/images >= 1"]).failure is None


def test_many_chosen_partitions_are_read_as_few_are(make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, keys = make_dataset(), ["p0", "p1", "p2", "p3"]
    for key in keys:
        write_images(dataset, key, [f"{key}-image"])
    for key, category in (("p0", "cat"), ("p3", "dog")):
        write_annotations(dataset, key, [(f"{key}-image", category)])
    content_ids = set()
    for most in (1, 50):
        monkeypatch.setattr(snapshot_reader, "_KEYS_TO_PLAN_BY", most)
        content_ids.add(details(promote_dataset(dataset, stage=f"stage_{most}", partition_keys=keys[:3]))["content_id"])
        release = dataset.release(f"stage_{most}")
        assert (release.images().num_rows, release.annotations()["category"].to_pylist()) == (3, ["cat"])
    assert len(content_ids) == 1


def test_files_of_one_name_are_exported_together_or_not_at_all(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    for key in ("p", "q"):
        write_images(dataset, key, ["a"])
    write_annotations(dataset, "p", [("a", "cat")])
    images, annotations = dataset.images(), dataset.annotations()
    assert [text.count("<object>") for text in to_voc(images, annotations).values()] == [1]
    assert [len(text.splitlines()) for text in to_yolo(images, annotations, ["cat"]).values()] == [1]
    write_images(dataset, "q", ["a"], contents={"a": "other bytes"})
    for write in (to_voc, lambda *rows: to_yolo(*rows, ["cat"])):
        with pytest.raises(ConfigurationError, match="would be the same file, a"):
            write(dataset.images(), annotations)
