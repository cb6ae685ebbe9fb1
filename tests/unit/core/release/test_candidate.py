"""What a release would hold: each image once, its annotations, and numbers for the gates."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from unit.core.release.release_rows import (
    NOW,
    annotation_id,
    image_id,
    source,
    write_annotations,
    write_audit,
    write_backgrounds,
    write_findings,
    write_images,
)

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.metrics import Metric, write_metrics
from airflow_cv_dataops.core.release.candidate import Candidate, Wanted, build_candidate
from airflow_cv_dataops.core.release.splits.options import SplitOptions
from airflow_cv_dataops.core.store.dataset import Dataset

MakeDataset = Callable[..., Dataset]


def candidate(dataset: Dataset, *, salt: str = "", partition_keys: Sequence[str] | None = None) -> Candidate:
    return build_candidate(dataset, Wanted(SplitOptions(salt=salt), partition_keys))


def test_an_empty_dataset_is_an_empty_candidate(make_dataset: MakeDataset) -> None:
    found = candidate(make_dataset(made=True))
    assert (found.items.num_rows, found.annotations, found.partitions, dict(found.snapshots)) == (0, 0, 0, {})
    assert (found.metrics["images"], found.metrics["findings.error"]) == (0, 0)
    assert "label_error_rate" not in found.metrics, "of no label nobody knows a rate"


def test_a_duplicate_occurs_once_as_the_smallest_partition_and_source_with_the_annotations_of_all_copies(make_dataset: MakeDataset) -> None:
    dataset, contents = make_dataset(), {"copy": "a", "z": "a"}
    write_images(dataset, "2026-11-06", ["copy", "b"], contents=contents)
    write_annotations(dataset, "2026-11-06", [("copy", "wrong"), ("b", "cat")], contents=contents)
    write_images(dataset, "2026-11-05", ["z", "a"], contents=contents)
    write_annotations(dataset, "2026-11-05", [("z", "worse"), ("a", "dog")], contents=contents)
    found = candidate(dataset)
    rows = {row["image_id"]: (row["partition_key"], row["source_uri"]) for row in found.items.to_pylist()}
    assert rows == {
        image_id("a"): ("2026-11-05", source("2026-11-05", "a")),
        image_id("b"): ("2026-11-06", source("2026-11-06", "b")),
    }
    assert found.annotations == 4
    assert (found.metrics["images"], found.metrics["duplicates"], found.metrics["categories"]) == (2, 2, 4)
    assert found.metrics["disagreeing_copies"] == 1


def test_metrics_can_be_counted_by_hand(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    write_images(dataset, "p", ["a", "b", "c", "d"])
    write_annotations(dataset, "p", [("a", "cat"), ("a", "dog"), ("b", "dog"), ("c", "dog")])
    write_findings(
        dataset,
        "p",
        ("zero_area_bbox", "error", annotation_id("p", 0)),
        ("other_error", "error", annotation_id("p", 0)),
        ("suspect_label", "warning", annotation_id("p", 1)),
        ("low_contrast", "warning", annotation_id("p", 2)),
        ("image_missing", "error", None),
    )
    write_audit(dataset, "p", "zero_area_bbox", "suspect_label")
    metrics = candidate(dataset).metrics
    expected = {
        "unaudited_partitions": 0,
        "images": 4,
        "duplicates": 0,
        "rejects": 0,
        "reject_ratio": 0.0,
        "annotations": 4,
        "labelled_images": 3,
        "labelled_ratio": 0.75,
        "categories": 2,
        "min_annotations_per_category": 1,
        "label_error_rate": 0.5,
        "findings": 5,
        "findings.error": 3,
        "findings.warning": 2,
        "findings.info": 0,
        "findings.zero_area_bbox": 1,
        "findings.suspect_label": 1,
    }
    assert {name: metrics[name] for name in expected} == expected


def test_an_image_said_to_be_empty_is_labelled_and_its_statement_no_annotation(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    write_images(dataset, "p", ["a", "b", "c", "d"], contents={"d": "c"})
    write_annotations(dataset, "p", [("a", "cat")])
    without = candidate(dataset)
    write_backgrounds(dataset, "p", ["b", "c", "d"], contents={"d": "c"})
    found = candidate(dataset)
    names = ("images", "annotations", "backgrounds", "labelled_images", "labelled_ratio", "categories", "min_annotations_per_category")
    assert [found.metrics[name] for name in names] == [3, 1, 2, 3, 1.0, 1, 1]
    assert [without.metrics[name] for name in names] == [3, 1, 0, 1, pytest.approx(1 / 3), 1, 1]
    assert found.annotations == 1
    assert found.content_id != without.content_id, "a release holds the statements too"


def test_a_copy_that_is_said_to_be_empty_disagrees_with_one_that_has_labels(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    for key, write in (("p", write_annotations), ("q", write_backgrounds)):
        write_images(dataset, key, ["a"])
        write(dataset, key, [("a", "cat")] if key == "p" else ["a"], label_set="default")
    metrics = candidate(dataset).metrics
    assert (metrics["disagreeing_copies"], metrics["annotations"], metrics["backgrounds"]) == (1, 1, 1)


def test_a_statement_with_an_error_is_no_annotation_at_fault(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    write_images(dataset, "p", ["a", "b"])
    write_annotations(dataset, "p", [("a", "cat")])
    write_backgrounds(dataset, "p", ["b"])
    write_findings(dataset, "p", ("missing_image", "error", annotation_id("p", 0, "backgrounds")))
    write_audit(dataset, "p", "missing_image")
    assert candidate(dataset).metrics["label_error_rate"] == 0


def test_recorded_metrics_have_one_value_a_partition_and_none_with_dimensions(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    for key, value in (("p", 0.5), ("q", 0.25)):
        write_images(dataset, key, [key])
        write_metrics(dataset, key, "ingest", [Metric("brightness", value), Metric("by_class", 9, {"category": "x"})], NOW)
    metrics = candidate(dataset).metrics
    assert sorted(metrics["ingest/brightness"]) == [0.25, 0.5]  # type: ignore[arg-type]
    assert "ingest/by_class" not in metrics
    assert candidate(dataset, partition_keys=["q"]).metrics["ingest/brightness"] == [0.25]
    write_images(dataset, "r", ["r"])
    assert "ingest/brightness" not in candidate(dataset).metrics, "what not every partition has, cannot hold for each"


def test_only_the_wanted_partitions_are_held(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    for key in ("p", "q", "r"):
        write_images(dataset, key, [f"{key}1", f"{key}2"])
        write_annotations(dataset, key, [(f"{key}1", "cat")])
    found = candidate(dataset, partition_keys=["p", "r"])
    assert sorted(set(found.items["partition_key"].to_pylist())) == ["p", "r"]
    assert (found.items.num_rows, found.annotations, found.partitions) == (4, 2, 2)
    with pytest.raises(ConfigurationError, match="No step has written to partition no such of 'digits'"):
        candidate(dataset, partition_keys=["p", "no such"])


def test_the_content_id_does_not_depend_on_the_order_of_rows_or_partitions_or_on_reruns(make_dataset: MakeDataset) -> None:
    def filled(name: str, order: list[str], names: list[str]) -> Dataset:
        dataset = make_dataset(name)
        for key in order:
            write_images(dataset, key, [f"{key}{one}" for one in names])
            write_annotations(dataset, key, [(f"{key}{one}", "cat") for one in names])
        return dataset

    forward = filled("forward", ["p", "q"], ["1", "2", "3"])
    backward = filled("backward", ["q", "p"], ["3", "1", "2"])
    first = candidate(forward)
    assert candidate(backward).content_id == first.content_id
    write_images(forward, "p", ["p2"])
    write_images(forward, "p", ["p2", "p1", "p3"])
    assert forward.snapshots(["images"]) != {"images": first.snapshots["images"]}
    assert candidate(forward).content_id == first.content_id


def test_the_content_id_changes_with_images_labels_and_splits(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    write_images(dataset, "p", ["a", "b"])
    write_annotations(dataset, "p", [("a", "cat")])
    ids = [candidate(dataset).content_id]
    ids.append(candidate(dataset, salt="other salt 1").content_id)
    write_annotations(dataset, "p", [("a", "dog")])
    ids.append(candidate(dataset).content_id)
    write_annotations(dataset, "p", [("a", "dog"), ("a", "dog")])
    ids.append(candidate(dataset).content_id)
    write_images(dataset, "p", ["a", "b", "c"])
    ids.append(candidate(dataset).content_id)
    write_annotations(dataset, "p", [("a", "dog"), ("a", "dog")], label_set="round_2")
    ids.append(candidate(dataset).content_id)
    assert len(set(ids)) == len(ids)


def test_an_annotation_is_at_fault_only_in_the_partition_of_its_finding(make_dataset):
    import pyarrow as pa

    dataset = make_dataset()
    for day in ("2026-11-05", "2026-11-06"):
        image = {
            "source_uri": f"file:///{day}/a.png",
            "image_id": day,
            "file_name": "a.png",
            "storage_uri": "x",
            "bytes": 1,
            "format": "PNG",
        }
        image |= {"width": 1, "height": 1, "mode": "L", "frames": 1, "ingested_at": NOW}
        dataset.replace_partition("images", day, pa.Table.from_pylist([image]))
        label = {"annotation_id": "same", "image_id": day, "source_uri": image["source_uri"], "file_name": "a.png"}
        label |= {"task": "classification", "category": "3", "format": "csv", "source": "labels.csv"}
        dataset.replace_partition("annotations", day, pa.Table.from_pylist([label]), owner="default")
    finding = {"finding_id": "1", "check": "suspect_label", "severity": "warning", "annotation_id": "same", "message": "?"}
    dataset.replace_partition("findings", "2026-11-05", pa.Table.from_pylist([finding]), owner="label_audit")
    for day in ("2026-11-05", "2026-11-06"):
        write_audit(dataset, day, "suspect_label")

    assert candidate(dataset).metrics["label_error_rate"] == 0.5


def test_a_check_that_found_nothing_counts_zero_and_one_that_did_not_run_everywhere_has_no_metric(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    for key, checks in (("p", ["zero_area_bbox", "duplicate_id"]), ("q", ["zero_area_bbox"])):
        write_images(dataset, key, [key])
        write_audit(dataset, key, *checks)
    metrics = candidate(dataset).metrics
    assert metrics["findings.zero_area_bbox"] == 0
    assert "findings.duplicate_bbox" not in metrics
    assert "findings.duplicate_id" not in metrics, "nobody knows how many there are in q"
    assert candidate(dataset, partition_keys=["p"]).metrics["findings.duplicate_id"] == 0


def test_what_audits_find_is_unknown_until_every_partition_was_audited(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    write_images(dataset, "p", ["a"])
    write_audit(dataset, "p", "zero_area_bbox")
    assert candidate(dataset).metrics["findings.error"] == 0
    write_images(dataset, "q", ["b"])
    metrics = candidate(dataset).metrics
    assert metrics["unaudited_partitions"] == 1
    assert [name for name in metrics if name.startswith("findings") or name == "label_error_rate"] == []
