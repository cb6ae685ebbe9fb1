"""What gates find: beside the previous release, slice by slice, and where there is nothing to look at."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_cv_dataops.core.release.gates.gates import Gate, GateOutcome, parse_gates

BEFORE = {"images": 1000, "annotations": 40, "annotations[category=go]": 20, "annotations[category=stop]": 20, "label_error_rate": 0.02}
NOW = {"images": 940, "annotations": 39, "annotations[category=go]": 20, "annotations[category=stop]": 19, "label_error_rate": 0.03}


def checked(gate: str, now: dict[str, Any], before: dict[str, Any] | None = None) -> GateOutcome:
    return parse_gates([gate])[0].check(now, before)


@pytest.mark.parametrize(
    ("gate", "wanted", "passed"),
    [
        ("images >= 0.95 * previous", 950, False),
        ("images >= 0.9 * previous", 900, True),
        ("images >= previous", 1000, False),
        ("images >= previous - 60", 940, True),
        ("images > previous - 60", 940, False),
        ("images <= previous + 5", 1005, True),
        ("label_error_rate <= previous", 0.02, False),
        ("label_error_rate <= previous * 2", 0.04, True),
    ],
)
def test_a_relative_gate_compares_with_the_previous_release(gate: str, wanted: float, passed: bool) -> None:
    outcome = checked(gate, NOW, BEFORE)
    assert (outcome.wanted, outcome.passed, outcome.stops) == (pytest.approx(wanted), passed, not passed)
    assert outcome.previous == BEFORE[outcome.gate.metric]


def test_a_relative_gate_says_all_to_people_and_to_machines() -> None:
    outcome = checked("images >= 0.95 * previous", NOW, BEFORE)
    assert str(outcome) == "images: wanted >= 950 (0.95 * previous, which was 1000), found 940"
    assert outcome.to_dict() == {
        "metric": "images",
        "op": ">=",
        "wanted": 950,
        "found": 940,
        "passed": False,
        "gate": "images >= 0.95 * previous",
        "previous": 1000,
    }


def test_before_the_first_release_a_relative_gate_is_met_and_says_so() -> None:
    for gate in ("images >= 0.95 * previous", "annotations[category=*] >= previous", "annotations[category=stop] >= previous"):
        outcome = checked(gate, NOW, None)
        assert outcome.passed
        assert outcome.wanted is None
        assert outcome.note == "the stage has no release yet: nothing to compare with"


def test_before_the_first_release_a_mistyped_metric_fails_nevertheless() -> None:
    for gate in (
        "imags >= previous",
        "annotations[catgory=*] >= previous",
        "anotations[category=*] >= previous",
        "nonsense[a=*] >= previous",
    ):
        assert checked(gate, NOW, None).stops


def test_a_previous_release_without_the_metric_fails_a_relative_gate() -> None:
    for gate in ("label_error_rate <= previous", "annotations[category=stop] >= previous", "annotations[category=*] >= previous"):
        outcome = checked(gate, NOW, {"images": 5})
        assert outcome.stops
        assert "the previous release has no such metric" in str(outcome)


def test_of_several_values_the_worst_now_is_compared_with_the_worst_before() -> None:
    gate = "audit:a/label_error_rate <= previous"
    assert checked(gate, {"audit:a/label_error_rate": [0.1, 0.2]}, {"audit:a/label_error_rate": [0.2, 0.05]}).passed
    assert not checked(gate, {"audit:a/label_error_rate": [0.1, 0.3]}, {"audit:a/label_error_rate": [0.2, 0.05]}).passed


def test_what_is_too_large_to_compare_with_fails() -> None:
    assert checked("m >= 1e308 * previous", {"m": 1}, {"m": 1e10}).stops


def test_no_category_may_lose_more_than_a_share() -> None:
    gate = "annotations[category=*] >= 0.95 * previous"
    assert checked(gate, NOW, BEFORE).passed
    outcome = checked(gate, NOW | {"annotations[category=go]": 18, "annotations[category=stop]": 12}, BEFORE)
    assert (outcome.found, outcome.wanted, outcome.previous) == (12, 19, 20)
    assert (outcome.slice, outcome.slices, outcome.failed_slices) == ("stop", 2, 2)
    assert str(outcome) == ("annotations[category=*]: wanted >= 19 (0.95 * previous, which was 20), found 12 in 'stop' (2 of 2 fail)")
    assert {key: outcome.to_dict()[key] for key in ("slice", "slices", "failed_slices")} == {
        "slice": "stop",
        "slices": 2,
        "failed_slices": 2,
    }


def test_the_worst_slice_is_that_which_lost_the_largest_share() -> None:
    before = {"annotations": 1_000_020, "annotations[category=many]": 1_000_000, "annotations[category=few]": 20}
    now = {"annotations": 900_001, "annotations[category=many]": 900_000, "annotations[category=few]": 1}
    assert checked("annotations[category=*] >= 0.95 * previous", now, before).slice == "few"


@pytest.mark.parametrize("gate", ["annotations[category=*] >= 0.95 * previous", "annotations[category=*] >= 1"])
def test_a_category_that_has_vanished_counts_nothing_and_fails(gate: str) -> None:
    outcome = checked(gate, {"annotations": 20, "annotations[category=go]": 20}, BEFORE)
    assert (outcome.stops, outcome.found, outcome.slice, outcome.failed_slices) == (True, 0, "stop", 1)


def test_where_all_labels_have_gone_every_category_counts_nothing() -> None:
    outcome = checked("annotations[category=*] >= 0.95 * previous", {"annotations": 0}, BEFORE)
    assert (outcome.stops, outcome.found, outcome.failed_slices) == (True, 0, 2)


def test_a_new_category_has_nothing_to_lose() -> None:
    now = NOW | {"annotations[category=yield]": 1}
    assert checked("annotations[category=*] >= 0.95 * previous", now, BEFORE).passed
    assert checked("annotations[category=yield] >= 0.95 * previous", now, BEFORE).passed


def test_without_any_label_no_category_can_have_lost_any_but_none_was_shown_to_be_large_enough() -> None:
    none = {"annotations": 0}
    assert checked("annotations[category=*] >= 0.95 * previous", none, none).passed
    assert checked("annotations[category=*] >= 0.95 * previous", none, None).passed
    assert checked("annotations[category=*] >= 100", none, none).stops


def test_slices_that_nobody_measured_are_no_empty_slices() -> None:
    outcome = checked("annotations[category=*] >= 0.95 * previous", {"annotations": 39}, BEFORE)
    assert (outcome.stops, outcome.found) == (True, None)


def test_one_slice_that_is_not_there_counts_nothing_and_a_like_name_is_offered() -> None:
    outcome = checked("annotations[category=stopp] >= 100", NOW)
    assert (outcome.stops, outcome.found) == (True, 0)
    assert str(outcome) == "annotations[category=stopp]: wanted >= 100, found 0; there is no category 'stopp'; did you mean stop?"
    assert checked("annotations[category=unknown] == 0", NOW).passed


RATES = {"images[source=a]": 5, "images[source=b]": 5, "label_error_rate[source=a]": 0.01, "label_error_rate[source=b]": 0.04}


def test_a_ratio_must_hold_in_every_source() -> None:
    outcome = checked("label_error_rate[source=*] <= 0.03", RATES)
    assert (outcome.stops, outcome.found, outcome.slice, outcome.failed_slices) == (True, 0.04, "b", 1)


def test_a_ratio_of_what_is_no_longer_there_is_none_and_said() -> None:
    now = {"images[source=a]": 5, "label_error_rate[source=a]": 0.01}
    outcome = checked("label_error_rate[source=*] <= previous", now, RATES)
    assert (outcome.passed, outcome.slices, outcome.note) == (True, 1, "no longer there: 'b'")


def test_a_ratio_that_is_no_longer_known_of_what_is_there_fails() -> None:
    now = {"images[source=a]": 5, "images[source=b]": 5, "label_error_rate[source=a]": 0.01}
    outcome = checked("label_error_rate[source=*] <= 0.05", now, RATES)
    assert (outcome.stops, outcome.found, outcome.slice) == (True, None, "b")
    assert "not known of 'b', which is there" in str(outcome)


def test_a_ratio_of_a_new_source_has_nothing_to_be_compared_with() -> None:
    now = RATES | {"images[source=c]": 5, "label_error_rate[source=c]": 0.9}
    outcome = checked("label_error_rate[source=*] <= previous", now, RATES)
    assert (outcome.passed, outcome.note) == (True, "new, with nothing to compare with: 'c'")


def test_a_value_handed_in_is_sliced_however_its_name_is_written() -> None:
    handed_in = {"map50[class=traffic light]": 0.3, "map50[class=stop]": 0.6}
    assert checked("map50[class=traffic light] >= 0.5", handed_in).found == 0.3
    assert checked("map50[class=*] >= 0.5", handed_in).slice == "traffic light"


def test_a_warning_is_reported_and_stops_nothing() -> None:
    outcome = checked("warn: images >= previous", NOW, BEFORE)
    assert (outcome.passed, outcome.stops) == (False, False)
    assert outcome.to_dict()["severity"] == "warning"
    assert outcome.to_dict()["gate"] == "warn: images >= previous"


@pytest.mark.parametrize(
    ("gate", "found"),
    [
        ("label_eror_rate <= 0.05", "no such metric; did you mean label_error_rate?"),
        ("imags >= 5", "no such metric; did you mean images?"),
        ("anotations[category=stop] >= 5", "no such metric; did you mean annotations?"),
        ("annotations[catgory=stop] >= 5", "no such metric; annotations is measured by split, category, source"),
        ("labelled_ratio[category=stop] >= 5", "no such metric; labelled_ratio is measured by split, source"),
        ("label_error_rate[source=a] <= 5", "no such metric; it was not measured here"),
        ("findings.suspect_label == 0", "no such metric; this check has not run in every partition, or had nothing to look at in any"),
        ("findings.suspect_lable == 0", "no such metric; did you mean findings.suspect_label?"),
        ("audit:label_audit/label_eror_rate == 0", "no such metric; did you mean audit:label_audit/label_error_rate?"),
        ("map50 >= 0.5", "no such metric"),
    ],
)
def test_a_metric_that_is_absent_is_told_apart_from_a_slip_of_the_pen(gate: str, found: str) -> None:
    now = NOW | {"audit:label_audit/label_error_rate": [0.1]}
    assert str(checked(gate, now)).partition("found ")[2] == found


def test_without_audits_the_note_says_why_nothing_is_known() -> None:
    outcome = Gate("label_error_rate", "<=", 0.05).check({"images": 5})
    assert "audited" in outcome.to_dict()["note"]
    assert str(outcome) == "label_error_rate: wanted <= 0.05, found no such metric"


def test_ten_thousand_categories_are_compared_one_by_one() -> None:
    before = {"annotations": 200_000} | {f"annotations[category=c{number}]": 20 for number in range(10_000)}
    outcome = checked("annotations[category=*] >= 0.95 * previous", before | {"annotations[category=c77]": 1}, before)
    assert (outcome.slice, outcome.slices, outcome.failed_slices) == ("c77", 10_000, 1)
