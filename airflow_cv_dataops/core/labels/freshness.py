"""Whether a partition's labels are complete, of the images that are there now, and new enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from airflow_cv_dataops.core.arguments import check_ratio
from airflow_cv_dataops.core.labels.arguments import check_awaited_label_sets, check_label_age
from airflow_cv_dataops.core.metrics import INPUT_ROWS, LABEL_IMPORT
from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.hashing import hashes_of_ids
from airflow_cv_dataops.core.store.partition_files import partition_files, version_of, written_by_owner
from airflow_cv_dataops.core.store.partition_keys import check_partition_key
from airflow_cv_dataops.core.summary import Summary
from airflow_cv_dataops.core.wording import printable

_TABLES = ("images", "annotations", "metrics")
_FEW = 3


@dataclass(frozen=True)
class LabelFreshness:
    """The labels of a partition at one moment.

    :param images: of the partition; byte-identical files are one.
    :param labelled: of these: a label set that counts has a row of it, be it that nothing is there.
    :param label_sets: that count: those that were asked for, else all that the partition has.
    :param newest: when the newest label was made, ISO 8601 in UTC; ``None`` without labels.
    :param missing: what is not as wanted, in words; empty: nothing.
    :param snapshots: at which it was looked. :param versions: which data files the partition had then, by table.
    """

    dataset: str
    partition_key: str
    images: int = 0
    labelled: int = 0
    label_sets: Sequence[str] = ()
    newest: str | None = None
    missing: Sequence[str] = ()
    snapshots: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    satisfied: bool = False

    @property
    def labelled_ratio(self) -> float:
        """Labelled images by images, 0 to 1; 0 where there is no image."""
        return self.labelled / self.images if self.images else 0.0

    def not_yet(self) -> str:
        """Say what is not as wanted."""
        return printable(f"{self.dataset}, partition {self.partition_key}: {'; '.join(self.missing)}")

    def summary(self, partition_key: str | None) -> Summary:
        return Summary(
            dataset=self.dataset,
            partition_key=partition_key,
            snapshot_id=self.snapshots.get("annotations"),
            counts={
                "images": self.images,
                "images_labelled": self.labelled,
                "images_without_label": self.images - self.labelled,
                "label_sets": len(self.label_sets),
            },
            metrics={"labelled_ratio": self.labelled_ratio},
            details={"label_sets": list(self.label_sets), "newest_label": self.newest},
        )


@dataclass(frozen=True)
class _Imported:
    """One label set's last import. :param joined: version of the images that it joined; ``None``: a former version did not record it."""

    recorded_at: datetime
    joined: str | None


def observe_labels(
    dataset: Dataset,
    partition_key: str,
    *,
    label_sets: Sequence[str] | None = None,
    min_labelled_ratio: float = 1.0,
    max_age_hours: float | None = None,
    last: LabelFreshness | None = None,
    now: datetime | None = None,
) -> LabelFreshness:
    """Look at the labels of a partition, and say whether enough images have one, and whether they are of the images that are there.

    A label set counts as fresh where its last import came to its end and joined the images that the partition has now: an ingest since then
    may have brought others. One that is not is waited for. A dataset, a partition or a label set that is not there yet is waited for, too.
    Memory is held for some 100 bytes an image.

    :param partition_key: the slice of data that is looked at.
    :param label_sets: those that have to be fresh, and whose labels count; ``None``: all that the partition has.
    :param min_labelled_ratio: share of the images, 0 to 1, that has to have a label, or the statement that nothing is there.
    :param max_age_hours: how old the newest label may be, by ``labeled_at``; of a label set without any, since its import.
    :param last: what was found the last time, where it was not as wanted: nothing is counted as long as nothing was written.
    :param now: what ages are counted to; without a zone it is UTC. Default: now.
    :raises ConfigurationError: an argument cannot be used.
    """
    check_partition_key(partition_key)
    check_awaited_label_sets(label_sets)
    check_ratio("min_labelled_ratio", min_labelled_ratio)
    check_label_age(max_age_hours)
    snapshots = dataset.snapshots(_TABLES)
    if last is not None and not last.satisfied and last.snapshots == snapshots:
        return last
    files = {table: partition_files(dataset, table, snapshots.get(table), partition_key).get(partition_key, []) for table in _TABLES}
    versions = {table: version_of(found) for table, found in files.items()}
    if last is not None and not last.satisfied and last.versions == versions:
        return replace(last, snapshots=snapshots)
    seen = LabelFreshness(dataset.name, partition_key, snapshots=snapshots, versions=versions)
    if not files["images"]:
        return replace(seen, missing=["the partition has no images yet"])
    imported = _imports(dataset, seen)
    held = {file.owner for file in files["annotations"] if file.owner is not None}
    wanted = sorted({*imported, *held} if label_sets is None else set(label_sets))
    images, labelled, labeled_at = _count(dataset, seen, None if label_sets is None else wanted)
    times = [min(labeled_at.get(name) or found.recorded_at, found.recorded_at) for name, found in imported.items() if name in wanted]
    newest = max(times, default=None)
    seen = replace(seen, images=images, labelled=labelled, label_sets=wanted, newest=newest.isoformat() if newest else None)
    missing = [*_not_fresh(dataset, seen, imported), *_incomplete(seen, min_labelled_ratio)]
    now = now or datetime.now(UTC)
    now = now if now.tzinfo else now.replace(tzinfo=UTC)
    if newest and max_age_hours is not None and newest < now - timedelta(hours=max_age_hours):
        missing.append(f"the newest label is of {newest:%Y-%m-%d %H:%M} UTC, more than {max_age_hours:g} hours ago")
    return replace(seen, missing=missing, satisfied=not missing)


