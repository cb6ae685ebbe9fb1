"""What a stored ``classes`` value says, to every step that reads predictions."""

from __future__ import annotations

import pytest

from airflow_cv_dataops.core.predictions.batches import stored_classes


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('["cat", "dög"]', ["cat", "dög"]),
        ("[]", []),
        (None, []),
        ("", []),
        ("cat, dog", []),
        ('{"cat": 0}', []),
        ('["cat", 1]', []),
        ('["cat", "cat"]', []),
        ('[["cat"]]', []),
        ("[" * 100_000, []),
    ],
    ids=lambda value: str(value)[:20],
)
def test_class_names_are_those_of_an_array_of_distinct_strings(text: str | None, names: list[str]) -> None:
    assert stored_classes(text) == names
