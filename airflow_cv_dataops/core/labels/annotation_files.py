"""The label or prediction files of a source: one file, or every file with the right extension below a prefix."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from airflow_cv_dataops.core.arguments import check_list, check_pattern
from airflow_cv_dataops.core.errors import ConfigurationError, EmptySourceError, SourceError, StoreError
from airflow_cv_dataops.core.labels.other_files import advice_on
from airflow_cv_dataops.core.store.objects import ObjectStore, Place, normalize_uri, open_store, read_uri, without_credentials
from airflow_cv_dataops.core.store.selection import selector
from airflow_cv_dataops.core.store.uris import told_uri
from airflow_cv_dataops.core.wording import readable

log = logging.getLogger(__name__)

_READERS = 16
_FILES_PER_BATCH = 512
# `set/data.yaml` lies two above `set/train/labels`.
_FOLDERS_ABOVE = 2
_NO_OPTIONS: Mapping[str, Any] = {}


@dataclass(frozen=True)
class SourceFile:
    """One file of a source.

    :param path: below the source prefix, with ``/``; a single file's own name.
    :param uri: without credentials: for rows, findings and lineage.
    """

    path: str
    uri: str


class Source:
    """The files of a source URI. Use :func:`open_source`.

    :param paths: of all its files; of a single one, ``pattern`` and ``exclude`` are ignored: it was named.
    """

    def __init__(
        self,
        store: ObjectStore,
        paths: Sequence[str],
        *,
        is_file: bool,
        options: Mapping[str, Any] = _NO_OPTIONS,
        pattern: str | None = None,
        exclude: Sequence[str] = (),
    ) -> None:
        self._store, self._options = store, options
        self._found, self._choice = paths, f"pattern={pattern!r}, exclude={list(exclude)!r}"
        self.is_file = is_file
        self.wanted = paths if is_file else list(filter(selector(pattern, exclude), paths))
        """Paths of what may be a label or prediction file."""
        self.paths = paths if is_file else list(filter(selector(None, exclude), paths))
        """Paths of what may be looked at, such as files with class names, whatever ``pattern`` says of label files."""

    def file(self, path: str) -> SourceFile:
        return SourceFile(path, without_credentials(self._store.uri_of(path)))

    @property
    def dead_links(self) -> Sequence[str]:
        """URIs of the links behind which nothing is, of a source that was listed."""
        return self._store.dead_links

    def found_outside(self, names: Sequence[str]) -> str | None:
        """Return the URI of the first of some files that lies in one of the two folders above the source, or beside a single file.

        The nearer folder goes first; for messages. ``None`` where there is none, and where it cannot be told.
        """
        from obstore.exceptions import BaseError

        folder = self._store.uri.rstrip("/")
        above = [folder] if self.is_file else []
        for _ in range(_FOLDERS_ABOVE):
            folder = folder.rpartition("/")[0]
            above.append(folder)
        for folder in above:
            if folder.endswith((":", "/")) or not folder:
                return None
            try:
                store = open_store(folder, self._options)
                found = next((name for name in names if store.size(name) is not None), None)
            except (StoreError, OSError, BaseError, ConfigurationError):
                return None
            if found is not None:
                return without_credentials(store.uri_of(found))
        return None

    def select(self, extensions: Sequence[str], *, named_by_image: bool = False) -> list[SourceFile]:
        """Return the files with one of the extensions, by path, each once; a single file whatever its extension.

        A link to one of the others (``latest.json``) is left out: its labels would be there twice.

        :param named_by_image: a file's name may say which image it is of, so that a link of another name is another image's file.
        :raises EmptySourceError: there are such files, and none is wanted.
        """
        if self.is_file:
            return [self.file(path) for path in self.wanted]
        paths = [path for path in self.wanted if path.lower().endswith(tuple(extensions))]
        if not paths and (left_out := sum(path.lower().endswith(tuple(extensions)) for path in self._found)):
            raise EmptySourceError(
                f"None of the {left_out:,} {' or '.join(extensions)} files at {told_uri(self._store.uri)} is wanted "
                f"({self._choice}; hidden and house-keeping files are left out)."
            )
        repeated = self._store.repeated_links(paths, by_name=named_by_image)
        if repeated:
            shown = self.file(min(repeated)).uri
            log.info("%d links lead to files of the source that are read anyway, and are left out; the first: %s", len(repeated), shown)
        return [self.file(path) for path in paths if path not in repeated]

    def start(self, file: SourceFile, length: int) -> bytes:
        """Return the first bytes of a file. :raises OSError: it cannot be read."""
        return self._store.read_start(file.path, length)

    def size(self, file: SourceFile) -> int:
        """Return the size of a file in bytes. :raises OSError: it is not there (any more)."""
        size = self._store.size(file.path)
        if size is None:
            raise OSError(f"{readable(file.uri)} is not there")
        return size

    def is_never_readable(self, file: SourceFile) -> bool:
        """Say whether no try will ever read the file: its key cannot be asked for, or it is a named pipe."""
        return self._store.is_never_readable(file.path)

    def read(self, files: Sequence[SourceFile]) -> Iterator[tuple[SourceFile, bytes | OSError]]:
        """Yield each file, in order, with its bytes or with why it cannot be read; several are read at once.

        :raises StoreError: the store does not answer, or refuses: nothing can be said of any file.
        """

        def read_one(file: SourceFile) -> bytes | OSError:
            try:
                return self._store.read(file.path)
            except StoreError as error:
                raise store_failure(error, len(files)) from error
            except OSError as error:
                return error

        with ThreadPoolExecutor(_READERS) as pool:
            for start in range(0, len(files), _FILES_PER_BATCH):
                batch = files[start : start + _FILES_PER_BATCH]
                yield from zip(batch, pool.map(read_one, batch), strict=True)


def open_source(
    uri: str, options: Mapping[str, Any] = _NO_OPTIONS, *, pattern: str | None = None, exclude: Sequence[str] | None = None
) -> Source:
    """Find the files at ``uri``: a file, or a prefix with files below it.

    :param pattern: glob that the path of a label or prediction file below the prefix has to match; default: every path does.
    :param exclude: globs of files that are not looked at; hidden and house-keeping files never are.
    :raises ConfigurationError: ``pattern`` is no string, ``exclude`` is one, or the file is an archive or JSON lines.
    :raises EmptySourceError: there is nothing. :raises SourceError: it cannot be listed, or the store does not say.
    """
    check_pattern(pattern)
    check_list("exclude", exclude)
    uri = normalize_uri(uri)
    advice = advice_on(uri)
    parent, _, name = uri.rpartition("/")
    is_file, refused = _is_file(parent, name, options) if name and not parent.endswith(":/") else (False, None)
    if is_file and advice:
        raise ConfigurationError(f"{told_uri(uri)} is {advice}")
    if is_file:
        return Source(open_store(parent, options), [_own_name(name, parent)], is_file=True, options=options)
    store = open_store(uri, options)
    paths = sorted(found.path for found in store.list() if not found.is_folder)
    if not paths and refused is not None:
        raise SourceError(f"Cannot tell whether there is a file at {told_uri(uri)}: {refused}") from refused
    if not paths and advice and "!/" in uri:
        raise ConfigurationError(f"{told_uri(uri)} is {advice}")
    if not paths:
        why = store.why_nothing()
        raise EmptySourceError(f"There is nothing at {told_uri(uri)} ({why}): expected a file, or a prefix with files below it.")
    return Source(store, paths, is_file=False, options=options, pattern=pattern or None, exclude=tuple(exclude or ()))


def store_failure(error: StoreError, files: int) -> StoreError:
    """Return the error of a whole import for that of one of its files."""
    return StoreError(
        f"{error}. The store does not answer or refuses, so none of the {files:,} files was taken and nothing was committed: run the "
        "import again when it does, or mend the credentials."
    )


def read_file(place: Place) -> bytes:
    """Return the bytes of one file that an argument names.

    :raises SourceError: it cannot be read. :raises StoreError: its store does not answer.
    """
    try:
        return read_uri(place.uri, place.options)
    except StoreError:
        raise
    except OSError as error:
        raise SourceError(f"Cannot read {told_uri(place.uri)}: {error}") from error


def _is_file(parent: str, name: str, options: Mapping[str, Any]) -> tuple[bool, Exception | None]:
    """Say whether the URI is a file, and why the store does not tell, which listing it as a prefix may settle: keys may be allowed that."""
    from obstore.exceptions import BaseError

    try:
        return open_store(parent, options).size(_own_name(name, parent)) is not None, None
    except StoreError as error:
        return False, error
    except (OSError, BaseError, ConfigurationError):
        return False, None


def _own_name(name: str, parent: str) -> str:
    """Return a file's name as its store knows it: local URIs are percent-encoded."""
    return unquote(name) if parent.startswith("file://") else name