def freshness_lineage(dataset: Dataset, seen: LabelFreshness, condition: str) -> StepLineage:
    """Describe what was looked at."""
    details = {"images": seen.images, "labelled": seen.labelled, "labelSets": len(seen.label_sets), "newestLabel": seen.newest}
    inputs = (
        dataset.table_use(table, partition_key=seen.partition_key, snapshot_id=seen.snapshots.get(table))
        for table in ("images", "annotations")
    )
    return StepLineage("sensor", tuple(inputs), facts={"condition": condition, "satisfied": seen.satisfied, "details": details})


def _imports(dataset: Dataset, seen: LabelFreshness) -> dict[str, _Imported]:
    """Return the last import of each label set of the partition."""
    from pyiceberg.expressions import StartsWith

    if "metrics" not in seen.snapshots:
        return {}
    rows = dataset.read(
        "metrics",
        partition_key=seen.partition_key,
        snapshot_id=seen.snapshots["metrics"],
        columns=("step", "metric", "recorded_at", "input_version"),
        where=StartsWith("step", LABEL_IMPORT),
    )
    found: dict[str, _Imported] = {}
    for row in rows.to_pylist():
        name = row["step"].removeprefix(LABEL_IMPORT)
        if row["metric"] == INPUT_ROWS or name not in found:
            found[name] = _Imported(row["recorded_at"], row["input_version"])
    return found


def _count(dataset: Dataset, seen: LabelFreshness, label_sets: Sequence[str] | None) -> tuple[int, int, Mapping[str, datetime]]:
    """Return how many images there are, how many have a label, and when the newest label of each label set was made, where known."""
    import numpy as np
    from pyiceberg.expressions import In

    parts = [
        hashes_of_ids(batch["image_id"])
        for batch in dataset.read_batches(
            "images", partition_key=seen.partition_key, snapshot_id=seen.snapshots["images"], columns=("image_id",)
        )
    ]
    images = np.unique(np.concatenate(parts))
    labelled = np.zeros(len(images), bool)
    newest: dict[str, datetime] = {}
    if "annotations" not in seen.snapshots:
        return len(images), 0, newest
    for batch in dataset.read_batches(
        "annotations",
        partition_key=seen.partition_key,
        snapshot_id=seen.snapshots["annotations"],
        columns=("label_set", "image_id", "labeled_at"),
        where=None if label_sets is None else In("label_set", label_sets),
    ):
        ids = hashes_of_ids(batch["image_id"].drop_null())
        at = np.minimum(np.searchsorted(images, ids), len(images) - 1)
        labelled[at[images[at] == ids]] = True
        for row in batch.group_by("label_set").aggregate([("labeled_at", "max")]).to_pylist():
            if (time := row["labeled_at_max"]) is not None:
                newest[row["label_set"]] = max(newest.get(row["label_set"], time), time)
    return len(images), int(labelled.sum()), newest


def _not_fresh(dataset: Dataset, seen: LabelFreshness, imported: Mapping[str, _Imported]) -> list[str]:
    """Say which label sets were not imported since the images were written; an import writes its numbers before its labels."""
    if not seen.label_sets:
        return ["no labels were imported yet"]
    absent = [name for name in seen.label_sets if name not in imported]
    there = {name: imported[name] for name in seen.label_sets if name in imported}
    former = any(found.joined is None for found in there.values())
    times = written_by_owner(dataset, "images", seen.snapshots["images"], seen.partition_key) if former else {}
    labels = written_by_owner(dataset, "annotations", seen.snapshots.get("annotations"), seen.partition_key)
    outdated, unfinished = [], []
    for name, found in there.items():
        if found.joined != seen.versions["images"] if found.joined is not None else found.recorded_at < times[None]:
            outdated.append(name)
        # Iceberg's times have milliseconds.
        elif name in labels and labels[name] < found.recorded_at.replace(microsecond=found.recorded_at.microsecond // 1000 * 1000):
            unfinished.append(name)
    told = {
        "no import is recorded of": absent,
        "imported before the images were last written": outdated,
        "in the middle of an import": unfinished,
    }
    return [f"{what}: {_in_short(names)}" for what, names in told.items() if names]


def _incomplete(seen: LabelFreshness, min_labelled_ratio: float) -> list[str]:
    if seen.labelled_ratio >= min_labelled_ratio:
        return []
    without = seen.images - seen.labelled
    return [f"{without:,} of {seen.images:,} images have no label (min_labelled_ratio={min_labelled_ratio:g})"]


def _in_short(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:_FEW])) + (f" and {len(names) - _FEW:,} more" if len(names) > _FEW else "")
