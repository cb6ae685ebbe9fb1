"""Work that goes ahead: answers in order, few at once, errors at their item's turn."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_cv_dataops.core.ahead import ahead, one_ahead


def test_answers_come_in_order_and_few_items_are_taken_before_they_are_asked_for() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(20):
            taken.append(number)
            yield number

    with ThreadPoolExecutor(4) as pool:
        answers = ahead(pool, lambda number: number * number, items(), 3)
        assert taken == []
        assert next(answers) == (0, 0)
        assert len(taken) == 3
        assert list(answers) == [(number, number * number) for number in range(1, 20)]


def test_an_error_is_raised_at_its_items_turn() -> None:
    with ThreadPoolExecutor(2) as pool:
        answers = ahead(pool, lambda number: 1 // number, [2, 1, 0, 3], 4)
        assert [next(answers), next(answers)] == [(2, 0), (1, 1)]
        with pytest.raises(ZeroDivisionError):
            next(answers)


def test_one_ahead_yields_the_same_and_makes_each_while_the_one_before_is_worked_on() -> None:
    made: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(4):
            made.append(number)
            yield number
        raise OSError("the disk is gone")

    found = one_ahead(numbers())
    assert next(found) == 0
    assert [next(found), next(found), next(found)] == [1, 2, 3]
    with pytest.raises(OSError, match="the disk is gone"):
        next(found)
    assert made == [0, 1, 2, 3]
    assert list(one_ahead(iter(()))) == []
