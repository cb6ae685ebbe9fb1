"""Ingest killed at many points: a reader sees the old partition or the new one, and the next run ends at the new one."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from processes import PATIENCE_SECONDS, forkserver

from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.imaging.ingest.workers import pool
from airflow_cv_dataops.core.store import local
from airflow_cv_dataops.core.store.objects import local_path

pytestmark = [
    pytest.mark.integration,
    pytest.mark.once(reason="it takes long and hangs on PyIceberg, which is the same in all sets of versions"),
]

KEY = "2026-11-05"
OLD_IMAGES, NEW_IMAGES = 9, 24

# What is killed, before or after its how-many-eth call. ask: a list of files for a worker. write_file: 1 images, 2 rejects.
# commit_table: 1 rejects, 2 images, 3 metrics, of which the first two come as files.
POINTS = [
    *(("ask", when, nth) for when in ("before", "after") for nth in (1, 5)),
    *(("write_file", when, nth) for when in ("before", "after") for nth in (1, 2)),
    *(("replace_partition_by_files", "before", nth) for nth in (1, 2)),
    ("replace_partition", "before", 1),
    *(("commit_table", when, nth) for when in ("before", "after") for nth in (1, 2, 3)),
]
DELAYS = [0.02, 0.05, 0.1, 0.15, 0.2, 0.3]


class Scene:
    """One dataset with an old and a new source for one partition; the children come from a server that has imported all it needs."""

    def __init__(self, folder: Path) -> None:
        self.home = str(folder / "home")
        self.dataset = open_dataset("digits", home=self.home)
        self.old = self._source(folder / "old", OLD_IMAGES, sigma=20)
        self.new = self._source(folder / "new", NEW_IMAGES, sigma=80)
        (Path(self.new) / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        self.context = forkserver()
        self.ingest(self.old)
        self.old_rows = self.rows()
        assert len(self.old_rows) == OLD_IMAGES

    def _source(self, folder: Path, count: int, sigma: int) -> str:
        folder.mkdir()
        for number in range(count):
            Image.effect_noise((64, 48), sigma + number).save(folder / f"{number:03}.png")
        return str(folder)

    def ingest(self, source: str) -> None:
        ingest_images(self.dataset, KEY, source, max_reject_ratio=1.0)

    def rows(self) -> list[dict[str, Any]]:
        return sorted(self.dataset.images(partition_key=KEY).drop_columns(["ingested_at"]).to_pylist(), key=str)

    def check_after_a_kill(self) -> None:
        found = self.rows()
        # Each table is a commit of its own, rejects first: they may be the new run's where the images are not yet.
        assert self.dataset.read("rejects", partition_key=KEY)["file_name"].to_pylist() in ([], ["broken.png"])
        self.ingest(self.new)
        new_rows = self.rows()
        assert len(new_rows) == NEW_IMAGES
        assert {row["source_uri"] for row in new_rows} == {path.as_uri() for path in Path(self.new).glob("[0-9]*.png")}
        assert found in (self.old_rows, new_rows), f"{len(found)} rows are neither the old nor the new ones"
        for row in found + new_rows:
            assert hashlib.sha256(Path(local_path(row["storage_uri"])).read_bytes()).hexdigest() == row["image_id"]
        assert self.dataset.read("rejects", partition_key=KEY)["file_name"].to_pylist() == ["broken.png"]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@pytest.mark.parametrize(("what", "when", "nth"), POINTS)
def test_a_run_killed_at_a_step_leaves_the_old_or_the_new_rows(scene: Scene, what: str, when: str, nth: int) -> None:
    child = scene.context.Process(target=run_until_killed, args=(scene.home, scene.new, what, when, nth))
    child.start()
    child.join(PATIENCE_SECONDS)
    assert child.exitcode == -signal.SIGKILL
    images_were_committed = what == "replace_partition" or (
        what == "commit_table" and (nth, when) in ((2, "after"), (3, "before"), (3, "after"))
    )
    assert (scene.rows() != scene.old_rows) is images_were_committed
    scene.check_after_a_kill()


@pytest.mark.races
@pytest.mark.parametrize("delay", DELAYS)
def test_a_run_killed_after_a_while_leaves_the_old_or_the_new_rows(scene: Scene, delay: float) -> None:
    started = scene.context.Event()
    child = scene.context.Process(target=run_after_telling, args=(scene.home, scene.new, started))
    child.start()
    assert started.wait(PATIENCE_SECONDS)
    time.sleep(delay)
    child.kill()
    child.join(PATIENCE_SECONDS)
    scene.check_after_a_kill()


def run_until_killed(home: str, source: str, what: str, when: str, nth: int) -> None:
    """Ingest in a process of its own that kills itself at the given call."""
    from pyiceberg.catalog.sql import SqlCatalog

    owner: Any = {"ask": pool._Process, "write_file": local.LocalStore, "commit_table": SqlCatalog}.get(what, Dataset)
    setattr(owner, what, killing(getattr(owner, what), when, nth))
    ingest_images(open_dataset("digits", home=home), KEY, source, max_reject_ratio=1.0)


def run_after_telling(home: str, source: str, started: Any) -> None:
    dataset = open_dataset("digits", home=home)
    dataset.snapshot_id("images")
    started.set()
    ingest_images(dataset, KEY, source, max_reject_ratio=1.0)


def killing(function: Callable[..., Any], when: str, nth: int) -> Callable[..., Any]:
    calls = iter(range(1, 1_000_000))

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        is_the_one = next(calls) == nth
        if is_the_one and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*args, **kwargs)
        if is_the_one:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapped
