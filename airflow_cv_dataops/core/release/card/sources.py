"""Where files came from: prefixes without their partitions, counted."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.store.source_names import stable_source

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_FILES = 8  # of a folder: more are told by their folder
_MOST_LENGTHS = 16
_LAST_PART = r"[^/]*$"


class ImageSources:
    """Counts files by the prefix that they were listed below."""

    def __init__(self) -> None:
        self._files: Counter[str] = Counter()

    def add(self, rows: pa.Table) -> None:
        """:param rows: partition_key, source_uri and file_name (the path below the prefix)."""
        for key, part in _by_partition(rows):
            self._files.update(_named(_prefixes(part["source_uri"], part["file_name"]), key))

    def counted(self) -> tuple[tuple[str, int], ...]:
        """Return prefix and files, the most first."""
        return _most_first(self._files)


class LabelSources:
    """Counts labels by the file that they were read from, or by its folder where that has many."""

    def __init__(self) -> None:
        self._files: Counter[str] = Counter()
        self._folders: Counter[str] = Counter()

    def add(self, rows: pa.Table) -> None:
        """:param rows: partition_key and source (the URI of the label file)."""
        import pyarrow.compute as pc

        for key, part in _by_partition(rows):
            files = _counted(part["source"])
            if len(files) <= _MOST_FILES:
                self._files.update(_named(files, key))
            else:
                self._folders.update(_named(_counted(pc.replace_substring_regex(part["source"], _LAST_PART, "")), key))

    def counted(self) -> tuple[tuple[str, int], ...]:
        """Return file or folder and labels, the most first."""
        by_folder: dict[str, list[str]] = {}
        for file in self._files:
            by_folder.setdefault(file.rpartition("/")[0], []).append(file)
        found = Counter(self._folders)
        for folder, files in by_folder.items():
            for file in files:
                found[folder if folder in self._folders or len(files) > _MOST_FILES else file] += self._files[file]
        return _most_first(found)


def _by_partition(rows: pa.Table) -> list[tuple[str, pa.Table]]:
    """Return partition key and rows; a data file has one partition's."""
    import pyarrow.compute as pc

    keys = rows["partition_key"].unique().to_pylist()
    return [(key, rows if len(keys) == 1 else rows.filter(pc.equal(rows["partition_key"], key))) for key in keys]


def _prefixes(uris: pa.ChunkedArray, names: pa.ChunkedArray) -> Counter[str]:
    """Return what stands before each file's name; of a URI that does not end with the name, as it is encoded, its folder."""
    import pyarrow.compute as pc

    found: Counter[str] = Counter()
    lengths = pc.subtract(pc.utf8_length(uris), pc.utf8_length(names))
    known = lengths.unique().to_pylist()
    for length in known if len(known) <= _MOST_LENGTHS else ():  # as many rounds as prefixes differ in length
        of_length = pc.equal(lengths, length)
        whole, ends = uris.filter(of_length), names.filter(of_length)
        fits = pc.equal(pc.utf8_slice_codeunits(whole, max(length, 0)), ends)
        found.update(_counted(pc.utf8_slice_codeunits(whole.filter(fits), 0, max(length, 0))))
        found.update(_counted(pc.replace_substring_regex(whole.filter(pc.invert(fits)), _LAST_PART, "")))
    if len(known) > _MOST_LENGTHS:
        found.update(_counted(pc.replace_substring_regex(uris, _LAST_PART, "")))
    return found


def _named(counts: Counter[str], key: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for uri, count in counts.items():
        found[stable_source(uri, key) if uri else "(no file)"] += count
    return found


def _counted(column: pa.ChunkedArray) -> Counter[str]:
    import pyarrow.compute as pc

    return Counter({entry["values"]: entry["counts"] for entry in pc.value_counts(column).to_pylist()})


def _most_first(counts: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))
