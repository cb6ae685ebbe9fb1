"""What gates can ask of a release candidate."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.checks import SUSPECTING

if TYPE_CHECKING:
    import pyarrow as pa

    Reader = Callable[[str, Sequence[str]], pa.Table]

Metrics = dict[str, float | Sequence[float]]


def candidate_metrics(rows: Reader, images: pa.Table, items: pa.Table, annotations: pa.Table) -> Metrics:
    """Return metrics by name; a list where a metric has one value a partition.

    :param rows: reads columns of a table, at the candidate's snapshots and partitions.
    :param images: the rows of ``images``; ``items``: those that stand for an image; ``annotations``: those of the items.
    """
    return {**_contents(rows, images, items, annotations), **_findings(rows, annotations), **_recorded(rows)}


def _contents(rows: Reader, images: pa.Table, items: pa.Table, annotations: pa.Table) -> Metrics:
    import pyarrow.compute as pc

    rejects = rows("rejects", ("source_uri",)).num_rows
    labelled = len(annotations["image_id"].unique())
    by_category = pc.value_counts(annotations["category"].drop_null())
    looked_at = images.num_rows + rejects
    return {
        "images": items.num_rows,
        "duplicates": images.num_rows - items.num_rows,
        "rejects": rejects,
        "reject_ratio": rejects / looked_at if looked_at else 0.0,
        "annotations": annotations.num_rows,
        "labelled_images": labelled,
        "labelled_ratio": labelled / items.num_rows if items.num_rows else 0.0,
        "categories": len(by_category),
        "min_annotations_per_category": min((entry["counts"].as_py() for entry in by_category), default=0),
    }


def _findings(rows: Reader, annotations: pa.Table) -> Metrics:
    """Count findings by severity and by check. A check that ran and found nothing counts 0; one that never ran has no metric."""
    import pyarrow as pa
    import pyarrow.compute as pc

    findings = rows("findings", ("partition_key", "severity", "check", "annotation_id"))
    metrics: Metrics = {"findings": findings.num_rows, **{f"findings.{severity}": 0 for severity in ("error", "warning", "info")}}
    recorded = rows("metrics", ("metric", "dimensions")).filter(pc.field("metric") == "findings")
    for dimensions in recorded["dimensions"].drop_null().unique().to_pylist():
        if check := json.loads(dimensions).get("check"):
            metrics[f"findings.{check}"] = 0
    for column in ("severity", "check"):
        for entry in pc.value_counts(findings[column]):
            metrics[f"findings.{entry['values'].as_py()}"] = entry["counts"].as_py()
    suspecting = pc.field("check").isin(pa.array(sorted(SUSPECTING), pa.string()))
    at_fault = findings.filter((pc.field("severity") == "error") | suspecting)
    wrong = pc.sum(pc.is_in(_identity(annotations), value_set=_identity(at_fault).drop_null())).as_py() or 0
    metrics["label_error_rate"] = wrong / annotations.num_rows if annotations.num_rows else 0.0
    return metrics


def _identity(rows: pa.Table) -> pa.Array:
    """Annotation ids repeat across partitions whose label files are named alike: only with the partition they are unique."""
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(rows["partition_key"].combine_chunks(), rows["annotation_id"].combine_chunks(), "\n")


def _recorded(rows: Reader) -> Metrics:
    """Return the numbers of the ``metrics`` table as ``<step>/<metric>``, one value a partition."""
    import pyarrow.compute as pc

    recorded = rows("metrics", ("step", "metric", "value", "dimensions"))
    metrics: dict[str, list[float]] = {}
    for row in recorded.filter(pc.is_null(recorded["dimensions"])).to_pylist():
        metrics.setdefault(f"{row['step']}/{row['metric']}", []).append(row["value"])
    return dict(metrics)
