"""Findings: stable ids, and the policy that fails, warns or skips."""

from __future__ import annotations

import pyarrow as pa
import pytest

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.findings import Findings, failure_by_policy, findings_table


def found(*messages: str, check: str = "zero_area_bbox", severity: str = "error") -> Findings:
    return Findings(check, severity, pa.table({"image_id": [f"i{number}" for number in range(len(messages))], "message": list(messages)}))


def test_a_finding_has_the_columns_of_the_data_model_and_nulls_where_it_says_nothing() -> None:
    (row,) = findings_table("label_audit", [found("width is 0")]).to_pylist()
    assert (row["check"], row["severity"], row["image_id"], row["message"]) == ("zero_area_bbox", "error", "i0", "width is 0")
    assert (row["annotation_id"], row["score"], row["suggestion"]) == (None, None, None)


def test_ids_are_the_same_in_every_run_and_differ_between_audits_checks_and_places() -> None:
    def ids(audit: str, finding: Findings) -> list[str]:
        return findings_table(audit, [finding])["finding_id"].to_pylist()

    first = ids("a", found("x", "y"))
    assert ids("a", found("x", "y")) == first
    assert len({*first, *ids("b", found("x", "y")), *ids("a", found("x", "y", check="other"))}) == 6
    assert all(len(one) == 32 and set(one) <= set("0123456789abcdef") for one in first)


def test_two_equal_findings_have_two_ids() -> None:
    twice = Findings("c", "error", pa.table({"message": ["same", "same"]}))
    assert len(set(findings_table("a", [twice])["finding_id"].to_pylist())) == 2


def test_no_findings_are_an_empty_table_with_the_same_columns() -> None:
    assert findings_table("a", []).schema == findings_table("a", [found("x")]).schema
    assert findings_table("a", []).num_rows == 0


def test_an_unknown_severity_is_refused() -> None:
    with pytest.raises(
        ConfigurationError, match="Severity 'fatal' of check 'zero_area_bbox' is unknown: expected one of error, warning, info"
    ):
        found("x", severity="fatal")


COUNTS = {"error": 1_234, "warning": 2}


def test_findings_of_a_counted_severity_fail_and_say_how_many_and_where() -> None:
    failure, skip = failure_by_policy(COUNTS, on_findings="fail", fail_on=("error",), where="digits.findings")
    assert failure == "1,234 findings (1,234 of severity error); see digits.findings"
    assert not skip


def test_skip_says_the_same_and_skips() -> None:
    failure, skip = failure_by_policy(COUNTS, on_findings="skip", fail_on=("error", "warning"), where="there")
    assert failure == "1,236 findings (1,234 of severity error, 2 of severity warning); see there"
    assert skip


@pytest.mark.parametrize(("on_findings", "fail_on"), [("warn", ("error",)), ("fail", ("info",)), ("fail", ()), ("skip", ("info",))])
def test_nothing_fails_when_policy_does_not_count_it(on_findings: str, fail_on: tuple[str, ...]) -> None:
    assert failure_by_policy(COUNTS, on_findings=on_findings, fail_on=fail_on, where="there") == (None, False)


@pytest.mark.parametrize(("on_findings", "fail_on"), [("explode", ("error",)), ("fail", ("errors",))])
def test_an_unknown_policy_is_refused_even_when_there_is_nothing_to_fail(on_findings: str, fail_on: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError, match="unknown"):
        failure_by_policy({}, on_findings=on_findings, fail_on=fail_on, where="there")
