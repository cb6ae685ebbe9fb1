"""Maintenance beside writers that take up what it is about to delete, some of them and some of it killed; and what must hold afterwards."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from integration.race_workers import at_once, die_at
from PIL import Image
from processes import PATIENCE_SECONDS, forkserver

from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.errors import DatasetNotFoundError
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.store.local import LocalStore
from airflow_cv_dataops.core.store.maintenance.maintain import maintain_dataset
from airflow_cv_dataops.core.store.objects import local_path

_DAY = timedelta(days=1)


def ingest(dataset: Dataset, folder: Path, key: str, names: Sequence[str]) -> None:
    """Ingest pictures of these names, each of another colour, as one partition."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    for name in names:
        Image.new("RGB", (16, 16), tuple(hashlib.sha256(name.encode()).digest()[:3])).save(folder / f"{name}.png")
    ingest_images(dataset, key, str(folder), workers=1)


def names_of(writer: int) -> list[str]:
    return [f"{writer}-{number}" for number in range(4)]


def write(home: str, writer: int, rounds: int, die_at: int | None = None) -> str:
    """Bring images back that nothing refers to any more, drop them, bring them back; promote each time; return what the partition holds."""
    if die_at is not None:
        _die_at("commit", die_at)
    dataset = open_dataset("digits", home=home)
    for turn in range(rounds):
        ingest(dataset, Path(home) / f"photos-{writer}", f"p{writer}", names_of(writer)[turn % 2 :])
        promote_dataset(dataset, stage=f"stage_{writer}")
    return f"p{writer}"


def maintain(home: str, since: datetime, rounds: int, die_at: tuple[str, int] | None = None) -> int:
    """Forget and delete what had ended before a moment, as if it were long ago; return how many files went."""
    if die_at is not None:
        _die_at(*die_at)
    deleted = 0
    for _ in range(rounds):
        now = datetime.now(UTC)
        days = (now - since) / _DAY
        result = maintain_dataset(open_dataset("digits", home=home), keep_history_days=days, grace_days=days, now=now)
        assert result.failure is None, result.failure
        deleted += result.summary.counts["deleted_files"]
    return deleted


def check_beside_writers(home: str, *, writers: int, rounds: int, deaths: Sequence[tuple[str, int]], dying_writers: Sequence[int]) -> None:
    """Let maintenance die a few times, then let writers, some of which die, and maintenance run at once, and let it die there, too."""
    dataset = open_dataset("digits", home=home)
    for writer in (*range(writers), *(100 + n for n in range(len(dying_writers)))):
        ingest(dataset, Path(home) / f"photos-{writer}", f"p{writer}", ["held"])
    promote_dataset(dataset, stage="held")
    for names in (names_of, lambda writer: [f"{writer}-other"]):
        for writer in range(writers):
            ingest(dataset, Path(home) / f"photos-{writer}", f"p{writer}", names(writer))
    since = datetime.now(UTC)
    _make_old(dataset, since - _DAY)
    before = bytes_of(dataset, "v1")

    context = forkserver()
    for at in deaths:
        victim = context.Process(target=maintain, args=(home, since, 1, at))
        victim.start()
        victim.join(PATIENCE_SECONDS)
        assert victim.exitcode == -signal.SIGKILL
    victims = [context.Process(target=write, args=(home, 100 + n, 50, at)) for n, at in enumerate(dying_writers)]
    in_passing = [context.Process(target=maintain, args=(home, since, rounds, at)) for at in deaths]
    for victim in (*victims, *in_passing):
        victim.start()
    work: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [(write, (home, writer, rounds)) for writer in range(writers)]
    work += [(maintain, (home, since, rounds))] * 2
    at_once(_call, work)
    for victim in (*victims, *in_passing):
        victim.join(PATIENCE_SECONDS)
    assert [victim.exitcode for victim in victims] == [-signal.SIGKILL] * len(victims)
    assert {victim.exitcode for victim in in_passing} <= {0, -signal.SIGKILL}, "others may have left it nothing to die of"

    maintain(home, since, 1)
    assert bytes_of(dataset, "v1") == before, "what a kept release holds is the same to the byte"
    for writer in range(writers):
        found = sorted(dataset.images(["file_name"], partition_key=f"p{writer}")["file_name"].to_pylist())
        assert found == [f"{name}.png" for name in names_of(writer)[(rounds - 1) % 2 :]]
    _check_images(dataset, dataset.images())
    for row in dataset.read("releases").to_pylist():
        held = dataset.release(row["release"]).images()
        assert held.num_rows == row["images"]
        _check_images(dataset, held)
    assert not [path for path in Path(local_path(dataset.root_uri)).rglob("*.tmp") if path.stat().st_mtime < since.timestamp()]


def _call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    return function(*arguments)


def bytes_of(dataset: Dataset, release: str) -> dict[str, str]:
    """Return the digest of every data file and every stored image of a release."""
    held = dataset.release(release)
    paths = [local_path(uri) for uri in held.images()["storage_uri"].to_pylist()]
    for table, snapshot_id in held.snapshots.items():
        found = dataset.load_table(table)
        if found is None or found.snapshot_by_id(int(snapshot_id)) is None:
            raise DatasetNotFoundError(f"{table} at {snapshot_id} is gone")
        paths += [local_path(task.file.file_path) for task in found.scan(snapshot_id=int(snapshot_id)).plan_files()]
    return {path: hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in paths}


def _check_images(dataset: Dataset, images: Any) -> None:
    for image_id, uri in zip(images["image_id"].to_pylist(), images["storage_uri"].to_pylist(), strict=True):
        data = Path(local_path(uri)).read_bytes()
        assert hashlib.sha256(data).hexdigest() == image_id, json.dumps({"image": image_id, "kept at": uri})


def _make_old(dataset: Dataset, moment: datetime) -> None:
    for path in Path(local_path(dataset.root_uri)).rglob("*"):
        if path.is_file():
            os.utime(path, (moment.timestamp(), moment.timestamp()))


def _die_at(what: str, number: int) -> None:
    """Die at a commit, or when a file is deleted."""
    from pyiceberg.catalog.sql import SqlCatalog

    owner, name = (SqlCatalog, "commit_table") if what == "commit" else (LocalStore, "delete_if_older")
    die_at(owner, name, number)
