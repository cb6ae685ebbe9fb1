"""From the rows of a partition to its profile, a few columns and a batch at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.health.histograms import IMAGE_BINS, LABEL_BINS
from airflow_cv_dataops.core.health.profile import LabelProfile, Profile
from airflow_cv_dataops.core.health.tally import Tally, count_values, in_short
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.hashing import hashes_of_ids

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pyarrow as pa

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_IMAGE_COLUMNS = ("image_id", "format", "width", "height", "mode", "camera", "bytes", "ingested_at")
_MEASURED = ("brightness", "contrast", "sharpness", "entropy", "saturation", "colourfulness")
_LABEL_COLUMNS = ("label_set", "image_id", "task", "category", "bbox", "labeled_at", "format")
_MOST_SIZES = 1_000
_MOST_LABEL_SETS = 50
_BATCH_ROWS = 131_072


def profile_partition(dataset: Dataset, partition_key: str, snapshots: Mapping[str, str]) -> Profile:
    """Read a partition's images and annotations and return its profile.

    Held at once are 16 bytes an image, and as much a labelled image and label set, beside one batch of rows.

    :param snapshots: of ``images`` and ``annotations``, as far as there are such.
    """
    import numpy as np

    images = _Images()
    for batch in _batches(dataset, "images", partition_key, snapshots, (*_IMAGE_COLUMNS, *_MEASURED)):
        images.add(batch)
    index = images.index()
    label_sets: dict[str, _Labels] = {}
    for batch in _batches(dataset, "annotations", partition_key, snapshots, _LABEL_COLUMNS):
        for name, rows in _by_label_set(batch):
            label_sets.setdefault(name, _Labels(np.zeros(len(index.ids), np.int64))).add(rows, index)
    is_labelled = np.zeros(len(index.ids), bool)
    for labels in label_sets.values():
        is_labelled |= labels.is_labelled
    waiting = np.sort(index.ingested_at[~is_labelled[index.place]])
    # Very many label sets would make a profile of any size: of those with the most rows we say what they look like.
    kept = sorted(label_sets, key=lambda name: (-label_sets[name].rows, name))[:_MOST_LABEL_SETS]
    return Profile(
        images=len(index.place),
        labelled=int(is_labelled[index.place].sum()),
        newest_image=_moment(index.ingested_at.max()) if len(index.place) else None,
        oldest_unlabelled=_moment(waiting[0]) if len(waiting) else None,
        median_unlabelled=_moment(waiting[(len(waiting) - 1) // 2]) if len(waiting) else None,
        kinds={kind: Tally.of(counts, _MOST_SIZES if kind == "image_size" else 10_000) for kind, counts in images.kinds.items()},
        histograms={measure: tuple(counts.tolist()) for measure, counts in images.histograms.items()},
        labels={in_short(name): label_sets[name].profile() for name in sorted(kept)},
    )


@dataclass(frozen=True)
class _Index:
    """The images of a partition by what their ids hash to.

    :param ids: uint64, sorted, each once. :param place: of each row, where its id is. :param size: float64 (ids, 2), width and height.
    """

    ids: np.ndarray
    place: np.ndarray
    size: np.ndarray
    ingested_at: np.ndarray

    def places_of(self, ids: np.ndarray) -> np.ndarray:
        """Return where each of the hashes is; -1: it is none of the images."""
        import numpy as np

        if not len(self.ids):
            return np.full(len(ids), -1)
        places = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        return np.where(self.ids[places] == ids, places, -1)


class _Images:
    def __init__(self) -> None:
        import numpy as np

        self.kinds: dict[str, Counter[str]] = {kind: Counter() for kind in ("image_format", "image_mode", "image_size", "camera")}
        self.histograms = {measure: np.zeros(len(bins.inner) + 1, np.int64) for measure, bins in IMAGE_BINS.items()}
        self._parts: list[tuple[np.ndarray, ...]] = []

    def add(self, batch: pa.Table) -> None:
        import numpy as np
        import pyarrow.compute as pc

        width, height = (_numbers(batch[name]) for name in ("width", "height"))
        for kind, column in (("image_format", "format"), ("image_mode", "mode"), ("camera", "camera")):
            count_values(batch[column], self.kinds[kind])
        texts = (pc.cast(batch[name], "string") for name in ("width", "height"))
        count_values(pc.binary_join_element_wise(*texts, "x"), self.kinds["image_size"])
        with np.errstate(divide="ignore", invalid="ignore"):
            derived = {"aspect_ratio": width / height, "megapixels": width * height / 1e6}
        for measure, bins in IMAGE_BINS.items():
            self.histograms[measure] += bins.count(derived[measure] if measure in derived else _numbers(batch[measure]))
        self._parts.append((hashes_of_ids(batch["image_id"]), width, height, _microseconds(batch["ingested_at"])))

    def index(self) -> _Index:
        import numpy as np

        none = (np.zeros(0, np.uint64), np.zeros(0), np.zeros(0), np.zeros(0, np.int64))
        hashed, width, height, ingested_at = (np.concatenate(parts) for parts in zip(*(self._parts or [none]), strict=True))
        ids, first, place = np.unique(hashed, return_index=True, return_inverse=True)
        return _Index(ids, place.reshape(-1), np.column_stack([width[first], height[first]]), ingested_at)


@dataclass
class _Labels:
    """:param per_image: int64 (images,), labels of each. :param stated: images with a statement that nothing is there."""

    per_image: np.ndarray
    rows: int = 0
    backgrounds: int = 0
    newest: int | None = None
    categories: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        import numpy as np

        self.is_stated = np.zeros(len(self.per_image), bool)
        self.sizes = np.zeros(len(LABEL_BINS["box_size"].inner) + 1, np.int64)

    @property
    def is_labelled(self) -> np.ndarray:
        return (self.per_image > 0) | self.is_stated

    def add(self, rows: pa.Table, index: _Index) -> None:
        import numpy as np
        import pyarrow.compute as pc

        is_background = pc.equal(rows["task"], "background").to_numpy(zero_copy_only=False)
        places = index.places_of(hashes_of_ids(rows["image_id"]))
        self.rows += rows.num_rows
        self.backgrounds += int(is_background.sum())
        self.is_stated[places[is_background & (places >= 0)]] = True
        self.per_image += np.bincount(places[~is_background & (places >= 0)], minlength=len(self.per_image))
        count_values(rows["category"], self.categories)
        count_values(rows["format"], self.formats)
        if (newest := pc.max(rows["labeled_at"]).cast("int64").as_py()) is not None:
            self.newest = newest if self.newest is None else max(self.newest, newest)
        self._add_sizes(rows["bbox"], places, index)

    def _add_sizes(self, boxes: pa.ChunkedArray, places: np.ndarray, index: _Index) -> None:
        import numpy as np
        import pyarrow.compute as pc

        width, height = (_numbers(pc.struct_field(boxes, name)) for name in ("width", "height"))
        known = (places >= 0) & np.isfinite(width * height)
        of_image = index.size[places[known]]
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.clip(width[known], 0, None) * np.clip(height[known], 0, None) / (of_image[:, 0] * of_image[:, 1])
            self.sizes += LABEL_BINS["box_size"].count(np.sqrt(share))

    def profile(self) -> LabelProfile:
        is_labelled = self.is_labelled
        per_image = LABEL_BINS["boxes_per_image"].count(self.per_image[is_labelled].astype(float))
        return LabelProfile(
            annotations=self.rows - self.backgrounds,
            backgrounds=self.backgrounds,
            images=int(is_labelled.sum()),
            newest=None if self.newest is None else _moment(self.newest),
            categories=Tally.of(self.categories),
            formats=Tally.of(self.formats),
            histograms={"boxes_per_image": tuple(per_image.tolist()), "box_size": tuple(self.sizes.tolist())},
        )


def _batches(
    dataset: Dataset, table: str, partition_key: str, snapshots: Mapping[str, str], columns: tuple[str, ...]
) -> Iterator[pa.Table]:
    if table not in snapshots:
        return iter(())
    return dataset.read_batches(table, partition_key=partition_key, snapshot_id=snapshots[table], columns=columns, batch_rows=_BATCH_ROWS)


def _by_label_set(batch: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Yield the rows of each label set: a data file holds those of one."""
    import pyarrow.compute as pc

    names = batch["label_set"].unique().to_pylist()
    for name in names:
        yield name, batch if len(names) == 1 else batch.filter(pc.equal(batch["label_set"], name))


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    """Return float64; null is NaN."""
    import numpy as np
    import pyarrow.compute as pc

    return np.asarray(pc.cast(column, "double").to_numpy(zero_copy_only=False), float)


def _microseconds(column: pa.ChunkedArray) -> np.ndarray:
    import numpy as np

    return np.asarray(column.cast("int64").fill_null(0).to_numpy(zero_copy_only=False), np.int64)


def _moment(microseconds: Any) -> datetime:
    return _EPOCH + timedelta(microseconds=int(microseconds))
