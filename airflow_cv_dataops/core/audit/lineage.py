"""What an audit tells lineage."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.audit.check import Check
from airflow_cv_dataops.core.audit.policy import Limit, is_within
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
    limits: Mapping[str, Limit],
    snapshots: Mapping[str, str],
    metrics_use: DatasetUse,
    report_uri: str | None = None,
) -> StepLineage:
    """Return inputs, the findings and the audit's facts; each of the checks is one assertion on the annotations.

    Where the dataset has no table of annotations, they are asserted of the images, which are then all that was looked at.

    :param checks: those that ran and had something to look at.
    :param limits: how many findings are allowed, by check id; none where there is no limit.
    :param snapshots: by table, of the inputs that have one and of ``findings``. A table without one is not there: it is no input.
    :param metrics_use: the numbers that were written.
    """
    rows = {
        "images": data.images.num_rows,
        "annotations": data.annotations.num_rows + data.backgrounds.num_rows,
        "predictions": data.predictions.num_rows,
    }
    assertions = tuple(_assertion(check, statistics, limits.get(check.id)) for check in checks)
    asserted_of = "annotations" if "annotations" in snapshots else "images"
    quality = {"annotations": _column_counts(data.annotations)}
    quality.setdefault(asserted_of, {})["assertions"] = assertions

    def use(table: str, rows: int) -> Any:
        facts = {"partition_key": partition_key, "snapshot_id": snapshots.get(table), "rows": rows}
        return dataset.table_use(table, **facts, **quality.get(table, {}))

    return StepLineage(
        step="audit",
        inputs=tuple(use(table, number) for table, number in rows.items() if table in snapshots),
        outputs=(replace(use("findings", statistics.findings), owner=audit), metrics_use),
        facts={
            "audit": audit,
            "findings": statistics.findings,
            "bySeverity": dict(statistics.by_severity),
            "byCheck": dict(statistics.by_check),
            "labelErrorRate": None if math.isnan(statistics.label_error_rate) else statistics.label_error_rate,
            "reportUri": report_uri,
        },
    )


def _assertion(check: Check, statistics: AuditStatistics, limit: Limit | None) -> Assertion:
    return Assertion(
        check.id,
        is_within(check.id, statistics, limit),
        check.column,
        severity=statistics.severity_of[check.id],
        description=check.meaning,
        expected="0" if limit is None else limit.in_words(),
        actual=str(statistics.by_check[check.id]),
    )


def _column_counts(annotations: pa.Table) -> dict[str, Any]:
    import pyarrow.compute as pc

    counted = ("annotation_id", "image_id", "category")
    return {
        "null_counts": {name: annotations[name].null_count for name in (*counted, "bbox")},
        "distinct_counts": {name: pc.count_distinct(annotations[name], mode="only_valid").as_py() for name in counted},
    }
