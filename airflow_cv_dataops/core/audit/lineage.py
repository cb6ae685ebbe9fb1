"""What an audit tells lineage."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.audit.check import Check
from airflow_cv_dataops.core.audit.statistics import AuditStatistics
from airflow_cv_dataops.core.step_lineage import Assertion, DatasetUse, StepLineage
from airflow_cv_dataops.core.store.dataset import Dataset

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_cv_dataops.core.audit.audit_input import AuditInput


def audit_lineage(
    dataset: Dataset,
    partition_key: str,
    audit: str,
    data: AuditInput,
    checks: Sequence[Check],
    statistics: AuditStatistics,
    snapshots: Mapping[str, str],
    metrics_use: DatasetUse,
    report_uri: str | None = None,
) -> StepLineage:
    """Return inputs, the findings and the audit's facts; each check that ran is one assertion on the annotations.

    :param snapshots: by table, of the inputs that have one and of ``findings``. A table without one is not there: it is no input.
    :param metrics_use: the numbers that were written.
    """
    rows = {
        "images": data.images.num_rows,
        "annotations": data.annotations.num_rows + data.backgrounds.num_rows,
        "predictions": data.predictions.num_rows,
    }
    quality = {"annotations": _quality(data.annotations, checks, statistics)}

    def use(table: str, rows: int) -> Any:
        facts = {"partition_key": partition_key, "snapshot_id": snapshots.get(table), "rows": rows}
        return dataset.table_use(table, **facts, **quality.get(table, {}))

    return StepLineage(
        step="audit",
        inputs=tuple(use(table, number) for table, number in rows.items() if table in snapshots),
        outputs=(use("findings", statistics.findings), metrics_use),
        facts={
            "audit": audit,
            "findings": statistics.findings,
            "bySeverity": dict(statistics.by_severity),
            "byCheck": dict(statistics.by_check),
            "labelErrorRate": None if math.isnan(statistics.label_error_rate) else statistics.label_error_rate,
            "reportUri": report_uri,
        },
    )


def _quality(annotations: pa.Table, checks: Sequence[Check], statistics: AuditStatistics) -> dict[str, Any]:
    import pyarrow.compute as pc

    counted = ("annotation_id", "image_id", "category")
    return {
        "null_counts": {name: annotations[name].null_count for name in (*counted, "bbox")},
        "distinct_counts": {name: pc.count_distinct(annotations[name], mode="only_valid").as_py() for name in counted},
        "assertions": tuple(Assertion(check.id, statistics.by_check[check.id] == 0, check.column) for check in checks),
    }
