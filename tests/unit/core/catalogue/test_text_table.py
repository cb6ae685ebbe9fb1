"""Tables that fit a terminal, and words that do it no harm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops.core.catalogue.text_table import Column, table_lines
from airflow_cv_dataops.core.catalogue.words import ago, cells, cut, harmless, iso_minutes
from airflow_cv_dataops.core.wording import counted

NOW = datetime(2026, 11, 5, 8, 30, tzinfo=UTC)
TIMES = [("2 h ago, 2026-11-05 06:12 UTC", "2 h ago"), ("3 days ago, 2026-11-02 08:30 UTC", "3 days ago")]
COLUMNS = [
    Column("dataset", [("signs_of_the_road",), ("cells",)], cut_to=8),
    Column("images", [("1,000,000",), ("364",)], is_number=True),
    Column("labels\nwritten", TIMES, goes=1),
]


def test_what_fits_is_told_in_full_with_numbers_to_the_right() -> None:
    assert table_lines(COLUMNS, None) == [
        "                              labels",
        "dataset               images  written",
        "signs_of_the_road  1,000,000  2 h ago, 2026-11-05 06:12 UTC",
        "cells                    364  3 days ago, 2026-11-02 08:30 UTC",
    ]


def test_in_less_width_times_are_told_shorter_then_names_are_cut_then_columns_go() -> None:
    assert table_lines(COLUMNS, 50)[2:] == ["signs_of_the_road  1,000,000  2 h ago", "cells                    364  3 days ago"]
    assert table_lines(COLUMNS, 34)[2:] == ["signs_of_t…  1,000,000  2 h ago", "cells              364  3 days ago"]
    assert table_lines(COLUMNS, 25) == [
        "dataset            images",
        "signs_of_the_…  1,000,000",
        "cells                 364",
        "(labels written: in a wider terminal, or --json)",
    ]


@given(st.integers(31, 200), st.lists(st.text(max_size=60), min_size=1, max_size=4))
def test_no_row_is_wider_than_the_terminal(width: int, names: list[str]) -> None:
    columns = [Column("name", [(name,) for name in names], cut_to=8), Column("count", [("1,000",)] * len(names), is_number=True)]
    assert max(map(cells, table_lines(columns, width))) <= width


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("day\x1b[31m red\x07", "day�[31m red�"),
        ("two\nlines\tand\r", "two lines and "),
        ("\u202etxt.exe\u2066", "�txt.exe�"),
        ("\x9b31m", "�31m"),
        ("\ud800", "�"),
        ("Straße 東京", "Straße 東京"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_harmless(text: str, shown: str) -> None:
    assert harmless(text) == shown


def test_wide_letters_and_accents_take_the_columns_that_a_terminal_gives_them() -> None:
    assert (cells("東京"), cells("e\u0301"), cut("東京都", 5), cut("abc", 3), cut("abcd", 3)) == (4, 1, "東京…", "abc", "ab…")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (5, "just now"),
        (-5, "just now"),
        (60, "1 min ago"),
        (3_599, "59 min ago"),
        (7_500, "2 h ago"),
        (47.9 * 3_600, "47 h ago"),
        (48 * 3_600, "2 days ago"),
        (59 * 86_400, "59 days ago"),
        (90 * 86_400, "2 months ago"),
        (731 * 86_400, "2 years ago"),
        (-7_500, "in 2 h"),
    ],
)
def test_times_are_told_as_people_say_them(seconds: float, words: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == words


def test_times_are_told_in_utc_and_things_in_the_plural() -> None:
    berlin = datetime.fromisoformat("2026-11-05T07:12:59+01:00")
    assert (iso_minutes(berlin), counted(1, "gate"), counted(1_200, "gate")) == ("2026-11-05 06:12 UTC", "1 gate", "1,200 gates")
