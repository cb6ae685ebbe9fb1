"""The score and the strategy that the pages show work as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sampling_rows import KEY, image, manifest_of, output, write

from airflow_cv_dataops.core.sampling.sample import sample_hard_examples
from airflow_cv_dataops.core.sampling.scores.score import Score
from airflow_cv_dataops.core.sampling.strategies.strategy import Strategy

pytestmark = pytest.mark.integration

PROJECT = Path(__file__).resolve().parents[2]


def units_of(page: str) -> dict[str, Score | Strategy]:
    blocks = re.findall(r"^```python\n(.*?)^```$", (PROJECT / page).read_text(), re.MULTILINE | re.DOTALL)
    found: dict[str, object] = {}
    for block in blocks:
        if "@sampling_" in block:
            exec(block.split("\nHardExampleSamplingOperator(")[0], found)
    return {name: value for name, value in found.items() if isinstance(value, (Score, Strategy))}


@pytest.mark.parametrize(("page", "strategy", "wanted"), [("CONTRIBUTING.md", "every_second", "b"), ("docs/sampling.md", "easiest", "c")])
def test_the_score_and_the_strategy_of_a_page_run(make_dataset, page, strategy, wanted):
    dataset = make_dataset("photos")
    write(dataset, "images", [image(name, brightness=bright) for name, bright in (("a", 0.1), ("b", 0.4), ("c", 0.9), ("d", None))])
    write(dataset, "predictions", [output(name, cat=0.6) for name in "abcd"], owner="m")
    units = units_of(page)
    assert {"darkness", strategy} <= set(units)
    result = sample_hard_examples(dataset, KEY, custom=list(units.values()), strategy=strategy, scores={"darkness": 1}, budget=1)
    [entry] = manifest_of(result)
    assert entry["image_id"] == wanted
    assert any(reason.startswith("dark: ") for reason in entry["reasons"])
    assert result.summary.counts["without_score"] == 1, "the image of which nobody knows how dark it is"
