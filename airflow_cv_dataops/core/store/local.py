"""Local files as a store."""

from __future__ import annotations

import builtins
import logging
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from airflow_cv_dataops.core.errors import SourceError
from airflow_cv_dataops.core.store.base import ObjectInfo, ObjectStore
from airflow_cv_dataops.core.store.local_folders import folders_below, is_link_to_empty_folder, repeated_links
from airflow_cv_dataops.core.store.uris import file_uri, local_path
from airflow_cv_dataops.core.wording import readable

log = logging.getLogger(__name__)

ASIDE = ".aside"
"""What ends the name of a file while it is being deleted."""


class LocalStore(ObjectStore):
    """Local files. obstore refuses a whole listing for one odd file name, so listing and reading are the standard library's."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._root = os.fsencode(local_path(uri))
        self._above = len(os.path.join(self._root, b""))
        self._names: dict[str, bytes] = {}
        self._linked: dict[bytes, bool] = {}
        self.dead_links: builtins.list[str] = []

    def list(self) -> Iterator[ObjectInfo]:
        def refuse(error: OSError) -> None:
            if error.filename and os.fsencode(error.filename) == self._root and isinstance(error, FileNotFoundError):
                return
            raise SourceError(f"Cannot list {readable(self.uri)}: {error}")

        if os.path.isfile(self._root):
            raise SourceError(f"{readable(self.uri)} is a file; expected a folder with files below it.")
        gone: builtins.list[ObjectInfo] = []
        dead = self.dead_links = []
        for folder, names in folders_below(self._root, refuse):
            if not names and folder != self._root and is_link_to_empty_folder(folder):
                dead.append(file_uri(folder))
            for name in names:
                full = os.path.join(folder, name)
                found = self._info(full)
                if found.size is None:
                    gone.append(found)
                    if os.path.islink(full):
                        dead.append(found.uri)
                yield found
        if gone:  # one may have been a link to a folder, with all that was in it
            log.warning(
                "%d of what lies at %s cannot be looked at, such as links that lead nowhere; the first: %s",
                len(gone),
                self.uri,
                gone[0].path,
            )

    def _info(self, full: bytes) -> ObjectInfo:
        relative = full[self._above :]  # os.path.relpath takes longer than all the rest of a listing
        path = _readable(relative)
        if path.encode() != relative:
            self._names[path] = relative
        try:
            found = os.stat(full)
        except OSError:
            return ObjectInfo(path, file_uri(full), None)
        etag = f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"
        modified_at = datetime.fromtimestamp(found.st_mtime, UTC)
        changed_at = datetime.fromtimestamp(max(found.st_mtime, found.st_ctime), UTC)
        return ObjectInfo(path, file_uri(full), found.st_size, etag, None, modified_at, changed_at)

    def _full(self, path: str) -> bytes:
        return os.path.join(self._root, self._names.get(path, path.encode()))

    def read(self, path: str) -> bytes:
        return read_regular_file(os.fsdecode(self._full(path)))

    def read_start(self, path: str, length: int) -> bytes:
        return read_regular_file(os.fsdecode(self._full(path)), length)

    def fetch(self, info: ObjectInfo) -> bytes:
        # By URI: the readable path of a name with undecodable bytes may also be another file's very name.
        return read_regular_file(local_path(info.uri))

    def write(self, path: str, data: bytes) -> str:
        return self._put(path, lambda staged: staged.write_bytes(data))

    def write_file(self, path: str, local_file: str) -> str:
        return self._put(path, lambda staged: shutil.copyfile(local_file, staged))

    def _put(self, path: str, fill: Callable[[Path], object]) -> str:
        target = Path(os.fsdecode(self._full(path)))
        target.parent.mkdir(parents=True, exist_ok=True)
        staged = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
        try:
            fill(staged)
            os.replace(staged, target)
        finally:
            staged.unlink(missing_ok=True)
        return self.uri_of(path)

    def size(self, path: str) -> int | None:
        try:
            found = os.stat(self._full(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def renew(self, path: str, size: int) -> bool:
        if self.size(path) != size:
            return False
        try:
            os.utime(self._full(path))
        except OSError:  # gone meanwhile, or somebody else's: written again, it is ours
            return False
        return True

    def delete_if_older(self, path: str, than: datetime) -> bool:
        """As above: put aside first, so that who renews it at this very moment either is seen, or finds that it is not there."""
        full = os.fsdecode(self._full(path))
        folder, name = os.path.split(full)
        aside = os.path.join(folder, f".{name}.{os.getpid()}.{os.urandom(4).hex()}{ASIDE}")
        try:
            if os.lstat(full).st_mtime >= than.timestamp():
                return False
            os.rename(full, aside)
            if os.lstat(aside).st_mtime >= than.timestamp():
                os.rename(aside, full)
                return False
            os.unlink(aside)
        except FileNotFoundError:  # another clean-up was faster
            return True
        return True

    def put_back(self, path: str) -> None:
        aside = os.fsdecode(self._full(path))
        folder, name = os.path.split(aside)
        target = os.path.join(folder, name[1:].removesuffix(ASIDE).rsplit(".", 2)[0])
        with suppress(FileNotFoundError):
            if os.path.lexists(target):
                os.unlink(aside)
            else:
                os.rename(aside, target)

    def is_behind_link(self, path: str) -> bool:
        full = self._full(path)
        return os.path.islink(full) or self._is_linked(os.path.dirname(full))

    def _is_linked(self, folder: bytes) -> bool:
        if folder not in self._linked:
            is_root = len(folder) <= len(self._root.rstrip(b"/"))
            self._linked[folder] = not is_root and (os.path.islink(folder) or self._is_linked(os.path.dirname(folder)))
        return self._linked[folder]

    def uri_of(self, path: str) -> str:
        return file_uri(self._full(path))

    def is_never_readable(self, path: str) -> bool:
        try:
            return not stat.S_ISREG(os.stat(self._full(path)).st_mode)
        except OSError:
            return False  # it is not there just now, or this process may not look: either may pass

    def repeated_links(self, paths: Sequence[str], *, by_name: bool) -> builtins.set[str]:
        full = [self._full(path) for path in paths]
        repeated = repeated_links(full, by_name=by_name)
        return {path for path, place in zip(paths, full, strict=True) if place in repeated}

    def why_nothing(self) -> str:
        if os.path.isdir(self._root):
            return "the folder is there, and no file is in it or below it"
        if os.path.islink(self._root):
            return f"it is a link to {os.fsdecode(os.readlink(self._root))!r}, where nothing is"
        return "there is no file or folder of that name"


def read_regular_file(path: str, length: int = -1) -> bytes:
    with open(path, "rb", opener=_open_without_blocking) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{path} is not a regular file")
        return file.read(length)


def _open_without_blocking(path: str, flags: int) -> int:
    """Open so that a named pipe below the prefix cannot hang the task."""
    return os.open(path, flags | os.O_NONBLOCK)


def _readable(path: bytes) -> str:
    return path.decode("utf-8", errors="backslashreplace")
