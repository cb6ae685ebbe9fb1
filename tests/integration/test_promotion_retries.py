"""Which promotions are tried again: those that lack nothing but what other runs may be at work on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from unit.core.release.release_rows import NOW, labelled, write_annotations, write_audit, write_images

from airflow_cv_dataops.core.audit.inputs import input_metrics
from airflow_cv_dataops.core.metrics import Metric, write_metrics
from airflow_cv_dataops.core.release.describe import describe_dataset
from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.store.dataset import Dataset

__all__ = ["labelled"]

pytestmark = pytest.mark.integration

MakeDataset = Callable[..., Dataset]


def test_no_gate_is_final_while_a_partition_is_not_audited_and_each_is_when_all_are(labelled: Dataset) -> None:
    gates = [
        ["unaudited_partitions == 0"],
        ["findings.error == 0", "labelled_ratio >= 1"],
        ["images >= 12"],
        ["annotations >= 2 * previous"],
    ]
    promote_dataset(labelled, gates=["images >= 1"])
    assert not any(promote_dataset(labelled, gates=of_one).may_pass_later for of_one in gates)
    write_images(labelled, "2026-11-07", ["ingested, but neither labelled nor audited"])
    for of_one in gates:
        result = promote_dataset(labelled, gates=of_one)
        assert result.may_pass_later
        assert "no audit has looked at 2026-11-07 in every label set" in str(result.failure)
    assert not promote_dataset(labelled, gates=["map50 >= 0.5"], metrics={"map50": 0.3}).may_pass_later, "it was handed in"
    assert not promote_dataset(labelled, release="v1", stage="next", gates=["findings.error == 0"]).may_pass_later, "v1 stays what it is"


def test_where_nobody_audits_gates_are_final(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    write_images(dataset, "p", ["a"])
    assert not promote_dataset(dataset, gates=["images >= 2"]).may_pass_later
    assert promote_dataset(dataset, gates=["images >= 2", "findings.error == 0"]).may_pass_later, "somebody is to audit it"


@pytest.mark.parametrize("gate", ["label_error_rate[category=*] <= 0", "label_error_rate[split=train] <= 0", "unaudited_partitions == 0"])
def test_every_gate_on_what_audits_find_is_tried_again_and_names_the_partitions(labelled: Dataset, gate: str) -> None:
    write_images(labelled, "2026-11-07", ["ingested, but not audited"])
    result = promote_dataset(labelled, gates=[gate])
    assert result.may_pass_later
    assert "no audit has looked at 2026-11-07" in str(result.failure)


@pytest.mark.parametrize("gate", ["audit:boxes/annotations == 1", "findings.tiny_bbox == 0", "outdated_audits == 0"])
def test_what_an_audit_saw_before_its_partition_was_written_anew_may_be_known_again_although_another_audit_is_done(
    make_dataset: MakeDataset, gate: str
) -> None:
    dataset = make_dataset()
    write_images(dataset, "p", ["a"])
    write_audit(dataset, "p", "tiny_bbox", audit="boxes")
    write_annotations(dataset, "p", [("a", "cat")])
    write_audit(dataset, "p", "zero_area_bbox")
    result = promote_dataset(dataset, gates=[gate])
    assert result.may_pass_later
    assert str(result.failure).endswith((" is missing in p)", "(outdated: audits of p)"))


def test_a_contract_is_asked_for_again_where_it_has_looked_at_the_partition_before_and_not_where_it_never_does(labelled: Dataset) -> None:
    looked_at = input_metrics(labelled, "2026-11-05", labelled.snapshots(("images",)), {"images": None})
    for contract, seen in (("seen", looked_at), ("else", [])):
        write_metrics(labelled, "2026-11-05", f"contract:{contract}", [Metric("success_ratio", 1), *seen], NOW)
    write_images(labelled, "2026-11-05", ["new"])
    write_audit(labelled, "2026-11-05")
    for contract, may_pass_later in (("seen", True), ("else", False)):
        result = promote_dataset(labelled, gates=[f"contract:{contract}/success_ratio == 1"], partition_keys=["2026-11-05"])
        assert result.failure
        assert result.may_pass_later is may_pass_later


def test_a_check_that_has_run_in_one_label_set_may_run_in_the_others(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    write_images(dataset, "p", ["a"])
    for label_set in ("x", "y"):
        write_annotations(dataset, "p", [("a", "cat")], label_set=label_set)
    for label_set, check in (("x", "tiny_bbox"), ("y", "zero_area_bbox")):
        looked_at = input_metrics(dataset, "p", dataset.snapshots(("annotations",)), {"annotations": [label_set]})
        write_metrics(dataset, "p", f"audit:{label_set}", [Metric("findings", 0, {"check": check, "severity": "error"}), *looked_at], NOW)
    result = promote_dataset(dataset, gates=["findings.tiny_bbox == 0"])
    assert str(result.failure).endswith("(findings.tiny_bbox is missing in p)")
    assert result.may_pass_later


def test_what_is_handed_in_is_final(labelled: Dataset) -> None:
    write_images(labelled, "2026-11-07", ["ingested, but not audited"])
    assert not promote_dataset(labelled, gates=["unaudited_partitions == 0"], metrics={"unaudited_partitions": 3}).may_pass_later


def test_a_step_s_number_is_asked_of_partitions_with_images_alone(labelled: Dataset) -> None:
    write_annotations(labelled, "labels alone", [("2026-11-05-0", "cat")])
    write_audit(labelled, "labels alone")
    write_metrics(labelled, "labels alone", "label_import:x", [Metric("files", 1)], NOW)
    assert not promote_dataset(labelled, gates=["label_import:x/files == 1"]).may_pass_later
    write_metrics(labelled, "2026-11-05", "label_import:y", [Metric("files", 1)], NOW)
    assert str(promote_dataset(labelled, gates=["label_import:y/files == 1"]).failure).endswith("is missing in 2026-11-06)")


def test_what_stops_the_stage_whatever_audits_find_is_final(labelled: Dataset) -> None:
    describe_dataset(labelled, stages=["staging", "production"])
    write_images(labelled, "2026-11-07", ["ingested, but not audited"])
    assert promote_dataset(labelled, stage="staging", gates=["findings.error == 0"]).may_pass_later
    assert not promote_dataset(labelled, gates=["findings.error == 0"]).may_pass_later
    assert not promote_dataset(labelled, partition_keys=["2026-11-07"], leave_out_unaudited=True).may_pass_later
    promote_dataset(labelled, stage="staging")
    refused = promote_dataset(labelled, release="staging", gates=["findings.error == 0"])
    assert "no audit has looked at 2026-11-07 in every label set)" in str(refused.failure), "leave_out_unaudited does not go with release="


def test_a_check_that_has_not_run_everywhere_yet_is_named_with_the_partitions_that_lack_it(labelled: Dataset) -> None:
    write_audit(labelled, "2026-11-05", "tiny_bbox", audit="boxes")
    result = promote_dataset(labelled, gates=["findings.tiny_bbox == 0", "findings.error == 0"])
    assert result.failure is not None
    assert result.failure.endswith("(findings.tiny_bbox is missing in 2026-11-06)")
    assert result.may_pass_later
    write_audit(labelled, "2026-11-06", "tiny_bbox", audit="boxes")
    assert promote_dataset(labelled, gates=["findings.tiny_bbox == 0"]).failure is None
