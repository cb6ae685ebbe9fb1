"""Places, durations and short lists as people read them."""

from __future__ import annotations

import pytest

from airflow_cv_dataops.core.wording import duration, few, one_line, percent, readable


@pytest.mark.parametrize(
    ("uri", "read"),
    [
        ("file:///data/Stra%C3%9Fe%203/b%C3%A4r.jpg", "file:///data/Straße 3/bär.jpg"),
        ("s3://lake/a%20b.zip!/c%20d.jpg", "s3://lake/a%20b.zip!/c d.jpg"),
        ("file:///data/100%25.jpg", "file:///data/100%.jpg"),
        ("s3://lake/100%.jpg", "s3://lake/100%.jpg"),
        ("file:///data/%FF.jpg", "file:///data/%FF.jpg"),
        ("file:///data/a%0Ab.jpg", "file:///data/a%0Ab.jpg"),
        ("file:///data/a%E2%80%AEgpj.exe", "file:///data/a%E2%80%AEgpj.exe"),
        ("s3://lake/a\nTask succeeded", "s3://lake/a\ufffdTask succeeded"),
    ],
)
def test_a_place_reads_as_it_is_called_and_forges_no_line(uri: str, read: str) -> None:
    assert readable(uri) == read


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *((0, "0 s"), (0.234, "0.23 s"), (4, "4 s"), (42.4, "42 s"), (90, "90 s"), (180, "3 min")),
        *((3_599, "1 h"), (7_500, "2 h 5 min"), (36_000, "10 h"), (86_400 * 3, "3 days")),
    ],
)
def test_a_duration_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_few_of_many() -> None:
    assert few(["a", "b"], 2) == "a, b"
    assert few(["a", "b", "c"], 1) == "a and 2 more"
    assert one_line("a\n  b\x00\n\nc") == "a b\ufffd c"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        *((0, "0%"), (0.0004, "under 0.1%"), (0.004, "0.4%"), (0.0097, "1%"), (0.514, "51%"), (0.983, "98%")),
        *((0.992, "99.2%"), (0.9996, "over 99.9%"), (1, "100%")),
    ],
)
def test_a_share_in_whole_percent_has_a_digit_more_near_its_ends(value: float, words: str) -> None:
    assert percent(value) == words
