"""A batch, filled: what people named, a share drawn at random, then what the strategy takes."""

from __future__ import annotations

import math
import operator
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.sampling.batch.room import FullGroup, Room, UnmetMinimum
from airflow_cv_dataops.core.sampling.strategies.strategy import Choice

if TYPE_CHECKING:
    import numpy as np

    from airflow_cv_dataops.core.sampling.batch.near_duplicates import NearDuplicates
    from airflow_cv_dataops.core.sampling.batch.quotas import Quota
    from airflow_cv_dataops.core.sampling.strategies.strategy import Strategy

NAMED, RANDOM = "named", "random"


@dataclass(frozen=True, eq=False)
class Limits:
    """What holds of a batch.

    :param costs: (N,) int64. :param budget: in the same parts. :param explore: share of the budget, 0 to 1, that is drawn at random.
    """

    costs: np.ndarray
    budget: int
    quotas: Sequence[Quota] = ()
    near: NearDuplicates | None = None
    explore: float = 0.0


@dataclass(frozen=True, eq=False)
class Batch:
    """Images taken. :param rows: in the order in which they were taken. :param taken_by: by row, the strategy that took it.

    :param spent: of the budget, in its parts. :param refused: rows that were named and could not be taken.
    :param near_duplicates: how many images were left out because one that shows the same was taken.
    :param kept_out: how many images would fit the budget that is left, and are of a group that is full.
    :param full: these groups, those that keep out most first. :param for_minimums: rows that were taken as a minimum asked for them.
    """

    rows: Sequence[int]
    taken_by: Sequence[str]
    spent: int
    unmet: Sequence[UnmetMinimum]
    refused: Sequence[int]
    near_duplicates: int
    kept_out: int = 0
    full: Sequence[FullGroup] = ()
    for_minimums: Collection[int] = ()


def fill_batch(choice: Choice, strategy: Strategy, limits: Limits, *, random: Strategy, named: Sequence[int] = ()) -> Batch:
    """Take images until nothing that is open is left.

    First those that are named, in their order, as far as the limits let them; then the random share, drawn from all that are open; then the
    strategy's, of which the minimums' groups come first. Whatever was taken before counts as known for the strategy.

    :param choice: without regard to limits: its ``open`` is not used. :param named: rows, each once.
    """
    room = Room(limits.costs, limits.budget, limits.quotas, limits.near)
    refused = [row for row in named if not _take_if_open(room, row)]
    taken_by = [NAMED] * len(room.taken)
    # What may be drawn is limited by what there is: of a pool below the budget, the same share.
    least = min(limits.budget, int(limits.costs[room.open].sum()) + room.spent)
    if limits.explore:
        room.cap(room.spent + math.floor(round(limits.explore * least, 6)))
        _take_all(room, random, replace(choice, open=_read_only(room.open)))
        room.cap(None)
    taken_by += [RANDOM] * (len(room.taken) - len(taken_by))
    room.minimums_first()
    if room.open.any():
        _take_all(room, strategy, _around(replace(choice, open=_read_only(room.open)), room.taken))
    taken_by += [strategy.name] * (len(room.taken) - len(taken_by))
    return Batch(
        rows=tuple(room.taken),
        taken_by=tuple(taken_by),
        spent=room.spent,
        unmet=room.unmet(),
        refused=tuple(refused),
        near_duplicates=room.closed_as_duplicate,
        kept_out=int(room.kept_out.sum()),
        full=room.full(),
        for_minimums=frozenset(room.for_minimums),
    )


def _take_if_open(room: Room, row: int) -> bool:
    if room.open[row]:
        room.take(row)
        return True
    return False


def _take_all(room: Room, strategy: Strategy, choice: Choice) -> None:
    """Take what a strategy proposes as long as anything is open.

    :raises ConfigurationError: it proposes what is no row, or not open.
    """
    if not room.open.any():
        return
    for row in _proposed(strategy, choice):
        place = _whole(row)
        if place is None or not 0 <= place < len(room.open) or not room.open[place]:
            raise ConfigurationError(
                f"Strategy {strategy.name!r} yielded {row!r}: expected the number of an image that is open at that moment."
            )
        room.take(place)
        if not room.open.any():
            return


def _proposed(strategy: Strategy, choice: Choice) -> Iterator[Any]:
    """Yield what a strategy yields; what it raises is passed on, with a note whose it is."""
    try:
        yield from strategy(choice)
    except Exception as error:
        error.add_note(f"Raised by strategy {strategy.name!r} on a choice of {len(choice):,} images.")
        raise


def _whole(row: Any) -> int | None:
    """Return a row as a number, NumPy's too; ``None``: it is none."""
    try:
        return None if isinstance(row, bool) else operator.index(row)
    except TypeError:
        return None


def _read_only(mask: np.ndarray) -> np.ndarray:
    """Return a view that follows a mask and cannot change it: the limits decide what is open."""
    view = mask.view()
    view.flags.writeable = False
    return view


def _around(choice: Choice, taken: Sequence[int]) -> Choice:
    """Return the choice with what was taken among what is known."""
    import numpy as np

    if choice.embeddings is None or not taken:
        return choice
    known = [choice.embeddings[list(taken)]] if choice.covered is None else [choice.covered, choice.embeddings[list(taken)]]
    return replace(choice, covered=np.concatenate(known))
