"""What gates can ask of a release candidate."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from airflow_cv_dataops.core.audit.checks import SUSPECTING
from airflow_cv_dataops.core.release.held_labels import HeldLabels
from airflow_cv_dataops.core.release.snapshot_reader import SnapshotReader
from airflow_cv_dataops.core.store.schema import SEVERITIES

if TYPE_CHECKING:
    import pyarrow as pa

Metrics = dict[str, float | Sequence[float]]


@dataclass(frozen=True)
class Recorded:
    """The table ``metrics``, in short.

    :param audited: partitions that an audit has looked at.
    :param looked_for: by check the partitions in which it ran.
    :param values: ``<step>/<metric>`` to value by partition, of numbers without dimensions.
    """

    audited: set[str]
    looked_for: Mapping[str, set[str]]
    values: Mapping[str, Mapping[str, float]]

    @classmethod
    def read(cls, reader: SnapshotReader) -> Self:
        audited: set[str] = set()
        looked_for: dict[str, set[str]] = {}
        values: dict[str, dict[str, float]] = {}
        columns = ("partition_key", "step", "metric", "value", "dimensions")
        for batch in reader.batches("metrics", columns):
            for key, step, metric, value, dimensions in zip(*(batch[name].to_pylist() for name in columns), strict=True):
                if dimensions is None:
                    values.setdefault(f"{step}/{metric}", {})[key] = value
                if step.startswith("audit:"):
                    audited.add(key)
                    if metric == "findings" and (check := json.loads(dimensions or "{}").get("check")):
                        looked_for.setdefault(check, set()).add(key)
        return cls(audited, looked_for, values)

    def of_all(self, partitions: set[str]) -> Metrics:
        """Return the numbers that each of the partitions has, one value a partition."""
        return {name: list(values.values()) for name, values in self.values.items() if partitions <= values.keys()}


@dataclass(frozen=True)
class CountedFindings:
    """:param at_fault: by partition, ids of the annotations with an error or of which a check suspects that they are wrong."""

    metrics: Mapping[str, float]
    at_fault: Mapping[str, pa.Array]
    are_known: bool


def count_findings(reader: SnapshotReader, partitions: set[str], recorded: Recorded) -> CountedFindings:
    """Count findings by severity and by check, as far as every partition was looked at.

    Where a partition was never audited, nobody knows what is wrong there: the numbers are absent then, so that a gate on them fails.
    The same holds for a check that did not run everywhere; one that ran and found nothing counts 0.
    """
    import pyarrow as pa

    unaudited = {"unaudited_partitions": len(partitions - recorded.audited)}
    if partitions - recorded.audited:
        return CountedFindings(unaudited, {}, are_known=False)
    severities: Counter[str] = Counter(dict.fromkeys(SEVERITIES, 0))
    checks: Counter[str] = Counter({check: 0 for check, where in recorded.looked_for.items() if partitions <= where})
    at_fault: dict[str, list[pa.Array]] = {}
    for batch in reader.batches("findings", ("partition_key", "severity", "check", "annotation_id")):
        severities.update(_counted(batch["severity"]))
        # The findings of an import have no list of what was looked for.
        found = {check: n for check, n in _counted(batch["check"]).items() if check in checks or check not in recorded.looked_for}
        checks.update(found)
        for key, ids in _wrong_annotations(batch):
            at_fault.setdefault(key, []).append(ids)
    metrics = {**unaudited, "findings": severities.total()}
    metrics |= {f"findings.{name}": count for counts in (severities, checks) for name, count in counts.items()}
    return CountedFindings(metrics, {key: pa.concat_arrays(ids) for key, ids in at_fault.items()}, are_known=True)


def candidate_metrics(
    reader: SnapshotReader, image_rows: int, images: int, labels: HeldLabels, findings: CountedFindings, recorded: Metrics
) -> Metrics:
    """Return metrics by name; a list where a metric has one value a partition.

    :param image_rows: rows of ``images``. :param images: those of them that stand for an image.
    """
    rejects = reader.rows("rejects", ("partition_key",)).num_rows
    looked_at = image_rows + rejects
    metrics: Metrics = {
        "images": images,
        "duplicates": image_rows - images,
        "rejects": rejects,
        "reject_ratio": rejects / looked_at if looked_at else 0.0,
        "annotations": labels.count,
        "labelled_images": labels.images,
        "labelled_ratio": labels.images / images if images else 0.0,
        "categories": len(labels.by_category),
        "min_annotations_per_category": min(labels.by_category.values(), default=0),
    }
    if findings.are_known and labels.count:
        metrics["label_error_rate"] = labels.wrong / labels.count
    return {**metrics, **findings.metrics, **recorded}


def _counted(column: pa.ChunkedArray) -> dict[str, int]:
    import pyarrow.compute as pc

    return {entry["values"].as_py(): entry["counts"].as_py() for entry in pc.value_counts(column)}


def _wrong_annotations(findings: pa.Table) -> list[tuple[str, pa.Array]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    suspecting = pc.field("check").isin(pa.array(sorted(SUSPECTING), pa.string()))
    wrong = findings.filter(((pc.field("severity") == "error") | suspecting) & pc.field("annotation_id").is_valid())
    keys = wrong["partition_key"]
    return [(key, wrong.filter(pc.equal(keys, key))["annotation_id"].combine_chunks()) for key in keys.unique().to_pylist()]
