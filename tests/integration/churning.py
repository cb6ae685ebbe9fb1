"""Many processes that widen, commit and promote at once while some of them are killed, and what must hold afterwards."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Sequence

from integration.race_workers import Place, at_once, churn, open_place
from processes import PATIENCE_SECONDS, forkserver
from unit.core.release.release_rows import write_annotations, write_images

from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.release.promote import promote_dataset

_DROPPED = {"images": "dhash", "annotations": "keypoints", "releases": "notes"}


def narrow_dataset(place: Place) -> Dataset:
    """Return a dataset with a release, of which an older version has made the tables: with a column less."""
    dataset = open_place(place)
    write_images(dataset, "p", ["a", "b"])
    write_annotations(dataset, "p", [("a", "cat")])
    promote_dataset(dataset, stage="first")
    for name, column in _DROPPED.items():
        table = dataset.load_table(name)
        assert table is not None
        with table.update_schema() as update:
            update.delete_column(column)
    return dataset


def check_churn(place: Place, *, processes: int, rounds: int, deaths: Sequence[int]) -> None:
    """Let processes run at once, beside victims that are each killed at one of their commits."""
    dataset = narrow_dataset(place)
    context = forkserver()
    victims = [context.Process(target=churn, args=(place, 100 + n, rounds, die_at)) for n, die_at in enumerate(deaths)]
    for victim in victims:
        victim.start()
    left = at_once(churn, [(place, number, rounds) for number in range(processes)])
    for victim in victims:
        victim.join(PATIENCE_SECONDS)
    assert [victim.exitcode for victim in victims] == [-signal.SIGKILL] * len(victims)

    images = dataset.images(["partition_key", "file_name"]).to_pylist()
    held = {f"p{number}": sorted(f"{name}.png" for name in names) for number, names in enumerate(left)}
    found = {key: sorted(row["file_name"] for row in images if row["partition_key"] == key) for key in held}
    assert found == held, "each partition has the rows of its last run, all and once"
    for number in range(len(victims)):
        rows = [row["file_name"] for row in images if row["partition_key"] == f"p{100 + number}"]
        assert len(rows) in (0, 3)
        assert len({name.rpartition("-")[0] for name in rows}) <= 1, "a run that was killed leaves its rows whole or not at all"
    for name, column in _DROPPED.items():
        table = dataset.load_table(name)
        assert table is not None
        assert Counter(field.name for field in table.schema().fields)[column] == 1

    promote_dataset(open_place(place), stage="last")  # repairs what the deaths left undone
    recorded = dataset.read("releases").sort_by("sequence").to_pylist()
    assert [row["sequence"] for row in recorded] == list(range(1, len(recorded) + 1))
    assert [row["release"] for row in recorded] == [f"v{n}" for n in range(1, len(recorded) + 1)]
    table = dataset.load_table("images")
    assert table is not None
    refs = {name for name in table.metadata.refs if name != "main"}
    assert refs == {f"release-{row['release']}" for row in recorded} | {row["stage"] for row in recorded}
    for row in recorded:
        release = dataset.release(row["release"])
        assert (release.images().num_rows, release.annotations().num_rows) == (row["images"], row["annotations"])
