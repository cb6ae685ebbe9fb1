"""Where images come from: the prefix that they were ingested from, the same for every partition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.store.source_names import stable_source

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

COLUMNS = ("partition_key", "source_uri", "file_name")
_AT_ONCE = 65_536


def sources_of(images: pa.Table) -> tuple[np.ndarray, list[str]]:
    """Return the number of each image's source, int64, and the sources in the order of their numbers.

    A source is what stands before the file's name in its URI, by the name that is the same for every partition (``store.source_names``).

    :param images: ``COLUMNS``.
    """
    import numpy as np

    number: dict[str, int] = {}
    known: dict[tuple[str, str], int] = {}
    codes = []
    for start in range(0, images.num_rows, _AT_ONCE):  # as Python objects: some at a time
        part = images.slice(start, _AT_ONCE)
        rows = zip(*(part[name].to_pylist() for name in COLUMNS), strict=True)
        places = [(key, uri[: -len(name)] if name and uri.endswith(name) else uri.rpartition("/")[0]) for key, uri, name in rows]
        for key, prefix in set(places) - known.keys():
            source = stable_source(prefix, key)
            known[key, prefix] = number.setdefault(source, len(number))
        codes.append(np.fromiter((known[place] for place in places), np.int64, len(places)))
    # In the order of their names, whatever row came first.
    names = sorted(number)
    order = np.empty(len(names), np.int64)
    for at, name in enumerate(names):
        order[number[name]] = at
    return order[np.concatenate([np.empty(0, np.int64), *codes])], names
