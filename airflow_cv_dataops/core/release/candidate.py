"""What a release would hold, and what can be said of it in numbers, before anything is written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.release.candidate_metrics import Metrics
from airflow_cv_dataops.core.release.digest import column_hashes, combined, digest_of_parts, digest_rows, in_parts
from airflow_cv_dataops.core.release.exclusions.condemned import condemned_by
from airflow_cv_dataops.core.release.exclusions.excluded import Excluded
from airflow_cv_dataops.core.release.exclusions.rules import Exclusion
from airflow_cv_dataops.core.release.gates.behind import Behind
from airflow_cv_dataops.core.release.held_hashes import HeldHashes
from airflow_cv_dataops.core.release.held_labels import LABEL_COLUMNS, held_rows
from airflow_cv_dataops.core.release.image_index import HeldImages
from airflow_cv_dataops.core.release.image_rows import COLUMNS as IMAGE_COLUMNS
from airflow_cv_dataops.core.release.image_rows import ImageRows
from airflow_cv_dataops.core.release.measuring import Measured, measure, sliced_metrics
from airflow_cv_dataops.core.release.recorded import Recorded
from airflow_cv_dataops.core.release.snapshot_reader import SnapshotReader
from airflow_cv_dataops.core.release.sorted_parts import SortedParts
from airflow_cv_dataops.core.release.splits.group_keys import Attributes
from airflow_cv_dataops.core.release.splits.memory import remember
from airflow_cv_dataops.core.release.splits.options import SplitOptions
from airflow_cv_dataops.core.release.splits.splitting import (
    NO_PAIRS,
    Labelled,
    Splitting,
    attributes_of,
    image_columns,
    split_images,
)
from airflow_cv_dataops.core.release.told_splits import tell_splits
from airflow_cv_dataops.core.store.dataset import Dataset

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

HELD_TABLES = ("images", "rejects", "annotations", "predictions", "findings", "samples", "metrics")
ITEM_COLUMNS = ("image_id", "partition_key", "source_uri", "split")


@dataclass(frozen=True)
class Wanted:
    """Which release is asked for.

    :param partition_keys: only these partitions; ``None``: all.
    :param leave_out_unaudited: not those of them that no audit has looked at as they are.
    :param accept_outdated_audits: whether an audit counts although its partition was written to since.
    :param exclusions: rules by which findings leave out images and labels.
    """

    splits: SplitOptions = field(default_factory=SplitOptions)
    partition_keys: Sequence[str] | None = None
    leave_out_unaudited: bool = False
    accept_outdated_audits: bool = False
    exclusions: Sequence[Exclusion] = ()


@dataclass(frozen=True)
class Candidate:
    """A release before it has a name.

    :param items: image_id, partition_key, source_uri, split; one row an image, ordered by image id.
    :param snapshots: the snapshot of every table that the candidate was read at.
    :param partition_keys: the partitions that it was narrowed down to; ``None``: all.
    :param left_out: partitions with images that are not in it because no audit has looked at them as they are.
    :param unaudited: partitions in it that no audit has looked at as they are. :param outdated: those of them whose audits are older than
        what they looked at; ``None``: nobody has asked.
    :param is_audited: whether audits have looked at anything in it.
    :param stale: partitions in it with an audit that is older than what it looked at, also where another one is up to date.
    :param are_exclusions_unsettled: whether nobody knows what rules take for nothing but checks that have yet to run somewhere.
    :param not_everywhere: by metric, the partitions in it that lack what others have: a check that has not run there, a step's number.
    :param metrics: values by name for the gates; a list where a metric has one value a partition.
    :param splitting: how it was split and what came out, as the table keeps it; ``None``: nobody recorded it.
    :param assignments: rows of ``split_assignments`` that it adds; ``None``: none.
    :param exclusions: each rule with what it takes. :param excluded: rows of ``exclusions``.
    :param unknown_exclusions: why nobody can say what some rule takes.
    :param idle_checks: those that had nothing to look at in any partition.
    :param behind: which checks and partitions the metrics come from.
    """

    items: pa.Table
    annotations: int
    partitions: int
    partition_keys: Sequence[str] | None
    left_out: Sequence[str]
    outdated: Sequence[str] | None
    snapshots: Mapping[str, str]
    metrics: Metrics
    content_id: str
    items_id: str
    labels_by: str | None
    splitting: Mapping[str, Any] | None = None
    assignments: pa.Table | None = None
    exclusions: Sequence[Mapping[str, Any]] = ()
    excluded: pa.Table | None = None
    unknown_exclusions: Sequence[str] = ()
    idle_checks: Sequence[str] = ()
    behind: Behind = field(default_factory=Behind)
    unaudited: Sequence[str] = ()
    not_everywhere: Mapping[str, Sequence[str]] = field(default_factory=dict)
    is_audited: bool = False
    stale: Sequence[str] = ()
    are_exclusions_unsettled: bool = False

    @property
    def splits(self) -> dict[str, int]:
        counted = self.items["split"].value_counts().to_pylist()
        return dict(sorted((entry["values"], entry["counts"]) for entry in counted))


def build_candidate(
    dataset: Dataset, wanted: Wanted, releases: Sequence[Mapping[str, Any]] = (), contents: HeldHashes | None = None
) -> Candidate:
    """Read the dataset at its current snapshots and work out what a release of it holds.

    An exact duplicate occurs once: the row with the smallest (partition_key, source_uri) stands for the image, with the annotations of all
    its copies (:mod:`~airflow_cv_dataops.core.release.copies`).
    Memory is held for ids and places of images and some 20 bytes a label; all tables are read a few rows at a time.

    :param releases: rows of ``releases`` that there are, by which images keep their splits.
    :param contents: takes what the candidate holds, where somebody asks for that.
    :raises ConfigurationError: a partition that is asked for is none, or the images have nothing of what is to keep them together.
    :raises SourceError: a table of groups or splits cannot be read.
    """
    import pyarrow as pa

    reader, recorded, left_out = _readers(dataset, wanted)
    images = ImageRows.of(reader.batches("images", IMAGE_COLUMNS))
    held = HeldImages(images.rows["image_id"])
    condemned = condemned_by(reader, wanted.exclusions, recorded, held.index, has_copies=len(images) < images.places)
    excluded = condemned.excluded
    if len(excluded.index):
        images = images.where(excluded.index.of(images.rows["image_id"]) < 0)
        held = HeldImages(images.rows["image_id"])
    attributes = attributes_of(wanted.splits)
    measured = _measured(reader, recorded, held, excluded, contents, attributes)
    facts = measured.labels.facts
    # Of all pairs of image and category only what asks for them makes arrays.
    labelled = Labelled(facts.pairs if wanted.splits.stratify else NO_PAIRS, len(facts.names), attributes)
    columns = list(dict.fromkeys(("image_id", *image_columns(wanted.splits))))
    rows = reader.rows("images", columns) if wanted.splits.asks_rows else None
    splitting = split_images(images.rows, wanted.splits, remember(dataset, releases, wanted.splits), labelled, rows)
    codes = splitting.codes
    if (codes < 0).any():
        excluded = excluded.and_images(images.rows.filter(pa.array(codes < 0))["image_id"])
        images, codes = images.where(codes >= 0), codes[codes >= 0]
        held = HeldImages(images.rows["image_id"])
        measured = _measured(reader, recorded, held, excluded, contents)
        facts = measured.labels.facts
    items = _items(images.rows, splitting, codes)
    of_images, of_items = _digests(items, held)
    told = tell_splits(splitting, codes, facts, wanted.splits)
    unknown = condemned.unknown(wanted.exclusions, recorded, measured.partitions)
    exclusions = condemned.counts(wanted.exclusions)
    lacking = recorded.not_everywhere(measured.partitions, measured.of_images)
    holds = of_images + measured.labels.digest
    return Candidate(
        items=items,
        annotations=measured.labels.count,
        partitions=len(items["partition_key"].unique()),
        partition_keys=reader.partition_keys,
        left_out=left_out,
        outdated=sorted(measured.partitions & recorded.outdated),
        snapshots=reader.snapshots,
        metrics={
            **measured.metrics,
            **sliced_metrics(measured, codes, splitting.names, images.by_source()),
            **metrics_of(told, exclusions, len(unknown), items.num_rows),
        },
        content_id=hashlib.sha256(holds.encode()).hexdigest()[:32],
        items_id=_items_id(of_items, told, condemned.rows),
        labels_by="image_id",
        splitting=told,
        assignments=splitting.assignments,
        exclusions=exclusions,
        excluded=condemned.rows,
        unknown_exclusions=unknown,
        idle_checks=measured.idle_checks,
        behind=measured.behind,
        unaudited=sorted(measured.partitions - recorded.audited),
        not_everywhere=lacking,
        is_audited=not measured.partitions.isdisjoint(recorded.audited | recorded.outdated),
        stale=sorted(measured.partitions & {key for key, _ in recorded.outdated_audits}),
        are_exclusions_unsettled=condemned.passes_later(wanted.exclusions, recorded, measured.partitions, lacking),
    )


def _readers(dataset: Dataset, wanted: Wanted) -> tuple[SnapshotReader, Recorded, list[str]]:
    """Return what reads the partitions that are wanted, what is recorded of them, and which were left out."""
    accept = wanted.accept_outdated_audits
    reader = SnapshotReader(dataset, dataset.snapshots(HELD_TABLES), wanted.partition_keys)
    recorded = Recorded.read(reader, accept_outdated_audits=accept)
    if unknown := sorted(set(wanted.partition_keys or ()) - recorded.partitions - reader.partitions()):
        raise ConfigurationError(
            f"No step has written to partition {', '.join(unknown)} of {dataset.name!r}: check the spelling of partition_keys."
        )
    left_out: list[str] = []
    if wanted.leave_out_unaudited:
        known = reader.partitions() | reader.files("annotations").keys()
        if left_out := sorted(known - recorded.audited):
            reader = SnapshotReader(dataset, reader.snapshots, sorted(known & recorded.audited))
            recorded = Recorded.read(reader, accept_outdated_audits=accept)
    return reader, recorded, left_out


def _measured(
    reader: SnapshotReader,
    recorded: Recorded,
    images: HeldImages,
    excluded: Excluded,
    contents: HeldHashes | None,
    attributes: Attributes | None = None,
) -> Measured:
    """Read the labels. :param contents: is filled anew. :param attributes: takes what labels say of the images, those left out as well."""
    are_attributes_read = False

    def batches() -> Iterator[pa.Table]:
        nonlocal are_attributes_read
        is_first, are_attributes_read = not are_attributes_read, True
        for batch in reader.batches("annotations", LABEL_COLUMNS):
            if attributes and is_first:
                rows, at = held_rows(batch, images.index)
                attributes.add(at, rows["attributes"])
            yield excluded.without(batch)

    def look_at(at: np.ndarray, labels: pa.Table, statements: np.ndarray) -> None:
        if contents is not None:
            contents.add_labels(labels, statements)

    if contents is not None:
        contents.clear()
        contents.add_image_hashes(combined([images.id_hashes]))
    return measure(reader, recorded, images, batches, excluded, look_at)


def _items(images: pa.Table, splitting: Splitting, codes: np.ndarray) -> pa.Table:
    import pyarrow as pa

    names = pa.array(splitting.names, pa.string())
    return images.append_column("split", pa.DictionaryArray.from_arrays(pa.array(codes.astype("int32")), names))


def _digests(items: pa.Table, held: HeldImages) -> tuple[str, str]:
    """Return the digest of images and their splits, and that of the rows as they are written."""
    of_images, of_items = SortedParts(), SortedParts()
    start = 0
    for part in in_parts(items):
        columns = {name: column_hashes(part[name]) for name in ITEM_COLUMNS[1:]}
        columns["image_id"] = held.id_hashes[start : start + part.num_rows]
        of_images.add(combined([columns["image_id"], columns["split"]]))
        of_items.add(combined([columns[name] for name in ITEM_COLUMNS]))
        start += part.num_rows
    return digest_of_parts(of_images), digest_of_parts(of_items)


def _items_id(of_items: str, told: Mapping[str, Any], excluded: pa.Table) -> str:
    """Return what tells the rows of this attempt at a release from those of another: also of one with the same images."""
    from airflow_cv_dataops.core.release.exclusions.condemned import COLUMNS

    parts = (of_items, json.dumps(told, sort_keys=True), digest_rows(excluded, COLUMNS) if len(excluded) else "")
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


def metrics_of(told: Mapping[str, Any], exclusions: Sequence[Mapping[str, Any]], unknown: int, images: int) -> Metrics:
    """Return what gates can ask of splits and exclusions."""
    out, left_out = sum(rule["images"] for rule in exclusions), told.get("left_out", 0)
    off = [abs(told["achieved"].get(name, 0.0) - share) for name, share in told["shares"].items()]
    found = {
        "excluded_images": out,
        "excluded_labels": sum(rule["labels"] for rule in exclusions),
        "unknown_exclusions": unknown,
        "left_out_by_groups": left_out,
        "left_out_by_groups_ratio": left_out / (images + left_out) if left_out else 0.0,
        "split_share_error": max(off),
    }
    return found if told["category_share_error"] is None else {**found, "category_share_error": told["category_share_error"]}


def in_short(keys: Sequence[str], longest: int = 5) -> str:
    """Return a few partition keys in words."""
    more = f" and {len(keys) - longest} more" if len(keys) > longest else ""
    return ", ".join(keys[:longest]) + more
