"""Which findings a page shows, and in which order: the worst of every check before the second worst of any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.store.schema import SEVERITIES

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


def worst_first(findings: pa.Table, most: int) -> pa.Table:
    """Return at most ``most`` findings, round robin over the checks: first the worst of each check, then the second worst of each, …

    Worst is the lowest score; findings without a score come last in their check, ties are decided by source and ``finding_id``. Checks
    of higher severity come first in each round. The order does not depend on the order of the rows.

    :param findings: rows with check, severity, score, source_uri and finding_id.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    severity = pc.index_in(findings["severity"], value_set=pa.array(SEVERITIES))
    keyed = findings.append_column("_severity", severity).sort_by(
        [(name, "ascending") for name in ("_severity", "check", "score", "source_uri", "finding_id")]
    )
    groups = _group_numbers(keyed["_severity"], keyed["check"])
    starts = np.flatnonzero(np.diff(groups, prepend=-1))
    rounds = np.arange(len(groups)) - starts[groups] if len(groups) else groups
    order = np.lexsort((groups, rounds))[:most]
    return keyed.drop_columns(["_severity"]).take(pa.array(order))


def _group_numbers(*sorted_columns: pa.ChunkedArray) -> np.ndarray:
    """Number the groups of equal values 0, 1, 2, … over columns that are sorted together."""
    import numpy as np
    import pyarrow.compute as pc

    changes = np.zeros(len(sorted_columns[0]), dtype=bool)
    for column in sorted_columns:
        values = column.combine_chunks()
        changes[1:] |= pc.not_equal(values[1:], values[:-1]).to_numpy(zero_copy_only=False)
    return np.cumsum(changes)
