"""The batch against its pool: shares, bars, limits, and the difference in words that hold."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops.core.sampling.report.compared import against_pool, compared_html
from airflow_cv_dataops.core.sampling.report.values import Distribution


def rows(html: str) -> list[str]:
    found = re.findall(r"<tr>(<th scope=\"row\".*?)</tr>", html, re.DOTALL)
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", row)).strip() for row in found]


def widths(html: str, side: str) -> list[float]:
    return [float(width) for width in re.findall(rf'<rect class="{side}" width="([\d.]+)"', html)]


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ((300, 20, 400, 50), ("under", "0.53 times its pool share")),  # 37.5 in proportion
        ((30, 18, 400, 50), ("over", "4.8 times its pool share")),  # 3.75 in proportion
        ((4, 30, 4_000, 50), ("over", "600 times its pool share")),
        ((300, 38, 400, 50), ("even", "as in the pool")),  # half an image more
        ((4, 1, 400, 50), ("even", "as in the pool")),  # half an image in proportion: twice its share says nothing
        ((4, 0, 400, 50), ("even", "as in the pool")),
        ((40, 0, 400, 50), ("under", "none in the batch; 5 would be proportionate")),
        ((0, 2, 400, 50), ("over", "not in the pool")),
        ((0, 0, 400, 50), ("none", "neither in the pool nor in the batch")),
        ((40, 0, 400, 0), ("none", "")),  # an empty batch is compared with nothing
        ((0, 3, 0, 3), ("none", "")),
    ],
)
def test_the_difference_in_words(counts, found):
    assert against_pool(*counts) == found


@given(st.integers(1, 10**6), st.integers(0, 10**4), st.integers(0, 10**6), st.integers(0, 10**4))
def test_over_and_under_are_told_only_of_a_whole_image_or_more(pool, batch, other_pool, other_batch):
    kind, _ = against_pool(pool, batch, pool + other_pool, batch + other_batch)
    if batch + other_batch:
        more = batch - (batch + other_batch) * pool / (pool + other_pool)
        assert kind == ("even" if abs(more) < 1 else "over" if more > 0 else "under")


def test_values_stand_in_the_order_of_the_pool_with_both_shares_on_one_scale():
    html = compared_html(Distribution("category", {"WBC": 100, "RBC": 300}, {"WBC": 30, "RBC": 10}, {"RBC": "at most 10"}))
    assert rows(html) == [
        "RBC at most 10 pool 75% (300) batch 25% (10) 0.33 times its pool share",
        "WBC pool 25% (100) batch 75% (30) 3 times its pool share",
    ]
    assert (widths(html, "pool"), widths(html, "batch")) == ([200, 66.7], [66.7, 200])
    assert "pool, 400" in html
    assert "batch, 40" in html


def test_days_stand_in_the_order_of_their_dates_whatever_their_shares():
    pool = {"2026-11-07": 10, "2026-11-05": 30, "unknown": 5, "2026-11-06": 20}
    days = rows(compared_html(Distribution("capture day", pool, {"2026-11-06": 4}, is_ordered=True)))
    assert [row.split()[0] for row in days] == ["2026-11-05", "2026-11-06", "2026-11-07", "unknown"]


def test_of_many_values_twenty_are_shown_and_the_rest_is_counted():
    pool = {f"{number:02}": 100 - number for number in range(30)}
    html = compared_html(Distribution("source", pool, {"00": 5, "29": 2}))
    shown = rows(html)
    assert [row.split()[0] for row in shown[:-1]] == [f"{number:02}" for number in range(20)]
    assert shown[-1] == "10 more pool 29% (755) batch 29% (2) as in the pool"
    assert ": 20 of 30<" in html


def test_a_value_with_a_limit_is_shown_though_it_is_rare_or_absent():
    pool = {f"{number:02}": 100 - number for number in range(30)}
    limits = {"29": "at least 3", "Blasts": "at least 5"}
    shown = rows(compared_html(Distribution("category", pool, {"00": 5}, limits)))
    assert len(shown) == 21
    assert shown[18].startswith("29 at least 3 pool")
    assert shown[19] == "Blasts at least 5 pool 0% (0) batch 0% (0) neither in the pool nor in the batch"


def test_values_of_which_an_image_may_have_several_are_shares_of_the_images():
    html = compared_html(Distribution("category", {"RBC": 8, "WBC": 4}, {"RBC": 3, "WBC": 3}, images=(10, 4), note="Of every <category>."))
    assert rows(html) == ["RBC pool 80% (8) batch 75% (3) as in the pool", "WBC pool 40% (4) batch 75% (3) 1.9 times its pool share"]
    assert "pool, 10<" in html
    assert "batch, 4<" in html
    assert "Of every &lt;category&gt;." in html


def test_the_rest_of_values_of_which_an_image_may_have_several_is_not_counted():
    pool = {f"{number:02}": 100 - number for number in range(30)}
    html = compared_html(Distribution("category", pool, {"00": 5}, images=(100, 5)))
    assert rows(html)[-1] == "10 more"
    assert ": 20 of 30<" in html


def test_nothing_to_compare_makes_no_figure():
    assert compared_html(Distribution("source", {}, {})) == ""


def test_an_empty_batch_shows_the_pool_alone():
    assert rows(compared_html(Distribution("source", {"a": 4}, {}))) == ["a pool 100% (4) batch 0% (0)"]
