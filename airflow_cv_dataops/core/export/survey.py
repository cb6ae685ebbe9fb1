"""The first look at what is exported: which categories, how many pictures, which names. The second look writes."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.export.exporter import Exporter, Layout
from airflow_cv_dataops.core.export.names import Names
from airflow_cv_dataops.core.export.options import ExportOptions
from airflow_cv_dataops.core.export.picture import Picture
from airflow_cv_dataops.core.export.selection import OF_CHOICE, Selection
from airflow_cv_dataops.core.progress import Progress
from airflow_cv_dataops.core.release.slices import SlicedRelease

log = logging.getLogger(__name__)

# Of images in one shard, so that few can be as large as they like.
_SHARD_BYTES = 512 * 2**20
_LEFT_OUT = "labels_left_out."
_FOLDER_NAME = re.compile(r"[\w-][\w. -]{0,99}")


@dataclass(frozen=True)
class Survey:
    """What an export will hold.

    :param tally: what :class:`Selection` counts.
    :param absent_categories: those that were asked for and that no label has.
    """

    layout: Layout
    names: Names
    tally: Mapping[str, int]
    absent_categories: tuple[str, ...] = ()

    @property
    def images(self) -> int:
        return sum(self.layout.splits.values())

    @property
    def left_out_ratio(self) -> float:
        """Share of the labels that are left out for what is wrong with them, or because the format has no place for them; 0 to 1."""
        return sum(self.left_out_by_fault.values()) / self.tally["labels"] if self.tally["labels"] else 0.0

    @property
    def left_out_by_fault(self) -> dict[str, int]:
        """How many labels these are, by reason."""
        found = ((name.removeprefix(_LEFT_OUT), count) for name, count in self.tally.items() if name.startswith(_LEFT_OUT) and count)
        return dict(sorted((reason, count) for reason, count in found if reason not in OF_CHOICE))


def survey_release(whole: SlicedRelease, exporter: type[Exporter], options: ExportOptions, title: str) -> Survey:
    """Look at all that would be exported.

    :raises ConfigurationError: a split cannot be the name of a folder, or a split or label set, or all categories, that were asked
        for are not in the release.
    :raises StoreError: the release's tables do not hold what was released.
    """
    selection, names = Selection(exporter, options, None), Names()
    splits: Counter[str] = Counter()
    shards: Counter[str] = Counter()
    has_boxes = False
    seen: set[str] = set()
    label_sets: set[str] = set()
    known: set[str | None] = set()

    def looked_at() -> Iterator[Picture]:
        with Progress("images looked at", whole.images, log) as progress:
            for part in whole.slices():
                seen.update(part.images["split"].unique().to_pylist())
                label_sets.update(part.annotations["label_set"].unique().to_pylist())
                known.update(part.annotations["category"].unique().to_pylist())
                yield from selection.pictures(part)
                progress.advance(part.images.num_rows)

    for shard in sharded(looked_at(), options.shard_images):
        splits[shard.split] += len(shard.pictures)
        shards[shard.split] += 1
        names.collect((picture.file_name, picture.image_id) for picture in shard.pictures)
        for picture in shard.pictures:
            has_boxes = has_boxes or any(label.bbox is not None for label in picture.labels)
    _check_splits(seen, options)
    if unknown := sorted(set(options.label_sets or ()) - label_sets):
        there = ", ".join(sorted(label_sets)) or "none"
        raise ConfigurationError(f"label_sets={list(options.label_sets or ())!r}: the release has no label of {unknown}; it has {there}.")
    if whole.of_other_images:
        selection.tally["labels"] += whole.of_other_images
        selection.tally[f"{_LEFT_OUT}of_another_image"] += whole.of_other_images
    names.settle()
    layout = Layout(
        title=title,
        categories=options.categories or tuple(sorted(selection.categories)),
        splits=dict(sorted(splits.items())),
        shards=dict(sorted(shards.items())),
        has_boxes=has_boxes,
        references=options.images == "reference",
    )
    return Survey(layout, names, selection.tally, _absent(options.categories or (), known))


@dataclass(frozen=True)
class Shard:
    """Some pictures of one split, that are written together. :param number: from 0, in its split."""

    split: str
    number: int
    pictures: tuple[Picture, ...]

    @property
    def name(self) -> str:
        return f"{self.split}-{self.number:05d}"


def sharded(pictures: Iterable[Picture], most_images: int) -> Iterator[Shard]:
    """Yield the pictures in shards of so many of one split, or of less where they are large."""
    open_shards: dict[str, list[Picture]] = {}
    sizes: Counter[str] = Counter()
    numbers: Counter[str] = Counter()

    def closed(split: str) -> Shard:
        number, sizes[split] = numbers[split], 0
        numbers[split] += 1
        return Shard(split, number, tuple(open_shards.pop(split)))

    for picture in pictures:
        split = picture.split
        open_shards.setdefault(split, []).append(picture)
        sizes[split] += picture.bytes
        if len(open_shards[split]) >= most_images or sizes[split] >= _SHARD_BYTES:
            yield closed(split)
    for split in sorted(open_shards):
        yield closed(split)


def _absent(categories: Sequence[str], known: set[str | None]) -> tuple[str, ...]:
    """Return the categories that no label has. :raises ConfigurationError: none of them is any label's."""
    absent = tuple(name for name in categories if name not in known)
    if categories and len(absent) == len(categories):
        there = sorted(name for name in known if name is not None)
        raise ConfigurationError(
            f"categories={list(categories)!r}: no label of the release has any of them; it has {', '.join(there[:20]) or 'none'}."
        )
    return absent


def _check_splits(seen: set[str], options: ExportOptions) -> None:
    if unknown := set(options.splits or ()) - seen:
        raise ConfigurationError(f"splits={sorted(unknown)} are not in the release; it has {', '.join(sorted(seen)) or 'none'}.")
    if len({split.casefold() for split in seen}) < len(seen):
        raise ConfigurationError(
            f"The splits {', '.join(sorted(seen))} differ in upper and lower case alone, which not every file system does."
        )
    odd = sorted(split for split in options.splits or seen if not _FOLDER_NAME.fullmatch(split))
    if odd:
        raise ConfigurationError(f"The split {odd[0]!r} cannot be the name of a folder: name it with letters, digits, _, -, . and spaces.")
