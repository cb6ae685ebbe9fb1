"""Which checks and partitions are behind what a gate found."""

from __future__ import annotations

import pytest

from airflow_cv_dataops.core.release.gates.behind import Behind
from airflow_cv_dataops.core.release.gates.gates import parse_gates

BEHIND = Behind(
    findings={
        ("error", "zero_area_bbox", "2026-11-05"): 1,
        ("error", "zero_area_bbox", "2026-11-06"): 12,
        ("warning", "suspect_label", "2026-11-05"): 30,
        ("info", "tiny_bbox", "2026-11-07"): 500,
    },
    wrong={
        ("error", "zero_area_bbox", "2026-11-05"): 1,
        ("error", "zero_area_bbox", "2026-11-06"): 11,  # one of them is a contract's, which says nothing of a label
        ("warning", "suspect_label", "2026-11-05"): 30,
    },
    values={"ingest/reject_ratio": {"2026-11-05": 0.01, "2026-11-06": 0.2}, "health/images": {"2026-11-05": 3.0}},
)


@pytest.mark.parametrize(
    ("gate", "behind"),
    [
        ("findings.error == 0", "zero_area_bbox (13); partition 2026-11-06 (12), 2026-11-05 (1)"),
        ("findings.tiny_bbox <= 5", "partition 2026-11-07 (500)"),
        ("label_error_rate <= 0.02", "suspect_label (30), zero_area_bbox (12); partition 2026-11-05 (31), 2026-11-06 (11)"),
        (
            "findings <= 5",
            "tiny_bbox (500), suspect_label (30), zero_area_bbox (13); partition 2026-11-07 (500), 2026-11-05 (31), 2026-11-06 (12)",
        ),
        ("ingest/reject_ratio <= 0.1", "partition 2026-11-06"),
        ("ingest/reject_ratio >= 0.1", "partition 2026-11-05"),
        ("health/images >= 10", ""),
        ("images >= 10", ""),
        ("findings >= 1000", ""),
    ],
)
def test_the_largest_are_named(gate: str, behind: str) -> None:
    assert BEHIND.of(parse_gates([gate])[0]) == behind
