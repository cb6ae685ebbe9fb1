"""Tables that people hand in: which images belong together, and which split an image is in."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.errors import ConfigurationError, SourceError
from airflow_cv_dataops.core.store.objects import read_uri, without_credentials

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

NAMES = ("image_id", "source_uri", "file_name")
GROUPS = ("group", "cluster")
SPLITS = ("split",)
_MAX_BYTES = 2 * 2**30


def is_table(given: Any) -> bool:
    """Whether an argument is a table, or where one lies, rather than what images have in common."""
    return given is not None and (not isinstance(given, str) or given.lower().endswith((".parquet", ".csv")))


def check_table(argument: str, given: Any) -> None:
    """:raises ConfigurationError: it is no table, and no URI of one. :param argument: what the message calls it."""
    is_held = hasattr(given, "column_names") or (hasattr(given, "columns") and hasattr(given, "to_numpy"))
    if not is_held and not (isinstance(given, str) and is_table(given)):
        raise ConfigurationError(f"{argument}={given!r} is no table: expected the URI of a .parquet or .csv file, or an Arrow table.")


def read_given(argument: str, given: Any, wanted: tuple[str, ...], options: Mapping[str, Any]) -> tuple[pa.Table, str, str]:
    """Return a table, the name of its column that names images, and that of the one that says what is given.

    :param argument: what the message calls it.
    :param given: URI of a Parquet or CSV file, an Arrow table, or a DataFrame.
    :param wanted: names of the column, the first that there is.
    :param options: to open the URI with.
    :raises ConfigurationError: it is no such table, or has none of these columns.
    :raises SourceError: the file cannot be read.
    """
    table = _opened(argument, given, options)
    by = next((name for name in NAMES if name in table.column_names), None)
    says = next((name for name in wanted if name in table.column_names), None)
    if by is None or says is None:
        raise ConfigurationError(
            f"{argument} has the columns {', '.join(map(str, table.column_names))[:500]}: expected one of {', '.join(NAMES)}, "
            f"and {' or '.join(wanted)}."
        )
    return table, by, says


def joined(places: pa.Table, table: pa.Table, by: str, says: str) -> tuple[np.ndarray, np.ndarray, list[str], int]:
    """Return numbers of rows of ``images``, the code of what is given for each, the texts in the order of their codes, and how many rows of
    the table name none.

    A place may have several rows, and a file name several places. A row that gives nothing is passed over.
    """
    import numpy as np
    import pandas as pd

    given = pd.DataFrame({"by": _texts(table[by]), "says": _texts(table[says]).str.strip()}).dropna()
    given = given[given["says"] != ""]
    codes, texts = pd.factorize(given["says"], sort=True)
    ours = pd.DataFrame({"by": _texts(places[by]), "at": np.arange(places.num_rows)})
    found = ours.merge(pd.DataFrame({"by": given["by"].to_numpy(), "code": codes, "row": np.arange(len(given))}), on="by")
    unknown = len(given) - found["row"].nunique()
    return found["at"].to_numpy(np.int64), found["code"].to_numpy(np.int64), [str(text) for text in texts], unknown


def _opened(argument: str, given: Any, options: Mapping[str, Any]) -> pa.Table:
    import pyarrow as pa

    check_table(argument, given)
    if isinstance(given, pa.Table):
        return given
    if not isinstance(given, str):
        return pa.Table.from_pandas(given, preserve_index=False)
    place = without_credentials(given)
    try:
        content = read_uri(given, options, max_bytes=_MAX_BYTES)
    except OSError as error:
        raise SourceError(f"{argument} {place} cannot be read: {error}") from error
    try:
        return _parsed(given, content)
    except (pa.ArrowException, ValueError) as error:
        raise ConfigurationError(f"{argument} {place} is no table: {error}") from error


def _parsed(uri: str, content: bytes) -> pa.Table:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    if uri.lower().endswith(".parquet"):
        return pq.read_table(io.BytesIO(content))
    # As text: a group 007 is not the number 7.
    frame = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, encoding="utf-8-sig")
    return pa.Table.from_pandas(frame, preserve_index=False)


def _texts(column: pa.ChunkedArray) -> Any:
    """:raises ConfigurationError: the column has something else than a single value a row."""
    import pyarrow as pa

    try:
        return column.cast(pa.string()).to_pandas().astype("object")
    except pa.ArrowException as error:
        raise ConfigurationError(f"A table of groups or splits has a column of {column.type}: expected one value a row.") from error
