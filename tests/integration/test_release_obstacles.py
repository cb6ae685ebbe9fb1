"""What keeps a stage where it is although every gate holds; and gates that compare with what it holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from unit.core.release.release_rows import annotation_id, write_annotations, write_audit, write_findings, write_images

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.release.describe import describe_dataset
from airflow_cv_dataops.core.release.lookup import read_release
from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.release.rollback import rollback_stage
from airflow_cv_dataops.core.store.dataset import Dataset

MakeDataset = Callable[..., Dataset]


def promoted(dataset: Dataset, **more: Any) -> dict[str, Any]:
    result = promote_dataset(dataset, **more)
    assert result.failure is None, result.failure
    return result.summary.to_dict()


def refusal(dataset: Dataset, **more: Any) -> str:
    result = promote_dataset(dataset, **more)
    assert result.failure is not None
    assert not result.skip
    return result.failure


@pytest.fixture
def days(make_dataset: MakeDataset) -> Dataset:
    """Three days with two labelled images each."""
    dataset = make_dataset()
    for day in ("2026-11-05", "2026-11-06", "2026-11-07"):
        write_images(dataset, day, [f"{day}a", f"{day}b"])
        write_annotations(dataset, day, [(f"{day}a", "cat"), (f"{day}b", "dog")])
        write_audit(dataset, day, "some_check")
    return dataset


def test_a_stage_never_moves_back_in_time_unless_it_is_told_to(days: Dataset) -> None:
    promoted(days)
    why = refusal(days, partition_keys=["2026-11-05", "2026-11-06"])
    assert "its newest partition is 2026-11-06, and v1, where the stage is, has 2026-11-07" in why
    assert "allow_backwards" in why
    assert promoted(days, partition_keys=["2026-11-05", "2026-11-06"], allow_backwards=True)["release"] == "v2"
    assert promoted(days)["release"] == "v3"
    assert "v1 is older than v3" in refusal(days, release="v1")
    assert promoted(days, release="v1", allow_backwards=True)["release"] == "v1"


def test_a_promotion_that_would_go_back_is_skipped_where_that_is_wanted(days: Dataset) -> None:
    """A second pass over days that are promoted one by one: only where gates hold, and the last day takes what is new."""
    first = ["2026-11-05"]
    promoted(days, partition_keys=first, on_backwards="skip")
    promoted(days, on_backwards="skip")
    write_annotations(days, "2026-11-05", [("2026-11-05a", "dog"), ("2026-11-05b", "dog")])
    write_audit(days, "2026-11-05", "some_check")
    result = promote_dataset(days, partition_keys=first, on_backwards="skip")
    assert result.skip
    assert result.failure is not None
    assert "its newest partition is 2026-11-05, and v2, where the stage is, has 2026-11-07" in result.failure
    assert "1 of 1 gates failed" in refusal(days, partition_keys=first, on_backwards="skip", gates=["images >= 3"])
    assert promote_dataset(days, release="v1", on_backwards="skip").skip
    assert promoted(days, on_backwards="skip")["release"] == "v3"
    assert promoted(days, partition_keys=first, on_backwards="skip", allow_backwards=True)["release"] == "v4"
    with pytest.raises(ConfigurationError, match="on_backwards='wait'"):
        promote_dataset(days, on_backwards="wait")


def test_days_that_are_filled_in_later_are_no_step_back_and_other_keys_have_no_time(days: Dataset, make_dataset: MakeDataset) -> None:
    promoted(days, partition_keys=["2026-11-07"])
    assert promoted(days)["release"] == "v2"
    sites = make_dataset("sites")
    for site in ("paris", "munich"):
        write_images(sites, site, [site])
    promoted(sites)
    assert promoted(sites, partition_keys=["munich"])["release"] == "v2"


def test_an_older_day_with_the_same_images_is_no_step_back(make_dataset: MakeDataset) -> None:
    """It takes over to stand for them: the newest day has its files all the same."""
    dataset = make_dataset()
    write_images(dataset, "2026-11-30", ["a30", "b30"], contents={"a30": "a", "b30": "b"})
    promoted(dataset)
    write_images(dataset, "2026-11-08", ["a08", "b08", "new"], contents={"a08": "a", "b08": "b"})
    assert promoted(dataset)["release"] == "v2"


def test_where_days_of_the_release_are_being_worked_on_the_promotion_is_skipped(days: Dataset) -> None:
    """Runs of a backfill side by side: the run that audits the newest day promotes it."""
    promoted(days, leave_out_unaudited=True)
    write_annotations(days, "2026-11-07", [("2026-11-07a", "dog"), ("2026-11-07b", "dog")])
    result = promote_dataset(days, leave_out_unaudited=True, gates=["images >= 0.95 * previous"])
    assert result.skip, "what a gate finds of a part says nothing"
    assert result.failure is not None
    assert "no audit has looked at 2026-11-07 of v1 as they are by now: whoever does will promote them" in result.failure
    write_audit(days, "2026-11-07", "some_check")
    assert promoted(days, leave_out_unaudited=True)["release"] == "v2"


def test_gates_compare_with_the_release_that_the_stage_holds(days: Dataset) -> None:
    gates = ["images >= 0.95 * previous", "annotations[category=*] >= 0.95 * previous", "warn: images >= previous + 1"]
    summary = promoted(days, gates=gates)
    assert [gate["passed"] for gate in summary["gates"]] == [True, True, True]
    assert "no release yet" in summary["gates"][0]["note"]

    write_annotations(days, "2026-11-06", [("2026-11-06a", "cat")])
    write_audit(days, "2026-11-06", "some_check")
    why = refusal(days, gates=gates)
    assert "1 of 3 gates failed" in why
    assert "found 2 in 'dog'" in why
    summary = promoted(days, gates=["images >= 0.95 * previous", "warn: images >= previous + 1"])
    assert [gate["passed"] for gate in summary["gates"]] == [True, False], "a gate that only warns stops nothing"
    assert summary["gates"][1]["severity"] == "warning"


def test_slices_are_measured_by_category_split_and_source_and_kept_with_the_release(days: Dataset) -> None:
    write_findings(days, "2026-11-05", ("some_check", "error", annotation_id("2026-11-05", 0)))
    write_audit(days, "2026-11-05", "some_check")
    promoted(days, splits={"all": 1.0})
    measured = read_release(days, "production").measured()
    assert measured is not None
    expected = {
        "images[category=cat]": 3,
        "annotations[category=dog]": 3,
        "label_error_rate[category=cat]": pytest.approx(1 / 3),
        "label_error_rate[category=dog]": 0,
        "images[split=all]": 6,
        "labelled_ratio[split=all]": 1,
        "categories[split=all]": 2,
        "images[source=s3://landing]": 6,
        "annotations[source=s3://landing]": 6,
    }
    assert {name: measured[name] for name in expected} == expected


def test_a_metric_that_was_handed_in_is_compared_with_that_of_the_release_before(days: Dataset) -> None:
    promoted(days, metrics={"map50": 0.7}, gates=["map50 >= 0.5"])
    write_images(days, "2026-11-08", ["new"])
    assert "map50: wanted >= 0.7 (previous, which was 0.7), found 0.6" in refusal(days, metrics={"map50": 0.6}, gates=["map50 >= previous"])
    assert promoted(days, metrics={"map50": 0.8}, gates=["map50 >= previous"])["release"] == "v2"


def test_a_release_of_a_version_that_recorded_no_metrics_is_measured_for_the_comparison(
    days: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_cv_dataops.core.release.reader import Release

    promoted(days)
    monkeypatch.setattr(Release, "measured", lambda self: None)
    write_images(days, "2026-11-08", ["new"])
    why = refusal(days, gates=["annotations[category=cat] >= previous + 1"])
    assert "wanted >= 4 (previous + 1, which was 3), found 3" in why


def rolled_back(dataset: Dataset, **more: Any) -> None:
    result = rollback_stage(dataset, reason="labels of the 7th are shifted", **more)
    assert result.failure is None, result.failure


@pytest.fixture
def taken_back(days: Dataset) -> Dataset:
    """Production is back at v1, without the 7th, after v2 had it."""
    promoted(days, partition_keys=["2026-11-05", "2026-11-06"])
    promoted(days)
    rolled_back(days)
    return days


def test_the_next_promotion_does_not_bring_back_what_was_rolled_back(taken_back: Dataset) -> None:
    why = refusal(taken_back)
    assert "It holds what v2 held, which was rolled back on" in why
    assert '"labels of the 7th are shifted"' in why
    assert "allow_rolled_back=True" in why
    write_images(taken_back, "2026-11-08", ["another day"])
    write_audit(taken_back, "2026-11-08", "some_check")
    assert "Partition 2026-11-07 is as it was in v2" in refusal(taken_back)
    assert "It holds what v2 held" in refusal(taken_back, release="v2")


def test_data_that_was_mended_may_come(taken_back: Dataset) -> None:
    write_annotations(taken_back, "2026-11-07", [("2026-11-07a", "dog"), ("2026-11-07b", "dog")])
    write_audit(taken_back, "2026-11-07", "some_check")
    assert promoted(taken_back)["release"] == "v3"
    write_annotations(taken_back, "2026-11-07", [("2026-11-07a", "cat"), ("2026-11-07b", "dog")])
    write_audit(taken_back, "2026-11-07", "some_check")
    assert "It holds what v2 held" in refusal(taken_back), "it is remembered until somebody says otherwise"
    assert promoted(taken_back, allow_rolled_back=True)["release"] == "v4"
    write_images(taken_back, "2026-11-08", ["another day"])
    assert promoted(taken_back)["release"] == "v5", "and once they have, it is settled"


def test_labels_that_a_rule_leaves_out_do_not_come_back(taken_back: Dataset) -> None:
    write_findings(taken_back, "2026-11-07", ("some_check", "error", annotation_id("2026-11-07", 0)), images=["2026-11-07a"])
    write_audit(taken_back, "2026-11-07", "some_check")
    assert promoted(taken_back, exclude=["labels: error"])["release"] == "v3"


def test_without_the_partition_the_stage_moves_on_and_other_stages_are_free(taken_back: Dataset) -> None:
    write_images(taken_back, "2026-11-08", ["another day"])
    keys = ["2026-11-05", "2026-11-06", "2026-11-08"]
    assert promoted(taken_back, partition_keys=keys)["release"] == "v3"
    assert promoted(taken_back, stage="staging")["release"] == "v4"
    assert "Partition 2026-11-07 is as it was in v2" in refusal(taken_back, release="staging")


def test_a_rolled_back_release_that_had_lost_a_partition_is_not_brought_back_either(days: Dataset) -> None:
    promoted(days)
    promoted(days, partition_keys=["2026-11-06", "2026-11-07"])
    rolled_back(days)
    write_images(days, "2026-11-08", ["another day"])
    assert "Partition 2026-11-05 (absent, as there)" in refusal(days, partition_keys=["2026-11-06", "2026-11-07", "2026-11-08"])
    assert promoted(days)["release"] == "v3"


def test_stages_come_in_the_order_that_the_dataset_says(days: Dataset) -> None:
    describe_dataset(days, stages=["staging", "production"], cards=False)
    assert "promote to 'staging' first" in refusal(days)
    assert promoted(days, stage="other")["release"] == "v1", "a stage of no order is free"
    assert "'staging' has never held v1" in refusal(days, release="v1")
    promoted(days, stage="staging", partition_keys=["2026-11-05", "2026-11-06"])
    assert promoted(days, release="staging")["release"] == "v2"
    promoted(days, stage="staging")
    rolled_back(days, stage="staging")
    assert "'staging' was rolled back from v3" in refusal(days, release="v3")
    assert read_release(days, "production").name == "v2"
