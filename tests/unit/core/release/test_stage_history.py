"""Where a stage has been, what going back takes back, and what of it a promotion would bring again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_cv_dataops.core.release.stage_history import StageHistory, brought_back, outstanding_rollbacks

WHEN = datetime(2026, 11, 7, tzinfo=UTC)


def rows(moves: str) -> list[dict[str, Any]]:
    """Return rows of moves such as ``v1 v2 <v1 staging:v3 v2!``. <: a rollback. !: a promotion that may bring back what was rolled back."""
    found = []
    for move in moves.split():
        stage, _, name = move.rpartition(":")
        release = name.strip("<!")
        found.append(
            {
                "stage": stage or "production",
                "release": release,
                "content_id": f"content of {release}",
                "action": "rollback" if name.startswith("<") else None,
                "allows_rolled_back": True if name.endswith("!") else None,
                "rolled_back": None,
                "notes": "camera 3 is shifted",
                "created_at": WHEN,
            }
        )
    return found


@pytest.mark.parametrize(
    ("moves", "held"),
    [
        ("", ""),
        ("v1", "v1"),
        ("v1 v2 v5", "v1 v2 v5"),
        ("v1 staging:v2 v3", "v1 v3"),
        ("v1 v2 v3 <v2", "v1 v2"),
        ("v1 v3 v5 <v3 <v1", "v1"),
        ("v1 v2 <v1 v3", "v1 v3"),
        ("v1 v2 <v1 v2!", "v1 v2"),
        ("v1 v2 v3 v2 <v3", "v1 v2 v3"),
        ("v1 v2 v3 v4 <v1 v5 v6 <v5", "v1 v5"),
        ("v2 v2", "v2"),
    ],
)
def test_what_was_rolled_back_is_as_if_it_had_never_been_held(moves: str, held: str) -> None:
    history = StageHistory.of(rows(moves), "production")
    assert " ".join(history.held) == held
    assert history.present == (held.split()[-1] if held else None)


def test_going_back_takes_back_all_that_was_held_since() -> None:
    history = StageHistory.of(rows("v1 v2 v3 v5"), "production")
    assert history.after("v2") == ("v5", "v3")
    assert history.after("v5") == ()


def test_a_release_that_was_held_twice_is_gone_back_to_where_it_was_last() -> None:
    assert StageHistory.of(rows("v1 v2 v1 v3"), "production").after("v1") == ("v3",)


def test_a_rollback_is_outstanding_until_a_promotion_of_the_stage_may_bring_it_back() -> None:
    assert [row["release"] for row in outstanding_rollbacks(rows("v1 v2 <v1 v3 v4 <v3"), "production")] == ["v1", "v3"]
    assert [row["release"] for row in outstanding_rollbacks(rows("v1 v2 <v1 v3! v4 <v3"), "production")] == ["v3"]
    assert outstanding_rollbacks(rows("v1 v2 <v1 v3!"), "production") == ()
    assert outstanding_rollbacks(rows("v1 v2 <v1 staging:v3! v4"), "production") != ()
    assert outstanding_rollbacks(rows("v1 v2 <v1"), "staging") == ()


def nothing(taken: str, target: str) -> dict[str, bool]:
    """Say that no partition comes back."""
    return {}


@pytest.fixture
def rolled_back() -> list[dict[str, Any]]:
    """One rollback from v5 through v4 to v3."""
    found = rows("v3 v4 v5 <v3")
    found[-1]["rolled_back"] = {"releases": ["v5", "v4"], "content_ids": ["five", "four"], "partitions": ["2026-11-07"]}
    return found


def test_equal_content_is_brought_back(rolled_back: list[dict[str, Any]]) -> None:
    outstanding = outstanding_rollbacks(rolled_back, "production")
    assert brought_back(outstanding, "four", nothing) == (
        'It holds what v4 held, which was rolled back on 2026-11-07: "camera 3 is shifted". Mend the data (or, of a new release, '
        "name other partitions, or leave out by a rule what was wrong), or say allow_rolled_back=True."
    )
    assert brought_back(outstanding, "six", nothing) is None
    assert brought_back((), "four", nothing) is None


def test_what_the_stage_holds_by_now_is_not_brought_back_by_a_twin_of_it(rolled_back: list[dict[str, Any]]) -> None:
    rolled_back[-1]["content_id"] = "four"
    assert brought_back(outstanding_rollbacks(rolled_back, "production"), "four", nothing) is None


@pytest.mark.parametrize(
    ("back", "said"),
    [
        ({"2026-11-07": False}, "Partition 2026-11-07 is as it was in v4, which was rolled back on"),
        ({"2026-11-06": False, "2026-11-07": False}, "Partitions 2026-11-06, 2026-11-07 are as they were in v4"),
        ({"2026-11-05": True}, "Partition 2026-11-05 (absent, as there) is as it was in v4"),
        (
            {"2026-11-05": True, "2026-11-06": False},
            "Partitions 2026-11-05, 2026-11-06 (1 of them absent, as there) are as they were in v4",
        ),
        (
            dict.fromkeys([f"p{number:02}" for number in range(30)], False),
            "30 partitions, such as p00, p01, p02, p03, p04 are as they were in",
        ),
    ],
)
def test_partitions_that_come_back_are_named_with_the_release_that_held_them(
    rolled_back: list[dict[str, Any]], back: dict[str, bool], said: str
) -> None:
    asked = []

    def coming_back(taken: str, target: str) -> dict[str, bool]:
        asked.append((taken, target))
        return back if taken == "v4" else {}

    found = brought_back(outstanding_rollbacks(rolled_back, "production"), "six", coming_back)
    assert found is not None
    assert found.startswith(said)
    assert found.endswith("or say allow_rolled_back=True.")
    assert asked == [("v5", "v3"), ("v4", "v3")]
