"""What the processes of the concurrency tests run, and a way to let them start at the same moment."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from processes import PATIENCE_SECONDS, forkserver
from unit.core.release.release_rows import write_annotations, write_images

from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.release import promote, refs

Place = str | dict[str, str]


def at_once(function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Call ``function`` with each of the arguments, each in a process of its own, all at once; return the results in order."""
    context = forkserver()
    barrier, results = context.Barrier(len(arguments)), context.Queue()
    workers = [context.Process(target=_run, args=(barrier, results, place, function, given)) for place, given in enumerate(arguments)]
    for worker in workers:
        worker.start()
    try:
        outcomes = dict(results.get(timeout=PATIENCE_SECONDS) for _ in workers)
    finally:
        for worker in workers:
            worker.join(timeout=10)
            worker.kill()
    if errors := [error for error, _ in outcomes.values() if error]:
        raise AssertionError("\n".join(errors))
    return [outcomes[place][1] for place in range(len(arguments))]


def _run(barrier: Any, results: Any, place: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        barrier.wait(timeout=PATIENCE_SECONDS)
        results.put((place, (None, function(*arguments))))
    except BaseException:
        results.put((place, (traceback.format_exc(), None)))


def fill(home: str, partition_key: str, names: Sequence[str]) -> None:
    """Write images and annotations of one partition."""
    dataset = open_dataset("digits", home=home)
    write_images(dataset, partition_key, names)
    write_annotations(dataset, partition_key, [(name, "cat") for name in names])


def promote_once(home: str, stage: str) -> tuple[str | None, str | None, bool]:
    """Promote, and return the release, its parent, and whether nothing had changed."""
    summary = promote.promote_dataset(open_dataset("digits", home=home), stage=stage).summary.to_dict()
    return summary["release"], summary["parent"], summary["unchanged"]


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def once_and_die(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **names: Any) -> Any:
        function(*arguments, **names)
        die()

    return call


def promote_and_die(home: str, moment: str) -> None:
    """Promote, and be killed at a moment: ``before the tags hold``, ``before the row``, ``after the row`` or ``between tables``."""
    if moment == "before the row":
        Dataset.append_if_unchanged = die  # type: ignore[method-assign, assignment]
    elif moment == "after the row":
        promote.write_release_refs = die
    elif moment == "before the tags hold":
        promote.hold_snapshots = die
    elif moment == "between tables":
        whole = refs.write_release_refs

        def one_table_only(dataset: Dataset) -> None:
            refs.write_refs = once_and_die(refs.write_refs)
            whole(dataset)

        promote.write_release_refs = one_table_only
    else:
        raise ValueError(moment)
    promote_once(home, "production")
    sys.exit("the promotion was not killed")


def churn(place: Place, number: int, rounds: int, die_at: int | None = None) -> list[str]:
    """Write a partition of one's own again and again, widening whatever is not as wide as the data model, and promote each time.

    :param place: a home, or a catalog's properties. :param die_at: be killed at this commit, in the midst of it.
    :returns: names of the images that the partition has in the end.
    """
    if die_at is not None:
        _die_at_commit(die_at)
    names: list[str] = []
    for turn in range(rounds):
        dataset = open_place(place)
        names = [f"{number}-{turn}-{image}" for image in range(3)]
        write_images(dataset, f"p{number}", names)
        write_annotations(dataset, f"p{number}", [(name, "cat") for name in names])
        promote.promote_dataset(dataset, stage=f"stage_{number}")
    return names


def open_place(place: Place) -> Dataset:
    return open_dataset("digits", home=place) if isinstance(place, str) else open_dataset("digits", place)


def _die_at_commit(number: int) -> None:
    """Die at a commit: at an even one before the catalog has it, at an odd one after."""
    from pyiceberg.catalog.sql import SqlCatalog

    die_at(SqlCatalog, "commit_table", number)


def die_at(owner: type, name: str, number: int) -> None:
    """Die at a call of a method: at an even one before it, at an odd one after."""
    whole, left = getattr(owner, name), [number]

    def call(*arguments: Any) -> Any:
        left[0] -= 1
        if left[0] < 0 and number % 2 == 0:
            die()
        result = whole(*arguments)
        if left[0] < 0:
            die()
        return result

    setattr(owner, name, call)
