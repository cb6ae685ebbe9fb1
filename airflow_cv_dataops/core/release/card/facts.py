"""What a card says, as plain values, counted once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.errors import DatasetNotFoundError
from airflow_cv_dataops.core.lineage.naming import catalog_name
from airflow_cv_dataops.core.release.card.gallery import Example, examples
from airflow_cv_dataops.core.release.card.held import tally_labels
from airflow_cv_dataops.core.release.card.image_tally import ImageTally, tally_images
from airflow_cv_dataops.core.release.card.items import CardItems
from airflow_cv_dataops.core.release.card.label_tally import CategoryFacts, LabelTally
from airflow_cv_dataops.core.release.card.open_findings import FindingFacts, open_findings
from airflow_cv_dataops.core.release.descriptions import Description, read_description
from airflow_cv_dataops.core.release.gates.metric_names import slices_in
from airflow_cv_dataops.core.release.lookup import read_release
from airflow_cv_dataops.core.release.reader import Release

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class LabelFacts:
    """:param labels: as the release counts them. :param untold: those of them that were drawn on other bytes than the image's, of releases
    as they were made at first; nothing else is known of them.
    :param labelled_images: with a label, or said to hold nothing (``backgrounds``). :param by_split: in the order of the splits' names.
    :param by_annotator: ``None``: nobody is named. :param of_image: labels of each image. :param sides: square roots of boxes' areas, px.
    :param licences: what labels' attributes say of licences.
    """

    labels: int
    untold: int
    labelled_images: int
    backgrounds: int
    uncategorised: int
    by_split: tuple[int, ...]
    labelled_by_split: tuple[int, ...]
    by_task: Mapping[str, int]
    by_label_set: Mapping[str, int]
    by_annotator: Mapping[str | None, int]
    categories: tuple[CategoryFacts, ...]
    of_image: np.ndarray
    sides: np.ndarray
    licences: Mapping[str, int]
    sources: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class ParentFacts:
    """The release that the stage was at before; ``splits`` and ``categories`` are ``None`` where nobody knows them any more."""

    name: str
    images: int
    annotations: int
    splits: Mapping[str, int] | None
    categories: Mapping[str, int] | None


@dataclass(frozen=True)
class MadeFacts:
    """How a release was made that a stage has moved to since: for which stage, and what was asked and noted then."""

    stage: str
    gates: Sequence[Mapping[str, Any]]
    notes: str | None


@dataclass(frozen=True)
class CardFacts:
    """:param splits: images by split. :param measured: metrics of the whole release by name; ``None``: nobody has measured it.
    :param tables: table, snapshot id, and its namespace and name in lineage. :param catalog: name, type and URIs, without credentials.
    """

    dataset: str
    release: str
    stage: str
    action: str
    created_at: datetime
    dag_id: str | None
    run_id: str | None
    content_id: str
    notes: str | None
    partition_keys: tuple[str, ...] | None
    description: Description
    images: int
    partitions: int
    splits: Mapping[str, int]
    splitting: Mapping[str, Any] | None
    parent_name: str | None
    parent: ParentFacts | None
    gates: Sequence[Mapping[str, Any]]
    made: MadeFacts | None
    exclusions: Sequence[Mapping[str, Any]]
    measured: Mapping[str, float] | None
    labels: LabelFacts
    of_images: ImageTally
    findings: FindingFacts
    tables: Sequence[tuple[str, str, str, str]]
    catalog: Mapping[str, str]
    examples: tuple[Example, ...]


def collect_facts(release: Release, *, pictures: bool = True) -> CardFacts:
    """Read what a card says of a release, from the release's tables at its snapshots, and what people say of its dataset now.

    :param pictures: whether example images are read.
    :raises StoreError: the tables do not hold what was released.
    """
    dataset, items = release.dataset, CardItems.of(release)
    labels = _label_facts(release, tally_labels(release, items))
    of_images = tally_images(release, items)
    measured = release.measured()
    return CardFacts(
        dataset=dataset.name,
        release=release.name,
        stage=release.stage,
        action=release.action,
        created_at=release.created_at,
        dag_id=release.dag_id,
        run_id=release.run_id,
        content_id=release.content_id,
        notes=release.notes,
        partition_keys=release.partition_keys,
        description=read_description(dataset),
        images=release.images_count,
        partitions=len(items.partitions),
        splits=items.by_split(),
        splitting=release.splitting,
        parent_name=release.parent,
        parent=None if release.parent is None else _parent(release, release.parent),
        gates=release.gates,
        made=_made(release),
        exclusions=release.exclusions,
        measured=None if measured is None else _whole(measured),
        labels=labels,
        of_images=of_images,
        findings=open_findings(release, items),
        tables=[(table, snapshot, *_name_in_lineage(release, table)) for table, snapshot in sorted(release.snapshots.items())],
        catalog=dataset.config.for_lineage(),
        examples=examples(release, items, labels.categories) if pictures else (),
    )


def _whole(measured: Mapping[str, float | list[float]]) -> dict[str, float]:
    """Return the numbers of the whole release, without those of slices and of single partitions."""
    return {name: value for name, value in sorted(measured.items()) if "[" not in name and isinstance(value, (int, float))}


def _made(release: Release) -> MadeFacts | None:
    """Return how the release was made, where the stage came to it later."""
    made = read_release(release.dataset, release.name)
    return None if made.sequence == release.sequence else MadeFacts(made.stage, made.gates, made.notes)


def _label_facts(release: Release, tally: LabelTally) -> LabelFacts:
    import numpy as np

    return LabelFacts(
        labels=release.annotations_count,
        untold=release.annotations_count - tally.labels,
        labelled_images=tally.labelled_images,
        backgrounds=tally.backgrounds,
        uncategorised=tally.uncategorised,
        by_split=tuple(tally.by_split.tolist()),
        labelled_by_split=tally.labelled_by_split(),
        by_task=dict(sorted(tally.by_task.items())),
        by_label_set=dict(sorted(tally.by_label_set.items(), key=_most_first)),
        by_annotator=dict(sorted(tally.by_annotator.items(), key=_most_first)),
        categories=tally.categories(),
        of_image=tally.of_image,
        sides=np.concatenate([np.empty(0, np.float32), *tally.sides]),
        licences=dict(sorted(tally.licences.items(), key=_most_first)),
        sources=tally.sources.counted(),
    )


def _most_first(entry: tuple[str | None, int]) -> tuple[int, bool, str]:
    name, count = entry
    return -count, name is None, name or ""


def _parent(release: Release, name: str) -> ParentFacts | None:
    """Return what is known of the release before; ``None`` where it cannot be found any more."""
    try:
        parent = read_release(release.dataset, name)
    except DatasetNotFoundError:
        return None
    measured = parent.measured()
    named = {category: int(count) for category, count in slices_in(measured or {}, "annotations", "category")}
    return ParentFacts(name, parent.images_count, parent.annotations_count, _splits(parent), None if measured is None else named)


def _splits(release: Release) -> dict[str, int] | None:
    found: dict[str, int] = {}
    try:
        for batch in release.item_batches():
            for entry in batch["split"].value_counts().to_pylist():
                found[entry["values"]] = found.get(entry["values"], 0) + entry["counts"]
    except DatasetNotFoundError:  # its snapshot was expired by force
        return None
    return dict(sorted(found.items()))


def _name_in_lineage(release: Release, table: str) -> tuple[str, str]:
    name = catalog_name(release.dataset.unopened_table_use(table))
    return ("", release.dataset.identifier(table)) if name is None else (name.namespace, name.name)
