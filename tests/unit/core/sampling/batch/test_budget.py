from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.sampling.batch.budget import budget_of
from airflow_cv_dataops.core.sampling.batch.groups import Groups
from airflow_cv_dataops.core.sampling.batch.quotas import check_quotas, quota_of


def test_an_image_costs_by_its_expected_boxes_and_one_at_least():
    boxes = np.array([0.0, 0.4, 2.5])
    assert budget_of(10).costs(boxes).tolist() == [1_000_000] * 3
    assert budget_of(10, "boxes").costs(boxes).tolist() == [1_000_000, 1_000_000, 2_500_000]
    assert budget_of(10, "minutes", {"image": 0.1, "box": 0.25}).costs(boxes).tolist() == [350_000, 350_000, 725_000]


def test_ten_tenths_are_one():
    budget = budget_of(1.0, "money", {"image": 0.1})
    assert int(budget.costs(np.zeros(10)).sum()) == budget.parts


def test_a_budget_says_itself():
    assert budget_of(50).in_words() == "50 images"
    assert budget_of(2.5, "minutes", {"box": 1}).in_words() == "2.5 minutes, at 0 an image and 1 a box"


@pytest.mark.parametrize(
    "given",
    [
        {"amount": 0},
        {"amount": 1.5},
        {"amount": True},
        {"amount": float("nan"), "unit": "minutes", "cost": {"image": 1}},
        {"amount": 5, "unit": "hours"},
        {"amount": 5, "unit": "minutes"},
        {"amount": 5, "unit": "minutes", "cost": {"picture": 1}},
        {"amount": 5, "unit": "minutes", "cost": {"image": 0, "box": 0}},
        {"amount": 5, "unit": "minutes", "cost": {"image": -1}},
        {"amount": 5, "unit": "images", "cost": {"image": 1}},
    ],
)
def test_a_budget_that_cannot_be_kept_is_refused(given):
    with pytest.raises(ConfigurationError, match=r"budget|cost"):
        budget_of(given["amount"], given.get("unit", "images"), given.get("cost"))


@pytest.mark.parametrize(
    "given", [5, {"folder": 5}, {"source": 0}, {"source": 1.5}, {"category": {"dog": "many"}}, {"category": {"dog": True}}]
)
def test_quotas_that_say_nothing_are_refused(given):
    with pytest.raises(ConfigurationError, match="max_per"):
        check_quotas("max_per", given)


def test_a_share_needs_a_budget_in_images():
    with pytest.raises(ConfigurationError, match="budget in images"):
        quota_of("source", Groups.of_values(pa.array(["a"])), 0.5, None, None)
