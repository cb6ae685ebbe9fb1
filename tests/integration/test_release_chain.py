"""Promotions and rollbacks of one stage, many at once and some of them killed: one chain, and every release as it was made."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from integration.chain_workers import check_chain, check_refs, die_at_commit, move_until_stopped, promote, roll_back
from integration.race_workers import Place, open_place
from processes import PATIENCE_SECONDS, forkserver, wait_for
from services import Service
from unit.core.release.release_rows import write_annotations, write_images

from airflow_cv_dataops.core.dataset import Dataset, open_dataset

pytestmark = [
    pytest.mark.integration,
    pytest.mark.once(reason="it takes long and hangs on PyIceberg, which is the same in all sets of versions"),
]

PROCESSES, MOVES, EVERY = 8, 50, 5


class Killed:
    """A dataset without labels whose stage is moved by processes that are killed, and how they left it."""

    def __init__(self, home: str) -> None:
        self.home = home
        self.dataset = open_dataset("digits", home=home)
        self.images = 0
        for _ in range(3):
            self.change()
            promote(self.dataset)

    def change(self) -> None:
        self.images += 1
        write_images(self.dataset, "p", [str(number) for number in range(self.images)])

    def kill(self, what: str, when: str, commit: int, run_id: str = "") -> None:
        child = forkserver().Process(target=die_at_commit, args=(self.home, what, when, commit, run_id))
        child.start()
        child.join(PATIENCE_SECONDS)
        assert child.exitcode == -signal.SIGKILL, "it came to no such commit"


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    return Killed(str(tmp_path_factory.mktemp("home")))


# Commits of a promotion: 1 items, 2 and 3 what holds images and items, 4 the row, 5 and 6 tags and branches of both.
@pytest.mark.parametrize(("when", "commit"), [*(("before", commit) for commit in range(1, 7)), ("after", 6)])
def test_a_promotion_killed_at_any_commit_has_happened_or_not_and_the_next_one_mends_the_rest(
    killed: Killed, when: str, commit: int
) -> None:
    killed.change()
    before = check_chain(killed.dataset, reads=False)
    killed.kill("promotion", when, commit)
    has_happened = commit > 4
    assert len(check_chain(killed.dataset, reads=False)) == len(before) + has_happened
    assert killed.dataset.release().images().num_rows == killed.images - (not has_happened)
    assert promote(killed.dataset)["unchanged"] is has_happened
    check_chain(killed.dataset, reads=commit == 4)
    check_refs(killed.dataset)


# Of a rollback: 1 the row, 2 and 3 tags and branches.
@pytest.mark.parametrize(("when", "commit"), [*(("before", commit) for commit in range(1, 4)), ("after", 3)])
def test_a_rollback_killed_at_any_commit_has_happened_or_not_and_its_retry_does_it_once(killed: Killed, when: str, commit: int) -> None:
    rows, run_id = check_chain(killed.dataset, reads=False), f"{when}-{commit}"
    killed.kill("rollback", when, commit, run_id)
    has_happened = commit > 1
    assert len(check_chain(killed.dataset, reads=False)) == len(rows) + has_happened
    assert (killed.dataset.release().name == rows[-1]["release"]) is not has_happened
    assert roll_back(killed.dataset, run_id)["unchanged"] is has_happened
    assert len(check_chain(killed.dataset, reads=commit == 1)) == len(rows) + 1
    check_refs(killed.dataset)


@pytest.mark.races
def test_many_processes_that_are_killed_at_random_leave_one_chain(tmp_path: Path) -> None:
    check_moves_at_once(str(tmp_path / "home"), tmp_path / "done")


@pytest.mark.servers
def test_many_processes_that_are_killed_at_random_leave_one_chain_in_postgres(service: Callable[[str], Service], tmp_path: Path) -> None:
    uri = service("postgres").create_database("iceberg").replace("postgresql://", "postgresql+psycopg2://")
    check_moves_at_once({"type": "sql", "uri": uri, "warehouse": str(tmp_path / "warehouse")}, tmp_path / "done")


def check_moves_at_once(place: Place, folder: Path) -> None:
    """Let eight processes promote and roll back until they have done so fifty times; after each fifth time one is killed and replaced."""
    folder.mkdir()
    dataset, context, chance = open_place(place), forkserver(), random.Random(16)
    write_images(dataset, "first", ["a"])
    write_annotations(dataset, "first", [("a", "cat")])
    promote(dataset)
    ended: list[BaseProcess] = []

    def start() -> BaseProcess:
        process = context.Process(target=move_until_stopped, args=(place, str(folder), len(ended) + len(alive)))
        process.start()
        return process

    alive: list[BaseProcess] = []
    for _ in range(PROCESSES):
        alive.append(start())
    for done in range(EVERY, MOVES, EVERY):
        wait_for(lambda done=done: len(list(folder.iterdir())) >= done or not all(process.is_alive() for process in alive))
        victim = alive.pop(chance.randrange(len(alive)))
        victim.kill()
        ended.append(victim)
        alive.append(start())
    wait_for(lambda: len(list(folder.iterdir())) >= MOVES or not all(process.is_alive() for process in alive))
    (folder / "stop").touch()
    for process in (*ended, *alive):
        process.join(PATIENCE_SECONDS)
    assert [process.exitcode for process in alive] == [0] * PROCESSES
    assert {process.exitcode for process in ended} == {-signal.SIGKILL}

    promote(dataset)  # repairs what the deaths left undone
    rows = check_chain(dataset)
    check_refs(dataset)
    assert len(rows) > sum(path.read_text() == "True" for path in folder.iterdir()), "whatever was said to be done is in the chain"
    assert {row["action"] for row in rows} == {"promotion", "rollback"}


@pytest.mark.parametrize("promotions", [9, pytest.param(30, marks=pytest.mark.races)])
def test_a_release_read_many_promotions_later_gives_the_same_bytes(make_dataset: Callable[..., Dataset], promotions: int) -> None:
    dataset = make_dataset()
    names = [f"image-{number}" for number in range(20)]
    for key in ("p", "q"):
        write_images(dataset, key, [f"{key}-{name}" for name in names])
        write_annotations(dataset, key, [(f"{key}-{name}", "cat") for name in names])
    promote(dataset)
    before = bytes_of(dataset, "v1")
    often = promotions // 3
    for turn in range(promotions):
        if turn % often == 0:
            write_images(dataset, "p", ["of no release"])
            write_annotations(dataset, "p", [(f"p-{name}", "dog") for name in names[turn // often :]])
        write_images(dataset, "p", [f"p-{name}" for name in names[turn % 19 :]])
        promote(dataset)
        if turn % often == often - 1:
            expire(dataset)
    assert dataset.release().name == f"v{promotions + 1}"
    assert bytes_of(dataset, "v1") == before


def bytes_of(dataset: Dataset, name: str) -> list[bytes]:
    """Return images and annotations of a release as a file would have them."""
    release, files = dataset.release(name), []
    for rows in (release.images(), release.annotations(), release.items()):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, rows.schema) as writer:
            writer.write_table(rows.combine_chunks())
        files.append(sink.getvalue().to_pybytes())
    return files


def expire(dataset: Dataset) -> None:
    """Expire every snapshot that no release, tag or branch holds."""
    expired: list[Any] = []
    for name in ("images", "annotations", "release_items"):
        table = dataset.load_table(name)
        assert table is not None
        before = len(table.metadata.snapshots)
        table.maintenance.expire_snapshots().older_than(datetime.now(UTC) + timedelta(days=1)).commit()
        expired.append(before - len(table.refresh().metadata.snapshots))
    assert sum(expired) > 0
