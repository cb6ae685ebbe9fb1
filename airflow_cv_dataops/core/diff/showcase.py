"""Which images a report shows: where most changed, first the first of every kind of change, then the second of every kind, …"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.diff.changes import LABEL_CHANGES
from airflow_cv_dataops.core.diff.images import IMAGE_CHANGES
from airflow_cv_dataops.core.diff.tally import flags_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

EMPTY_STATED = "stated empty"
IMAGE_KINDS = {change: "moved to another split" if change == "moved" else f"image {change}" for change in IMAGE_CHANGES}
# In the order in which the kinds take turns: what matters most to who trains comes first.
KINDS = ("recategorised", "moved", "reshaped", "removed", "added", "edited", EMPTY_STATED, *IMAGE_KINDS.values())
_MOST_LABELS = 100


@dataclass(frozen=True)
class Shown:
    """One image of the report.

    :param kinds: all kinds of change that it has, of ``KINDS``.
    :param labels: at most 100 of its changed labels, as rows of :func:`~.changes.changed_labels`.
    :param count: how many labels of it changed.
    """

    image_id: str
    kinds: tuple[str, ...]
    labels: Sequence[Mapping[str, Any]] = ()
    count: int = 0
    split_before: str | None = None
    split_after: str | None = None


class Showcase:
    """Collects the images of changed labels, with memory for those that will be shown. :param most: images of each kind."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._best: dict[str, list[tuple[int, str]]] = {kind: [] for kind in KINDS}
        self._shown: dict[str, Shown] = {}

    def add(self, rows: pa.Table) -> None:
        """Take a slice of changed labels, sorted by image id."""
        import numpy as np
        import pyarrow as pa

        if not self._most or not rows.num_rows:
            return
        ids = rows["image_id"].combine_chunks().dictionary_encode()
        image, names = ids.indices.to_numpy(), ids.dictionary
        flags = _flags_by_kind(rows)
        for kind, flag in flags.items():
            counts = np.bincount(image[flag], minlength=len(names))
            top = np.lexsort((np.arange(len(names)), -counts))[: self._most]  # ids are sorted
            top = top[counts[top] > 0]
            found = zip((-counts[top]).tolist(), names.take(pa.array(top)).to_pylist(), strict=True)
            self._best[kind] = sorted([*self._best[kind], *found])[: self._most]
        wanted = {image_id for best in self._best.values() for _, image_id in best}
        self._shown = {image_id: shown for image_id, shown in self._shown.items() if image_id in wanted}
        numbers = {name: number for number, name in enumerate(names.to_pylist()) if name in wanted}
        starts = np.searchsorted(image, np.arange(len(names) + 1))
        for image_id, number in numbers.items():  # as many rounds as a report has images
            start, end = int(starts[number]), int(starts[number + 1])
            kinds = tuple(kind for kind, flag in flags.items() if flag[start:end].any())
            labels = rows.slice(start, min(end - start, _MOST_LABELS)).to_pylist()
            self._shown[image_id] = Shown(image_id, kinds, labels, end - start)

    def chosen(self, images: pa.Table) -> list[Shown]:
        """Return the images in the order of the report. :param images: those that changed themselves."""
        own = {kind: list(_of_images(images, change, self._most)) for change, kind in IMAGE_KINDS.items()}
        by_kind = [own[kind] if kind in own else [self._shown[image_id] for _, image_id in self._best[kind]] for kind in KINDS]
        chosen: dict[str, Shown] = {}
        for shown in (one for turn in zip_longest(*by_kind) for one in turn if one is not None):
            known = chosen.get(shown.image_id)
            chosen[shown.image_id] = shown if known is None else _both(known, shown)
        return list(islice(chosen.values(), self._most))


def _flags_by_kind(rows: pa.Table) -> dict[str, np.ndarray]:
    is_label, flags = rows["is_label"].to_numpy(), flags_of(rows)
    found = {kind: flags[:, LABEL_CHANGES.index(kind)] & is_label for kind in KINDS if kind in LABEL_CHANGES}
    return {**found, EMPTY_STATED: ~is_label}


def _of_images(images: pa.Table, change: str, most: int) -> Iterator[Shown]:
    import pyarrow.compute as pc

    for row in images.filter(pc.equal(images["change"], change)).slice(0, most).to_pylist():
        splits = {name: row[name] for name in ("split_before", "split_after")}
        yield Shown(row["image_id"], (IMAGE_KINDS[change],), **splits)


def _both(one: Shown, other: Shown) -> Shown:
    """Return an image of which labels changed and that changed itself."""
    with_labels, itself = (one, other) if one.labels else (other, one)
    kinds = tuple(kind for kind in KINDS if kind in (*one.kinds, *other.kinds))
    if not itself.split_before and not itself.split_after:
        itself = one if one.split_before or one.split_after else other
    return Shown(one.image_id, kinds, with_labels.labels, with_labels.count, itself.split_before, itself.split_after)
