"""Real processes on one catalog: backfills in parallel, promotions that race, promotions that are killed."""

from __future__ import annotations

import itertools
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from integration.churning import check_churn
from integration.race_workers import at_once, fill, promote_and_die, promote_once
from processes import PATIENCE_SECONDS, forkserver
from unit.core.release.release_rows import image_id, write_images

from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.release.promote import promote_dataset

pytestmark = [
    pytest.mark.integration,
    pytest.mark.once(reason="it takes long and hangs on PyIceberg, which is the same in all sets of versions"),
]

MakeDataset = Callable[..., Dataset]
KEYS = ("2026-11-05", "2026-11-06", "2026-11-07")
AT_ONCE = pytest.mark.parametrize("processes", [3, pytest.param(8, marks=pytest.mark.races)])


@pytest.fixture
def home(tmp_path: Path) -> str:
    """The catalog of ``make_dataset``."""
    return str(tmp_path / "cv_dataops")


def rows(dataset: Dataset) -> list[dict[str, Any]]:
    return [row for table in ("images", "annotations") for row in sorted(dataset.read(table).to_pylist(), key=str)]


def refs(dataset: Dataset, table: str = "images") -> dict[str, str]:
    found = dataset.load_table(table)
    assert found is not None
    return {name: str(ref.snapshot_id) for name, ref in found.metadata.refs.items() if name != "main"}


def names_of(key: str) -> list[str]:
    return [f"{key}-{number}" for number in range(4)]


def test_partitions_leave_the_same_rows_in_any_order(tmp_path: Path) -> None:
    found = []
    for place, order in enumerate(itertools.permutations(KEYS)):
        home = str(tmp_path / str(place))
        for key in order:
            fill(home, key, names_of(key))
        found.append(rows(open_dataset("digits", home=home)))
    assert len(found[0]) == 24
    assert all(one == found[0] for one in found)


def test_two_processes_on_one_partition_leave_exactly_the_rows_of_one(home: str, make_dataset: MakeDataset) -> None:
    for round_number in range(2):
        mine, yours = [f"{round_number}-mine-{n}" for n in range(3)], [f"{round_number}-yours-{n}" for n in range(5)]
        at_once(fill, [(home, "p", mine), (home, "p", yours)])
        left = sorted(make_dataset().images()["file_name"].to_pylist())
        assert left in ([f"{name}.png" for name in mine], [f"{name}.png" for name in yours])


@AT_ONCE
def test_processes_over_partitions_of_a_new_dataset_leave_all_rows_once(home: str, make_dataset: MakeDataset, processes: int) -> None:
    keys = [f"2026-11-{day:02}" for day in range(1, processes + 1)]
    at_once(fill, [(home, key, names_of(key)) for key in keys])
    dataset = make_dataset()
    expected = Counter(image_id(name) for key in keys for name in names_of(key))
    assert Counter(dataset.images()["image_id"].to_pylist()) == expected
    assert Counter(dataset.annotations()["image_id"].to_pylist()) == expected
    for table in ("images", "annotations"):
        found = dataset.load_table(table)
        assert found is not None
        assert len(found.metadata.snapshots) == processes


@AT_ONCE
def test_promotions_of_equal_content_at_once_make_exactly_one_release(home: str, make_dataset: MakeDataset, processes: int) -> None:
    dataset = make_dataset()
    write_images(dataset, "p", ["a", "b", "c"])
    outcomes = at_once(promote_once, [(home, "production")] * processes)
    assert Counter(outcomes) == {("v1", None, False): 1, ("v1", None, True): processes - 1}
    assert [row["release"] for row in dataset.read("releases").to_pylist()] == ["v1"]
    assert dataset.read("release_items").num_rows == 3
    assert dataset.release().images().num_rows == 3


