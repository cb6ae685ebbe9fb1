"""What gates can ask of a release candidate."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.checks import SUSPECTING
from airflow_cv_dataops.core.store.schema import SEVERITIES

if TYPE_CHECKING:
    import pyarrow as pa

    Reader = Callable[[str, Sequence[str]], pa.Table]

Metrics = dict[str, float | Sequence[float]]


def candidate_metrics(rows: Reader, images: pa.Table, items: pa.Table, annotations: pa.Table) -> Metrics:
    """Return metrics by name; a list where a metric has one value a partition.

    :param rows: reads columns of a table, at the candidate's snapshots and partitions.
    :param images: the rows of ``images``; ``items``: those that stand for an image; ``annotations``: those of the items.
    """
    return {**_contents(rows, images, items, annotations), **_findings(rows, images, annotations), **_recorded(rows, images)}


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


def _findings(rows: Reader, images: pa.Table, annotations: pa.Table) -> Metrics:
    """Count findings by severity and by check, as far as every partition was looked at.

    Where a partition was never audited, nobody knows what is wrong there: the numbers are absent then, so that a gate on them fails.
    The same holds for a check that did not run everywhere; one that ran and found nothing counts 0.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    partitions = set(images["partition_key"].unique().to_pylist())
    audited, looked_for = _audited(rows)
    metrics: Metrics = {"unaudited_partitions": len(partitions - audited)}
    if partitions - audited:
        return metrics
    findings = rows("findings", ("partition_key", "severity", "check", "annotation_id"))
    metrics |= {"findings": findings.num_rows, **{f"findings.{severity}": 0 for severity in SEVERITIES}}
    metrics |= {f"findings.{check}": 0 for check, where in looked_for.items() if partitions <= where}
    for entry in pc.value_counts(findings["severity"]):
        metrics[f"findings.{entry['values'].as_py()}"] = entry["counts"].as_py()
    for entry in pc.value_counts(findings["check"]):
        check = entry["values"].as_py()
        if f"findings.{check}" in metrics or check not in looked_for:  # findings of an import have no list of what was looked for
            metrics[f"findings.{check}"] = entry["counts"].as_py()
    suspecting = pc.field("check").isin(pa.array(sorted(SUSPECTING), pa.string()))
    at_fault = findings.filter((pc.field("severity") == "error") | suspecting)
    wrong = pc.sum(pc.is_in(_identity(annotations), value_set=_identity(at_fault).drop_null())).as_py() or 0
    if annotations.num_rows:
        metrics["label_error_rate"] = wrong / annotations.num_rows
    return metrics


def _audited(rows: Reader) -> tuple[set[str], dict[str, set[str]]]:
    """Return the partitions that an audit has looked at, and for each check those in which it ran."""
    recorded = rows("metrics", ("partition_key", "step", "metric", "dimensions")).to_pylist()
    audits = [row for row in recorded if row["step"].startswith("audit:")]
    looked_for: dict[str, set[str]] = {}
    for row in audits:
        if row["metric"] == "findings" and (check := json.loads(row["dimensions"] or "{}").get("check")):
            looked_for.setdefault(check, set()).add(row["partition_key"])
    return {row["partition_key"] for row in audits}, looked_for


def _identity(rows: pa.Table) -> pa.Array:
    """Annotation ids repeat across partitions whose label files are named alike: only with the partition they are unique."""
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(rows["partition_key"].combine_chunks(), rows["annotation_id"].combine_chunks(), "\n")


def _recorded(rows: Reader, images: pa.Table) -> Metrics:
    """Return the numbers of the ``metrics`` table as ``<step>/<metric>``, one value a partition, as far as every partition has one."""
    import pyarrow.compute as pc

    partitions = set(images["partition_key"].unique().to_pylist())
    recorded = rows("metrics", ("partition_key", "step", "metric", "value", "dimensions"))
    metrics: dict[str, dict[str, float]] = {}
    for row in recorded.filter(pc.is_null(recorded["dimensions"])).to_pylist():
        metrics.setdefault(f"{row['step']}/{row['metric']}", {})[row["partition_key"]] = row["value"]
    return {name: list(values.values()) for name, values in metrics.items() if partitions <= values.keys()}
