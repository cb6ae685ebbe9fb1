"""A local folder to export to."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.export.targets.target import FOLDER, Target
from airflow_cv_dataops.core.store.objects import local_path

_LEFT_BEHIND_SECONDS = 24 * 3600.0


class LocalTarget(Target):
    """A folder. Files are written beside it, in a folder of the run's own, and moved into place."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self._root = Path(local_path(uri))
        if self._root.exists() and not self._root.is_dir():
            raise ConfigurationError(f"{uri} is a file: an export needs a folder.")
        if (self._root / FOLDER).is_symlink():
            raise ConfigurationError(f"{FOLDER} below {uri} is a symbolic link: an export's own files lie in its folder.")
        self._staging = self._full(f"{FOLDER}/.{socket.gethostname()}~{os.getpid()}~{os.urandom(4).hex()}")
        self._made: set[str] = set()

    def _full(self, path: str) -> str:
        return f"{self._root}/{path}"  # without pathlib, as all that is done for each file

    def size(self, path: str) -> int | None:
        try:
            return os.stat(self._full(path)).st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def holds(self, path: str, size: int, sha256: str) -> bool:
        return self.size(path) == size and self.sha256(path) == sha256

    def sha256(self, path: str) -> str:
        with open(self._full(path), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def read(self, path: str) -> bytes:
        return (self._root / path).read_bytes()

    def put(self, path: str, data: bytes) -> None:
        staged = self._staged()
        _write(staged, data)
        self._move(staged, path)

    def put_file(self, path: str, local_file: Path) -> None:
        staged = self._staged()
        shutil.move(local_file, staged)
        self._move(staged, path)

    def remove(self, path: str) -> None:
        (self._root / path).unlink()

    def check_link(self, storage_uri: str) -> None:
        with contextlib.suppress(FileNotFoundError):  # which image that is, the export says
            os.unlink(self._linked(storage_uri))

    def link(self, path: str, storage_uri: str) -> None:
        staged = self._linked(storage_uri)
        self._move(staged, path)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(staged)  # os.replace leaves it behind where the same link is there already

    def _linked(self, storage_uri: str) -> str:
        if not storage_uri.startswith("file://"):
            raise ConfigurationError(f"images='link' makes hard links, and images are kept at {storage_uri}: use images='copy'.")
        staged = self._staged()
        try:
            os.link(os.path.realpath(local_path(storage_uri)), staged)  # of a symbolic link the link itself would be linked
        except FileNotFoundError:
            raise
        except OSError as error:
            raise ConfigurationError(
                f"images='link' cannot link {storage_uri} to {self.uri} ({error.strerror}): both must lie on one file system that has hard "
                "links; use images='copy'."
            ) from error
        return staged

    def _staged(self) -> str:
        self._make(self._staging)
        return f"{self._staging}/{os.urandom(8).hex()}"

    def _move(self, staged: str, path: str) -> None:
        place = self._full(path)
        self._make(place.rpartition("/")[0])
        os.replace(staged, place)

    def _make(self, folder: str) -> None:
        if folder not in self._made:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self._made.add(folder)

    def paths(self) -> Iterator[str]:
        seen = {os.path.realpath(self._root)}
        for folder, folders, names in os.walk(self._root, followlinks=True):  # somebody may have moved a part to a larger disk
            relative = os.path.relpath(folder, self._root)
            wanted = (name for name in folders if not name.startswith(".") and not (relative == "." and name == FOLDER))
            folders[:] = sorted(name for name in wanted if _is_new(os.path.join(folder, name), seen))
            yield from (os.path.normpath(os.path.join(relative, name)) for name in names if not name.startswith("."))

    def clear(self, keep: str) -> None:
        for folder, folders, names in os.walk(self._root, topdown=False):
            for path in (Path(folder, name) for name in (*names, *folders)):
                if path == self._root / keep or path.relative_to(self._root).parts[0].startswith("."):
                    continue
                if not path.is_dir() or path.is_symlink():
                    path.unlink(missing_ok=True)
                elif path not in (self._root / keep).parents:
                    _remove_empty(path)
        self._made.clear()

    def close(self) -> None:
        """Remove the run's folder, and those of runs that were killed."""
        shutil.rmtree(self._staging, ignore_errors=True)
        for left in (self._root / FOLDER).glob(".*~*~*"):
            if _is_left_behind(left):
                shutil.rmtree(left, ignore_errors=True)
        with contextlib.suppress(OSError):
            (self._root / FOLDER).rmdir()  # where nothing was begun


def _is_new(folder: str, seen: set[str]) -> bool:
    """Say whether a folder is to be walked through: a link to one that was leads in circles, or to the same files again."""
    if not os.path.islink(folder):
        return True
    place = os.path.realpath(folder)
    is_new = not any(place == other or other.startswith(f"{place}/") for other in seen)
    seen.add(place)
    return is_new


def _remove_empty(folder: Path) -> None:
    """Remove a folder, unless another run that clears the same target was faster, and has written into it."""
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTEMPTY):
            raise


def _write(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)


def _is_left_behind(staging: Path) -> bool:
    """Say whether the run that this folder belongs to is over: its process is gone from this machine, or it is a day old."""
    host, process, _ = staging.name.removeprefix(".").rsplit("~", 2)
    with contextlib.suppress(OSError, ValueError):
        if host == socket.gethostname():
            try:
                os.kill(int(process), 0)
            except ProcessLookupError:
                return True
        return time.time() - staging.stat().st_mtime > _LEFT_BEHIND_SECONDS
    return False