@AT_ONCE
def test_promotions_of_stages_at_once_make_releases_without_gap_or_repetition(home: str, make_dataset: MakeDataset, processes: int) -> None:
    dataset = make_dataset()
    write_images(dataset, "p", ["a", "b", "c"])
    numbers = range(1, processes + 1)
    stages = [f"stage_{number}" for number in numbers]
    outcomes = at_once(promote_once, [(home, stage) for stage in stages])
    assert sorted(release for release, _, _ in outcomes) == [f"v{number}" for number in numbers]
    recorded = dataset.read("releases").sort_by("sequence").to_pylist()
    assert [(row["sequence"], row["release"]) for row in recorded] == [(n, f"v{n}") for n in numbers]
    assert {row["stage"]: row["release"] for row in recorded} == {
        stage: release for stage, (release, _, _) in zip(stages, outcomes, strict=True)
    }
    for stage in stages:
        assert dataset.release(stage).images().num_rows == 3
    assert dataset.read("release_items").num_rows == 3 * processes
    promote_dataset(dataset, stage=stages[0])
    assert set(refs(dataset)) == {*stages, *(f"release-v{n}" for n in numbers)}


@pytest.mark.parametrize(
    ("processes", "rounds", "deaths"),
    [(2, 1, (3, 6)), pytest.param(5, 4, (0, 1, 2, 3, 5, 8, 13, 20), marks=pytest.mark.races)],
    ids=["few", "many"],
)
def test_widening_commits_and_promotions_at_once_with_kills_lose_nothing_and_leave_nothing_half(
    home: str, processes: int, rounds: int, deaths: tuple[int, ...]
) -> None:
    check_churn(home, processes=processes, rounds=rounds, deaths=deaths)


def kill_at(home: str, moment: str) -> None:
    """Run a promotion in a process that is killed at the moment."""
    victim = forkserver().Process(target=promote_and_die, args=(home, moment))
    victim.start()
    victim.join(PATIENCE_SECONDS)
    assert victim.exitcode == -signal.SIGKILL


@pytest.fixture
def grown(make_dataset: MakeDataset) -> Dataset:
    """A dataset at v1 that has grown since."""
    dataset = make_dataset()
    write_images(dataset, "p", ["a", "b"])
    promote_dataset(dataset)
    write_images(dataset, "q", ["c"])
    return dataset


@pytest.mark.parametrize("moment", ["before the tags hold", "before the row"])
def test_a_promotion_killed_before_its_row_leaves_the_stage_where_it_was(home: str, grown: Dataset, moment: str) -> None:
    kill_at(home, moment)
    assert grown.release().name == "v1"
    assert grown.release().images().num_rows == 2
    assert set(grown.read("release_items")["release"].to_pylist()) == {"v1", "v2"}
    assert promote_once(home, "production") == ("v2", "v1", False)
    assert grown.release().images().num_rows == 3
    assert grown.release().items().num_rows == 3
    assert grown.read("release_items").num_rows == 5
    assert set(refs(grown)) == {"production", "release-v1", "release-v2"}, "what held the killed one's snapshots is gone"


def test_items_that_a_killed_promotion_left_do_not_get_into_the_next_release(home: str, grown: Dataset) -> None:
    kill_at(home, "before the row")
    write_images(grown, "q", ["other", "another"])
    assert promote_once(home, "production") == ("v2", "v1", False)
    release = grown.release()
    assert sorted(release.items()["image_id"].to_pylist()) == sorted(image_id(name) for name in ("a", "b", "other", "another"))


@pytest.mark.parametrize("moment", ["after the row", "between tables"])
def test_a_promotion_killed_after_its_row_has_moved_the_stage_and_the_next_one_repairs_the_tags(
    home: str, grown: Dataset, moment: str
) -> None:
    kill_at(home, moment)
    release = grown.release()
    assert (release.name, release.parent, release.images().num_rows) == ("v2", "v1", 3)
    tables = ("images", "release_items")
    assert not all("release-v2" in refs(grown, table) for table in tables)
    assert promote_once(home, "production") == ("v2", "v1", True)
    for table in tables:
        held = release.snapshots[table]
        assert refs(grown, table)["release-v2"] == refs(grown, table)["production"] == held
    assert [row["release"] for row in grown.read("releases").sort_by("sequence").to_pylist()] == ["v1", "v2"]
