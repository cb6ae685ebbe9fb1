"""What processes do that promote and roll back one stage at once, how they die, and what must hold of the releases afterwards."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from integration.race_workers import Place, die, open_place
from unit.core.release.release_rows import write_annotations, write_images

from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.release.rollback import rollback_stage

# What these tests show is the chain, not what a promotion refuses.
ALLOWED: dict[str, Any] = {"allow_rolled_back": True, "allow_backwards": True}


def promote(dataset: Dataset, **more: Any) -> dict[str, Any]:
    result = promote_dataset(dataset, **ALLOWED, **more)
    assert result.failure is None, result.failure
    return result.summary.to_dict()


def roll_back(dataset: Dataset, run_id: str) -> dict[str, Any]:
    return rollback_stage(dataset, reason="of no use", dag_id="chain", run_id=run_id).summary.to_dict()


def move_until_stopped(place: Place, folder: str, number: int) -> None:
    """Promote and roll back in turns at random, and leave a file for each that is done, until there is one that is named ``stop``.

    Files are what no process holds when it is killed.
    """
    chance, turn = random.Random(number), 0
    while not (Path(folder) / "stop").exists():
        dataset, turn = open_place(place), turn + 1
        if chance.random() < 0.4:
            try:
                done = roll_back(dataset, f"{number}-{turn}")["rolled_back"]
            except (ConfigurationError, DatasetNotFoundError):  # the stage is at its first release, or at none
                done = False
        else:
            names = [f"{number}-{turn}-{image}" for image in range(2)]
            write_images(dataset, f"p{number}", names)
            write_annotations(dataset, f"p{number}", [(names[0], "cat")])
            done = promote(dataset)["promoted"]
        (Path(folder) / f"{number}-{turn}").write_text(str(done))


def die_at_commit(home: str, what: str, when: str, commit: int, run_id: str = "") -> None:
    """Promote or roll back in a process of its own that is killed ``before`` or ``after`` the catalog has its how-many-eth commit."""
    from pyiceberg.catalog.sql import SqlCatalog

    whole, commits = SqlCatalog.commit_table, iter(range(1, 1000))

    def commit_table(*arguments: Any) -> Any:
        is_last = next(commits) == commit
        if is_last and when == "before":
            die()
        result = whole(*arguments)
        if is_last:
            die()
        return result

    SqlCatalog.commit_table = commit_table  # type: ignore[method-assign]
    dataset = open_place(home)
    promote(dataset) if what == "promotion" else roll_back(dataset, run_id)


def check_chain(dataset: Dataset, *, reads: bool = True) -> list[dict[str, Any]]:
    """Check that the rows of ``releases`` are one chain, without a number twice, and that each release can be read; return the rows."""
    rows: list[dict[str, Any]] = dataset.read("releases").sort_by("sequence").to_pylist()
    assert [row["sequence"] for row in rows] == list(range(1, len(rows) + 1))
    made = list(dict.fromkeys(row["release"] for row in rows))
    assert made == [f"v{number}" for number in range(1, len(made) + 1)], "numbers go up by one, in the order in which they were made"
    assert [row["parent"] for row in rows] == [None, *(row["release"] for row in rows)][:-1], "each move is from where the last one ended"
    assert len({(row["release"], row["items_id"]) for row in rows}) == len(made), "a number is of one release"
    for name in made if reads else ():
        release = dataset.release(name)
        row = next(row for row in rows if row["release"] == name)
        assert (release.images().num_rows, release.annotations().num_rows) == (row["images"], row["annotations"])
    return rows


def check_refs(dataset: Dataset) -> None:
    """Check that every release has its tag on each table, the stage its branch, and nothing else is held."""
    rows = dataset.read("releases").sort_by("sequence").to_pylist()
    for table, held in _tables(dataset):
        refs = {name: ref.snapshot_id for name, ref in held.metadata.refs.items() if name != "main"}
        wanted = {f"release-{row['release']}": dataset.release(row["release"]).snapshots for row in rows}
        wanted["production"] = dataset.release().snapshots
        assert refs == {name: int(snapshots[table]) for name, snapshots in wanted.items() if table in snapshots}


def _tables(dataset: Dataset) -> Iterator[tuple[str, Any]]:
    for table in sorted(dataset.table_names() & {"images", "annotations", "release_items"}):
        yield table, dataset.load_table(table)
