"""What an export says of itself: what it is of, which files it has, with their hashes. The manifest is written last."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.export.targets.opening import open_target
from airflow_cv_dataops.core.export.targets.target import FOLDER, Target
from airflow_cv_dataops.core.export.unexpected import UnexpectedFiles
from airflow_cv_dataops.core.store.objects import Place

PLAN = f"{FOLDER}/export.json"
MANIFEST = f"{FOLDER}/manifest.json"
_PARTS = f"{FOLDER}/parts"
_MOST_NAMED = 10
_WORKERS = 16
_NO_OPTIONS: Mapping[str, Any] = {}


@dataclass(frozen=True)
class File:
    """One file of an export.

    :param size: in bytes.
    :param image: of an image's file: ``image_id``, ``partition_key`` and ``source_uri``.
    """

    path: str
    size: int
    sha256: str
    image: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, path: str, data: bytes) -> File:
        return cls(path, len(data), hashlib.sha256(data).hexdigest())


@dataclass(frozen=True)
class Part:
    """Some files of an export, listed together: those of one shard of its images."""

    path: str
    sha256: str
    files: int
    bytes: int


@dataclass(frozen=True)
class ExportCheck:
    """What a look at an export found.

    :param files: how many it has.
    :param missing: paths of files that are not there, at most ten, as of the other two.
    :param changed: of files that are not as they were written.
    :param unexpected: of files below it that are no part of it, hidden ones apart.
    :param manifest: what the export says of itself.
    """

    files: int
    missing: tuple[str, ...]
    changed: tuple[str, ...]
    unexpected: tuple[str, ...]
    manifest: Mapping[str, Any]

    @property
    def is_whole(self) -> bool:
        """Say whether every file is as it was written."""
        return not self.missing and not self.changed


def check_export(target: str | PathLike[str] | Place, *, options: Mapping[str, Any] = _NO_OPTIONS, read_files: bool = True) -> ExportCheck:
    """Look whether an export is whole: every file of its manifest is there, with its size and hash.

    :param target: URI or path of the folder or prefix.
    :param options: obstore's configuration, as of any place.
    :param read_files: whether files are read and hashed; else their sizes alone are compared.
    :raises DatasetNotFoundError: there is no export, or one that was not finished: nobody should train on it.
    """
    store = open_target(Place.of(target, options))
    manifest = read_json(store, MANIFEST)
    if manifest is not None and not isinstance(manifest.get("parts"), list):
        raise ConfigurationError(f"{MANIFEST} below {store.uri} was not written by an export.")
    if manifest is None:
        unfinished = " An export was begun there and not finished: run it again." if read_json(store, PLAN) else ""
        raise DatasetNotFoundError(f"{store.uri} holds no export: {MANIFEST} is not there.{unfinished}")
    missing: list[str] = []
    changed: list[str] = []
    known = UnexpectedFiles()
    files = 0
    with ThreadPoolExecutor(_WORKERS) as pool:
        for part in manifest["parts"]:
            listing = store.read(part["path"]) if store.size(part["path"]) is not None else None
            if listing is None or hashlib.sha256(listing).hexdigest() != part["sha256"]:
                (missing if listing is None else changed).append(part["path"])
                continue
            listed = list(files_of(listing))
            files += len(listed)
            for file, problem in zip(listed, pool.map(lambda file: _problem(store, file, read_files=read_files), listed), strict=True):
                known.expect(file.path)
                if problem:
                    (missing if problem == "missing" else changed).append(file.path)
    named = [tuple(sorted(paths)[:_MOST_NAMED]) for paths in (missing, changed, known.among(store.paths()))]
    return ExportCheck(files, named[0], named[1], named[2], manifest)


def _problem(store: Target, file: File, *, read_files: bool) -> str | None:
    """Say what is wrong with a file: ``missing``, ``changed``, or nothing."""
    if (size := store.size(file.path)) is None:
        return "missing"
    return "changed" if size != file.size or (read_files and store.sha256(file.path) != file.sha256) else None


def part_path(name: str) -> str:
    """Return where a part's list of files lies."""
    return f"{_PARTS}/{name}.jsonl"


def listing_of(files: Iterable[File]) -> bytes:
    """Return files as JSON lines."""
    lines = ({"path": file.path, "bytes": file.size, "sha256": file.sha256, **file.image} for file in files)
    return "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines).encode()


def files_of(listing: bytes) -> Iterator[File]:
    """Yield files of such lines."""
    for line in listing.splitlines():  # of bytes: text would also be cut at U+2028, which JSON leaves as it is
        values = json.loads(line)
        yield File(values.pop("path"), values.pop("bytes"), values.pop("sha256"), values)


def read_json(target: Target, path: str) -> dict[str, Any] | None:
    """Return a JSON object of the export; ``None`` where there is none. :raises ConfigurationError: there is something else."""
    if target.size(path) is None:
        return None
    try:
        found = json.loads(target.read(path))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ConfigurationError(f"{path} below {target.uri} was not written by an export.")
    return found


def json_bytes(value: Mapping[str, Any]) -> bytes:
    """Return JSON for people and programs, the same for the same value."""
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
