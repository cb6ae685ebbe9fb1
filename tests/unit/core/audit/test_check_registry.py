from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_cv_dataops.core.audit.check import Check, enabled_checks
from airflow_cv_dataops.core.audit.checks import BUILT_IN
from airflow_cv_dataops.core.audit.data import AuditThresholds, group_codes
from airflow_cv_dataops.core.audit.docs import checks_markdown
from airflow_cv_dataops.core.errors import ConfigurationError

DOCS = Path(__file__).resolve().parents[4] / "docs" / "checks.md"


def test_severities_and_disabled_checks_go_by_id():
    enabled = {check.id: severity for check, severity in enabled_checks(BUILT_IN, ("duplicate_id",), {"zero_area_bbox": "warning"})}
    assert "duplicate_id" not in enabled
    assert enabled["zero_area_bbox"] == "warning"
    assert enabled["negative_bbox"] == "error"


@pytest.mark.parametrize(
    ("checks", "disabled", "severities", "says"),
    [
        (BUILT_IN, ("zero_area_box",), {}, "zero_area_box"),
        (BUILT_IN, "zero_area_bbox", {}, "list of check ids"),
        (BUILT_IN, (), {"nope": "error"}, "nope"),
        (BUILT_IN, (), {"zero_area_bbox": "fatal"}, "fatal"),
        ((*BUILT_IN, BUILT_IN[0]), (), {}, "given twice"),
    ],
)
def test_a_check_or_severity_that_does_not_exist_is_refused(checks, disabled, severities, says):
    with pytest.raises(ConfigurationError, match=says):
        enabled_checks(checks, disabled, severities)


@pytest.mark.parametrize(
    "changed", [{"id": "Not An Id"}, {"default_severity": "bad"}, {"reads": ("images.nope",)}, {"reads": ("findings.check",)}]
)
def test_a_check_that_cannot_work_is_refused_when_it_is_made(changed):
    arguments = {"id": "mine", "default_severity": "error", "meaning": "", "fix": "", "run": lambda data: None}
    with pytest.raises(ConfigurationError):
        Check(**{**arguments, **changed})


@pytest.mark.parametrize("wrong", [{"duplicate_iou": 0.1}, {"bbox_outside_px": -1}, {"bbox_side_px": float("nan")}])
def test_thresholds_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        AuditThresholds(**wrong)


def test_every_built_in_check_accepts_an_empty_partition(audit_input):
    data = audit_input([], images=[])
    assert [check.id for check in BUILT_IN if check.run(data) is not None] == []


def test_group_codes_are_equal_exactly_where_all_columns_are():
    import pyarrow as pa

    codes = group_codes(pa.chunked_array([["a", None], ["a", "b"]]), pa.chunked_array([["x", "x", "x"], [None]]))
    assert codes[0] == codes[2]
    assert len(set(codes.tolist())) == 3


def test_the_table_of_checks_in_the_docs_is_up_to_date():
    assert checks_markdown() in DOCS.read_text(), "paste the output of checks_markdown()"


def test_the_docs_example_of_a_check_finds_what_it_says(audit_input, flagged):
    example = re.search(r"```python\n(.*?)```", DOCS.read_text(), re.S).group(1)
    assert len(example.strip().splitlines()) <= 20
    names: dict = {}
    exec(example, names)
    assert [check.id for check in names["MY_CHECKS"][:-1]] == [check.id for check in BUILT_IN]
    found = names["TINY_BBOX"].run(audit_input([{"bbox": (1, 1, 3, 3)}, {"bbox": (1, 1, 30, 30)}]))
    assert flagged(found) == ["0"]
    assert found["message"].to_pylist() == ["box of 3 x 3 px is too small to train on"]


def test_the_audit_and_sampling_modules_import_nothing_heavy():
    code = (
        "import sys, airflow_cv_dataops.core.audit.audit, airflow_cv_dataops.core.audit.docs, airflow_cv_dataops.core.sampling.sample;"
        "heavy = {'numpy', 'pandas', 'pyarrow', 'PIL', 'pyiceberg', 'obstore', 'airflow'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
