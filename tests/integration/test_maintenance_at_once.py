"""Maintenance beside real processes that write, promote, and are killed."""

from __future__ import annotations

from pathlib import Path

import pytest
from integration.maintaining import check_beside_writers

pytestmark = [
    pytest.mark.integration,
    pytest.mark.once(reason="it takes long and hangs on PyIceberg, which is the same in all sets of versions"),
]


@pytest.mark.parametrize(
    ("writers", "rounds", "deaths", "dying_writers"),
    [
        (2, 1, [("commit", 0), ("delete", 3)], [1]),
        pytest.param(
            8,
            4,
            [("commit", 0), ("commit", 1), ("delete", 0), ("delete", 1), ("delete", 6), ("delete", 11)],
            [0, 1, 2, 5],
            marks=pytest.mark.races,
        ),
    ],
    ids=["few", "eight writers"],
)
def test_maintenance_beside_writers_with_kills_loses_nothing_that_is_held_or_taken_up_again(
    tmp_path: Path, writers: int, rounds: int, deaths: list[tuple[str, int]], dying_writers: list[int]
) -> None:
    check_beside_writers(str(tmp_path / "home"), writers=writers, rounds=rounds, deaths=deaths, dying_writers=dying_writers)
