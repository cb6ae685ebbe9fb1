"""Which copy of a mapped task writes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from airflow_cv_dataops.core.store.writers import Writer

# What other tasks have left in XCom, which differs from attempt to attempt.
_HANDED_OVER = ("plan", "results")


def writer_of(operator: Any, context: Mapping[str, Any], partition_key: str) -> Writer | None:
    """Return which copy of a mapped task this is; ``None``: the task is not mapped.

    :param operator: with its templates rendered.
    """
    ti = context.get("ti")
    index = getattr(ti, "map_index", None)
    if not isinstance(index, int) or index < 0:
        return None
    task = "/".join(str(getattr(ti, name, None)) for name in ("dag_id", "run_id", "task_id"))
    told = {name: getattr(operator, name, None) for name in operator.template_fields if name not in _HANDED_OVER}
    digest = hashlib.sha256(json.dumps({**told, "partition_key": partition_key}, sort_keys=True, default=str).encode()).hexdigest()
    source = getattr(operator, "source", None)
    return Writer(task, index, digest[:16], _shown(source) if source else "none")


def _shown(source: Any) -> str:
    from airflow_cv_dataops.core.store.objects import normalize_uri, without_credentials

    return without_credentials(normalize_uri(str(source)))
