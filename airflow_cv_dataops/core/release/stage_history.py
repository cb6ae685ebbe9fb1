"""Where a stage has been: what a rollback takes back, and what of it must not come again unnoticed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_cv_dataops.core.release.gates.metric_names import quoted

_FEW = 5
_WHAT_TO_DO = (
    "Mend the data (or, of a new release, name other partitions, or leave out by a rule what was wrong), or say allow_rolled_back=True"
)

# Of a release that was taken back, and the one that the stage went back to: partitions that come back, and whether by their absence.
ComingBack = Callable[[str, str], Mapping[str, bool]]


@dataclass(frozen=True)
class StageHistory:
    """The moves of one stage.

    :param moves: its rows of ``releases``, in their order.
    :param held: the releases that it came through to where it is, as if what was rolled back had never been; the last is the present one.
    """

    moves: tuple[Mapping[str, Any], ...]
    held: tuple[str, ...]

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]], stage: str) -> StageHistory:
        """:param rows: of ``releases``, in their order."""
        moves = tuple(row for row in rows if row["stage"] == stage)
        held: list[str] = []
        for move in moves:
            if is_rollback(move):
                held = _until(held, move["release"])
            if held[-1:] != [move["release"]]:
                held.append(move["release"])
        return cls(moves, tuple(held))

    @property
    def present(self) -> str | None:
        return self.held[-1] if self.held else None

    def after(self, release: str) -> tuple[str, ...]:
        """Return what the stage has held since it was last at a release, newest first, each once: what going back to it takes back."""
        since = self.held[len(_until(list(self.held), release)) :]
        return tuple(dict.fromkeys(reversed(since)))

    def was_rolled_back(self, release: str) -> Mapping[str, Any] | None:
        """Return the row of the last rollback that took a release back."""
        rollbacks = (move for move in reversed(self.moves) if is_rollback(move))
        return next((move for move in rollbacks if release in (move["rolled_back"] or {}).get("releases", ())), None)


def is_rollback(row: Mapping[str, Any]) -> bool:
    """Say whether a row of ``releases`` is of a rollback."""
    return row["action"] == "rollback"


def outstanding_rollbacks(rows: Sequence[Mapping[str, Any]], stage: str) -> tuple[Mapping[str, Any], ...]:
    """Return the rollbacks of a stage that its promotions have to heed: those after the last one that was told that it need not.

    :param rows: of ``releases``, in their order, with JSON columns read.
    """
    moves = [row for row in rows if row["stage"] == stage]
    allowed = max((at for at, row in enumerate(moves) if row["allows_rolled_back"] and not is_rollback(row)), default=-1)
    return tuple(row for row in moves[allowed + 1 :] if is_rollback(row))


def brought_back(outstanding: Sequence[Mapping[str, Any]], content_id: str, coming_back: ComingBack) -> str | None:
    """Say what a candidate would bring back of what was rolled back, and what to do; ``None``: nothing.

    :param content_id: of the candidate.
    :param coming_back: looks at what a release that was taken back held, and the one that the stage went back to did not.
    """
    newest_first = [(row, row["rolled_back"]) for row in reversed(outstanding)]
    for row, taken in newest_first:
        if content_id in taken["content_ids"] and content_id != row["content_id"]:
            same = taken["releases"][taken["content_ids"].index(content_id)]
            return f"It holds what {same} held, which was {_why(row)}. {_WHAT_TO_DO}."
    for row, taken in newest_first:
        for release in taken["releases"]:
            if back := coming_back(release, row["release"]):
                return f"{_named(back)} in {release}, which was {_why(row)}. {_WHAT_TO_DO}."
    return None


def _named(back: Mapping[str, bool]) -> str:
    """Return some partitions in words. :param back: by key, sorted, whether it comes back by its absence."""
    what = "Partition" if len(back) == 1 else f"{len(back)} partitions, such as" if len(back) > _FEW else "Partitions"
    absent = ""
    if gone := sum(back.values()):
        absent = f" ({'absent' if len(back) == 1 else f'{gone} of them absent'}, as there)"
    return f"{what} {', '.join(list(back)[:_FEW])}{absent} {'is as it was' if len(back) == 1 else 'are as they were'}"


def _why(row: Mapping[str, Any]) -> str:
    return f"rolled back on {_day(row['created_at'])}: {quoted(row['notes'] or '')}"


def _until(held: list[str], release: str) -> list[str]:
    """Return what was held up to the last time that a release was; all of it, where it never was."""
    places = [at for at, name in enumerate(held) if name == release]
    return held[: places[-1] + 1] if places else held


def _day(moment: datetime | None) -> str:
    return "an unknown day" if moment is None else f"{moment:%Y-%m-%d}"
