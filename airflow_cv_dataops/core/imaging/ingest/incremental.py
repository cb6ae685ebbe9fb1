"""Which files of a partition need not be read again, because neither they nor what is asked of them has changed.

How a run uses it::

    wanted = parameters_id(formats=formats, limits=limits, copy_images=copy_images)
    old_images, old_rejects = dataset.images(partition_key=key), dataset.read("rejects", partition_key=key)
    unchanged, changed = split_unchanged(files, old_images, old_rejects, wanted)
    kept_images, kept_rejects = kept_rows(old_images, unchanged), kept_rows(old_rejects, unchanged)
    # read, decode and measure ``changed`` only; every new row carries ``wanted`` as its parameters_id
    # issues of ``kept_images`` are worked out from their measures (``measures.verdicts``): thresholds are not among the parameters
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.store.objects import ObjectInfo

if TYPE_CHECKING:
    import pyarrow as pa

MEASURES_VERSION = 2
"""Raised whenever the same bytes and parameters give other facts or measures than before: every partition is then read again once.

Not for another issue or threshold: what is an issue is worked out from the measures, of rows that are kept too.
"""

READ_AGAIN = ("unreadable", "timeout")
"""Reasons of a reject that may be gone at the next look, e.g. a store that did not answer."""

_COMPARED = ("source_uri", "bytes", "source_etag", "source_modified_at", "parameters_id")


def parameters_id(**parameters: Any) -> str:
    """Return 32 hex digits of everything beside a file's bytes that decides its row, ``MEASURES_VERSION`` included.

    :param parameters: numbers, texts, flags, ``None``, and lists, sets, mappings and dataclasses of them. The order of names does not
        matter, the order of a list does.
    :raises TypeError: a value is of another kind and so has no stable spelling.
    """
    document = json.dumps({**parameters, "measures_version": MEASURES_VERSION}, default=_plain, sort_keys=True)
    return hashlib.sha256(document.encode()).hexdigest()[:32]


def split_unchanged(
    files: Sequence[ObjectInfo], old_images: pa.Table, old_rejects: pa.Table, *parameters_ids: str
) -> tuple[list[ObjectInfo], list[ObjectInfo]]:
    """Return ``(unchanged, changed)``, each in the order of ``files``.

    Unchanged is a file whose row in the partition has the same URI, size, entity tag and modification time, and one of the
    ``parameters_ids``. A source that gives neither tag nor time, and a file without a size, can never be known to be unchanged. A reject of
    ``READ_AGAIN`` is always changed, and so is a file of which the partition has both an image and a reject.

    :param files: the listing; its URIs are spelled as ``source_uri`` is in the tables.
    :param old_images: the partition's rows of ``images``, at least the columns compared; a table written before there was a
        ``parameters_id`` has it as null, so that nothing in it is unchanged.
    :param old_rejects: the partition's rows of ``rejects``, with ``reason``.
    :param parameters_ids: that of the run, and those under which the same parameters went before.
    """
    import pyarrow as pa

    if not files or not old_images.num_rows + old_rejects.num_rows:
        return [], list(files)
    rejected = _comparable(old_rejects, "reason")
    old = pa.concat_tables([_comparable(old_images, None), rejected])
    same = _same_as_before(_listing(files), old, parameters_ids).tolist()
    unchanged = [file for file, is_same in zip(files, same, strict=True) if is_same]
    changed = [file for file, is_same in zip(files, same, strict=True) if not is_same]
    return unchanged, changed


def kept_rows(old: pa.Table, unchanged: Sequence[ObjectInfo]) -> pa.Table:
    """Return the partition's old rows of the unchanged files, as they are."""
    import pyarrow as pa
    import pyarrow.compute as pc

    uris = pa.array([file.uri for file in unchanged], pa.string())
    return old.filter(pc.is_in(old["source_uri"], value_set=uris))


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {type(value).__name__: asdict(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{value!r} of type {type(value).__name__} has no stable spelling: expected numbers, texts, lists or dataclasses.")


def _comparable(rows: pa.Table, reason: str | None) -> pa.Table:
    """Return the compared columns in one schema; ``usable`` is false where the row must not stand for its file."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kinds = (pa.string(), pa.int64(), pa.string(), pa.timestamp("us", tz="UTC"), pa.string())
    columns = {
        name: rows.column(name).cast(kind) if name in rows.column_names else pa.chunked_array([pa.nulls(rows.num_rows, kind)])
        for name, kind in zip(_COMPARED, kinds, strict=True)
    }
    if reason is None:
        usable = pa.chunked_array([pa.repeat(pa.scalar(True), rows.num_rows)])
    else:
        usable = pc.invert(pc.is_in(rows.column(reason), value_set=pa.array(READ_AGAIN)))
    return pa.table({**columns, "usable": usable})


def _listing(files: Sequence[ObjectInfo]) -> pa.Table:
    import pyarrow as pa

    return pa.table(
        {
            "source_uri": pa.array([file.uri for file in files], pa.string()),
            "bytes": pa.array([file.size for file in files], pa.int64()),
            "source_etag": pa.array([file.etag for file in files], pa.string()),
            "source_modified_at": pa.array([file.modified_at for file in files], pa.timestamp("us", tz="UTC")),
        }
    )


def _same_as_before(new: pa.Table, old: pa.Table, parameters_ids: Sequence[str]) -> Any:
    """Return a numpy array of flags, one for each new row."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    place = pc.index_in(new["source_uri"], value_set=old["source_uri"].combine_chunks())
    before = old.take(place.combine_chunks())
    size = pc.fill_null(pc.equal(new["bytes"], before["bytes"]), False)
    parameters = pc.is_in(before["parameters_id"], value_set=pa.array(parameters_ids, pa.string()))
    etag, time = (_equal_or_both_null(new[name], before[name]) for name in ("source_etag", "source_modified_at"))
    known = pc.or_(pc.is_valid(new["source_etag"]), pc.is_valid(new["source_modified_at"]))
    usable = pc.and_(pc.fill_null(before["usable"], False), pc.invert(pc.is_in(new["source_uri"], value_set=_repeated(old["source_uri"]))))
    return np.logical_and.reduce([np.asarray(flags) for flags in (size, parameters, etag, time, known, usable)])


def _equal_or_both_null(one: pa.ChunkedArray, other: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow.compute as pc

    return pc.or_(pc.fill_null(pc.equal(one, other), False), pc.and_(pc.is_null(one), pc.is_null(other)))


def _repeated(values: pa.ChunkedArray) -> pa.Array:
    import pyarrow.compute as pc

    counts = pc.value_counts(values)
    return counts.field("values").filter(pc.greater(counts.field("counts"), 1))
