"""Findings of a release's images that nobody has settled, by check, and whether anybody has looked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.release.card.items import CardItems
from airflow_cv_dataops.core.release.recorded import Recorded
from airflow_cv_dataops.core.release.snapshot_reader import SnapshotReader
from airflow_cv_dataops.core.store.partition_files import LOOKING_ON

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_cv_dataops.core.release.reader import Release

_COLUMNS = ("partition_key", "audit", "check", "severity", "image_id", "annotation_id")


@dataclass(frozen=True)
class FindingFacts:
    """:param partitions: of the release. :param audited: those of them that an audit has looked at as they are.
    :param outdated: those whose audits are older than images, labels or predictions.
    :param by_check: (check, severity) to findings.
    :param clean: checks that ran in all partitions, had something to look at, and found nothing.
    """

    partitions: int
    audited: int
    outdated: int
    by_check: Mapping[tuple[str, str], int]
    clean: tuple[str, ...]


def open_findings(release: Release, items: CardItems) -> FindingFacts:
    """Count the findings of the release's images, and of its partitions where they name no image, at the release's snapshot.

    What health says of a partition as a whole is no finding of its images. Findings of an audit of what is no more count for nothing, nor
    do those of labels that the release leaves out.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    reader = SnapshotReader(release.dataset, release.snapshots, sorted(items.partitions))
    recorded, excluded = Recorded.read(reader), release.excluded()
    counts: Counter[tuple[str, str]] = Counter()
    for batch in reader.batches("findings", _COLUMNS):
        is_held = (items.at(batch["image_id"]) >= 0) | batch["image_id"].is_null().to_numpy()
        is_held &= ~pc.is_in(batch["audit"], value_set=pa.array(LOOKING_ON)).to_numpy()
        counts.update(_counted(excluded.without(recorded.up_to_date(batch.filter(pa.array(is_held))))))
    everywhere, _ = recorded.ran_in(items.partitions)
    return FindingFacts(
        partitions=len(items.partitions),
        audited=len(items.partitions & recorded.audited),
        outdated=len(items.partitions & recorded.outdated),
        by_check=dict(counts),
        clean=tuple(sorted(everywhere - {check for check, _ in counts})),
    )


def _counted(findings: pa.Table) -> dict[tuple[str, str], int]:
    counted = findings.group_by(["check", "severity"]).aggregate([("check", "count")]).to_pylist()
    return {(row["check"], row["severity"]): row["check_count"] for row in counted}
