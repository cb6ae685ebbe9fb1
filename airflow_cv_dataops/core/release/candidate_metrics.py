"""What gates can ask of a release candidate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.checks import SUSPECTING
from airflow_cv_dataops.core.metrics import CONTRACT
from airflow_cv_dataops.core.release.exclusions.excluded import Excluded
from airflow_cv_dataops.core.release.held_labels import HeldLabels
from airflow_cv_dataops.core.release.recorded import Recorded
from airflow_cv_dataops.core.release.snapshot_reader import SnapshotReader
from airflow_cv_dataops.core.store.partition_files import LOOKING_ON
from airflow_cv_dataops.core.store.schema import SEVERITIES

if TYPE_CHECKING:
    import pyarrow as pa

Metrics = Mapping[str, float | Sequence[float]]

UNAUDITED_PARTITIONS = "unaudited_partitions"
OUTDATED_AUDITS = "outdated_audits"


@dataclass(frozen=True)
class CountedFindings:
    """
    :param at_fault: by partition, ids of the annotations with an error or of which a check suspects that they are wrong.
    :param idle: checks that ran and had nothing to look at in any partition.
    :param places: how many there are by severity, check and partition.
    :param wrong_places: the same of those that make a label wrong or suspect.
    """

    metrics: Mapping[str, float]
    at_fault: Mapping[str, pa.Array]
    are_known: bool
    idle: tuple[str, ...] = ()
    places: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    wrong_places: Mapping[tuple[str, str, str], int] = field(default_factory=dict)


def count_findings(reader: SnapshotReader, partitions: set[str], recorded: Recorded, excluded: Excluded) -> CountedFindings:
    """Count findings by severity and by check, as far as every partition was looked at as it is.

    Where a partition was never audited, or has changed since, nobody knows what is wrong there: the numbers are absent then, so that a gate
    on them fails. What contracts ask is known without an audit. The same holds for a check that did not run everywhere, and for one that
    had nothing to look at anywhere; one that had something to look at in one partition at least, and found nothing, counts 0.

    :param excluded: what the release leaves out; findings about it count no more.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    unaudited = {
        UNAUDITED_PARTITIONS: len(partitions - recorded.audited),
        OUTDATED_AUDITS: len(partitions & {key for key, _ in recorded.outdated_audits}),
    }
    if partitions - recorded.audited:
        return CountedFindings({**unaudited, **_of_contracts(reader, partitions, recorded, excluded)}, {}, are_known=False)
    severities: Counter[str] = Counter(dict.fromkeys(SEVERITIES, 0))
    busy, idle = recorded.ran_in(partitions)
    checks: Counter[str] = Counter(dict.fromkeys(busy, 0))
    places: Counter[tuple[str, str, str]] = Counter()
    wrong_places: Counter[tuple[str, str, str]] = Counter()
    at_fault: dict[str, list[pa.Array]] = {}
    for batch in reader.batches("findings", ("partition_key", "audit", "severity", "check", "image_id", "annotation_id")):
        # What health says of a partition as a whole is no fault of an image or label; gates ask for it by `health/breaches.error`.
        batch = recorded.up_to_date(batch.filter(~pc.field("audit").isin(pa.array(LOOKING_ON, pa.string()))))
        checks.update({check: 0 for check in batch["check"].unique().to_pylist() if check not in recorded.looked_for})
        batch = excluded.without(batch)
        severities.update(_counted(batch["severity"]))
        places.update(_places(batch))
        # The findings of an import have no list of what was looked for.
        found = {check: n for check, n in _counted(batch["check"]).items() if check in checks or check not in recorded.looked_for}
        checks.update(found)
        condemning = _condemning(batch)
        wrong_places.update(_places(condemning))
        for key, ids in _annotations(condemning):
            at_fault.setdefault(key, []).append(ids)
    metrics = {**unaudited, "findings": severities.total()}
    metrics |= {f"findings.{name}": count for counts in (severities, checks) for name, count in counts.items()}
    wrong = {key: pa.concat_arrays(ids) for key, ids in at_fault.items()}
    return CountedFindings(metrics, wrong, are_known=True, idle=tuple(sorted(idle)), places=places, wrong_places=wrong_places)


def _of_contracts(reader: SnapshotReader, partitions: set[str], recorded: Recorded, excluded: Excluded) -> dict[str, int]:
    """Count what the expectations found that ran in every partition."""
    import pyarrow.compute as pc

    counts = Counter(dict.fromkeys(recorded.ran_in(partitions)[0] & recorded.expectations, 0))
    if counts:
        for batch in reader.batches("findings", ("partition_key", "audit", "check", "image_id", "annotation_id")):
            found = _counted(excluded.without(batch.filter(pc.starts_with(batch["audit"], CONTRACT)))["check"])
            counts.update({check: number for check, number in found.items() if check in counts})
    return {f"findings.{check}": number for check, number in counts.items()}


def candidate_metrics(
    reader: SnapshotReader, image_rows: int, images: int, labels: HeldLabels, findings: CountedFindings, recorded: Metrics
) -> Metrics:
    """Return metrics by name; a list where a metric has one value a partition.

    :param image_rows: rows of ``images``. :param images: those of them that stand for an image.
    """
    rejects = sum(batch.num_rows for batch in reader.batches("rejects", ("partition_key",)))
    looked_at = image_rows + rejects
    metrics: dict[str, float | Sequence[float]] = {
        "images": images,
        "duplicates": image_rows - images,
        "rejects": rejects,
        "reject_ratio": rejects / looked_at if looked_at else 0.0,
        "annotations": labels.count,
        "backgrounds": labels.backgrounds,
        "annotations_of_other_images": labels.of_other_images,
        "disagreeing_copies": labels.conflicting_copies,
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


def _places(findings: pa.Table) -> dict[tuple[str, str, str], int]:
    names = ["severity", "check", "partition_key"]
    counted = findings.select(names).group_by(names).aggregate([([], "count_all")]).to_pylist()
    return {(row["severity"], row["check"], row["partition_key"]): row["count_all"] for row in counted}


def _condemning(findings: pa.Table) -> pa.Table:
    """Return the findings by which a label is wrong or suspect."""
    import pyarrow as pa
    import pyarrow.compute as pc

    suspecting = pc.field("check").isin(pa.array(sorted(SUSPECTING), pa.string()))
    # Of what breaks a contract only the first rows are named: no number to go by.
    counts = pc.field("annotation_id").is_valid() & ~pc.starts_with(pc.field("audit"), CONTRACT)
    return findings.filter(((pc.field("severity") == "error") | suspecting) & counts)


def _annotations(findings: pa.Table) -> list[tuple[str, pa.Array]]:
    """Return the annotations that findings are about, by partition."""
    import pyarrow.compute as pc

    keys = findings["partition_key"]
    return [(key, findings.filter(pc.equal(keys, key))["annotation_id"].combine_chunks()) for key in keys.unique().to_pylist()]
