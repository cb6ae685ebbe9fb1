"""What an ingest did, in numbers: added up block by block or shard by shard, in whatever order, to the same sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.errors import SourceError
from airflow_cv_dataops.core.imaging.ingest.odd_sizes import ISSUE, odd_sizes
from airflow_cv_dataops.core.imaging.measures.quality import QualityThresholds
from airflow_cv_dataops.core.metrics import Metric
from airflow_cv_dataops.core.wording import readable

if TYPE_CHECKING:
    import pyarrow as pa

_MEASURES = ("brightness", "contrast", "sharpness", "entropy")
# Measures are added up as whole numbers of this size: exact, and so the same for a run and for its shards.
_QUANTUM = 2.0**-30
_ID_DIGITS = 32
_PLAIN = ("images", "rejects", "unchanged", "unread", "unread_example", "bytes")


@dataclass
class Tally:
    """Sums over rows.

    :param unchanged: files whose rows were taken over without reading them.
    :param unread: rejects whose cause may lie outside the file: it could not be read, took too long, or its worker died.
    :param unread_example: the first of them by URI.
    """

    images: int = 0
    rejects: int = 0
    unchanged: int = 0
    unread: int = 0
    unread_example: str | None = None
    bytes: int = 0
    rejects_by_reason: Counter[str] = field(default_factory=Counter)
    issues: Counter[str] = field(default_factory=Counter)
    sums: Counter[str] = field(default_factory=Counter)

    def add(self, images: pa.Table, rejects: pa.Table, *, unchanged: int = 0, unread: Sequence[str] = ()) -> None:
        """Count the rows of some files. :param unread: URIs."""
        import numpy as np
        import pyarrow.compute as pc

        self.images += images.num_rows
        self.rejects += rejects.num_rows
        self.unchanged += unchanged
        self._add_unread(len(unread), min(unread, default=None))
        self.bytes += pc.sum(images["bytes"]).as_py() or 0
        self.rejects_by_reason.update(_counted(rejects["reason"]))
        self.issues.update(_counted(pc.list_flatten(images["issues"])))
        for name in _MEASURES:
            self.sums[name] += int(np.rint(images[name].fill_null(0.0).to_numpy() / _QUANTUM).astype(np.int64).sum())

    def merge(self, other: Tally) -> None:
        """Add the sums of other rows."""
        self.images += other.images
        self.rejects += other.rejects
        self.unchanged += other.unchanged
        self._add_unread(other.unread, other.unread_example)
        self.bytes += other.bytes
        self.rejects_by_reason.update(other.rejects_by_reason)
        self.issues.update(other.issues)
        self.sums.update(other.sums)

    def _add_unread(self, count: int, example: str | None) -> None:
        self.unread += count
        self.unread_example = min((uri for uri in (self.unread_example, example) if uri is not None), default=None)

    def mean(self, measure: str) -> float | None:
        """Return the mean over the images; ``None`` where there are none."""
        return self.sums[measure] * _QUANTUM / self.images if self.images else None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, for an XCom."""
        counters = {"rejects_by_reason": dict(self.rejects_by_reason), "issues": dict(self.issues), "sums": dict(self.sums)}
        return {**{name: getattr(self, name) for name in _PLAIN}, **counters}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Tally:
        """Return what :meth:`to_json` was made from."""
        counters: dict[str, Any] = {name: Counter(values[name]) for name in ("rejects_by_reason", "issues", "sums")}
        return cls(**{name: values[name] for name in _PLAIN}, **counters)


class Whole:
    """What only a whole partition can say: how many different images it has, and how many of an odd size.

    Costs 24 bytes an image: 128 bits of its sha256, which do not collide by chance, and its width and height.
    """

    columns = ("image_id", "width", "height")

    def __init__(self) -> None:
        self._digests = bytearray()
        self._sizes = bytearray()

    def add(self, images: pa.Table) -> None:
        """Count the images of some rows, of which it needs ``columns``."""
        import numpy as np
        import pyarrow.compute as pc

        self._digests += bytes.fromhex("".join(pc.utf8_slice_codeunits(images["image_id"], 0, _ID_DIGITS).to_pylist()))
        self._sizes += np.column_stack([images[name].to_numpy() for name in ("width", "height")]).astype("<i4").tobytes()

    def unique(self) -> int:
        """Return how many different images there are."""
        import numpy as np

        return len(np.unique(np.frombuffer(self._digests, "S16"))) if self._digests else 0

    def odd_sizes(self, thresholds: QualityThresholds) -> Any:
        """Return the mask of the images whose size is odd among all of them, in the order in which they were added."""
        import numpy as np

        sizes = np.frombuffer(self._sizes, "<i4").reshape(-1, 2)
        return odd_sizes(
            sizes[:, 0],
            sizes[:, 1],
            deviations_above=thresholds.odd_size_deviations_above,
            area_ratio_above=thresholds.odd_size_ratio_above,
        )


@dataclass(frozen=True)
class Outcome:
    """What a whole partition came to.

    :param unread: rejects that may pass. :param unread_example: the URI of one.
    """

    counts: Mapping[str, Any]
    metrics: Mapping[str, float | None]
    unread: int = 0
    unread_example: str | None = None

    @classmethod
    def of(cls, tally: Tally, whole: Whole, odd: int, *, listed: int, skipped: int, elapsed_seconds: float) -> Outcome:
        """:param odd: how many images have an odd size: no row that was tallied says so of itself."""
        faults = tally.rejects - tally.rejects_by_reason["deleted"]  # what somebody has taken out on purpose is no fault of the source's
        looked_at = tally.images + tally.rejects
        unique = whole.unique()
        duplicates = tally.images - unique
        counts = {
            "listed": listed,
            "skipped": skipped,
            "unchanged": tally.unchanged,
            "images": tally.images,
            "unique_images": unique,
            "duplicates": duplicates,
            "rejects": tally.rejects,
            "rejects_by_reason": _most_frequent_first(tally.rejects_by_reason),
            "issues": _most_frequent_first(tally.issues + Counter({ISSUE: odd})),
            "bytes": tally.bytes,
        }
        metrics = {
            "reject_ratio": faults / (tally.images + faults) if tally.images + faults else 0.0,
            "duplicate_ratio": duplicates / tally.images if tally.images else 0.0,
            "images_per_second": round(looked_at / max(elapsed_seconds, 1e-9), 3),
            **{f"{name}_mean": tally.mean(name) for name in _MEASURES},
        }
        return cls(counts, metrics, tally.unread, tally.unread_example)

    def stored_metrics(self) -> list[Metric]:
        """Return the rows for ``metrics``: all that the input alone decides, so neither the speed nor what was left unread."""
        plain = ("listed", "skipped", "images", "unique_images", "duplicates", "rejects", "bytes")
        rows = [Metric(name, self.counts[name]) for name in plain]
        rows += [Metric(name, value) for name, value in self.metrics.items() if value is not None and name != "images_per_second"]
        rows += [Metric("rejects_by_reason", count, {"reason": reason}) for reason, count in self.counts["rejects_by_reason"].items()]
        rows += [Metric("images_with_issue", count, {"issue": issue}) for issue, count in self.counts["issues"].items()]
        return rows

    def facts(self, partition_key: str) -> dict[str, Any]:
        """Return the fields of the ingest facet."""
        return {
            "images": self.counts["images"],
            "rejects": self.counts["rejects"],
            "rejectsByReason": self.counts["rejects_by_reason"],
            "duplicates": self.counts["duplicates"],
            "bytes": self.counts["bytes"],
            "partitionKey": partition_key,
            "imagesPerSecond": self.metrics["images_per_second"],
        }

    def check_was_read(self, max_reject_ratio: float) -> None:
        """Refuse to commit what a source that cannot be read just now looks like: it would empty a partition that is whole.

        :raises SourceError: rejects that may pass are alone more than ``max_reject_ratio`` allows.
        """
        looked_at = self.counts["images"] + self.counts["rejects"]
        if self.unread > max_reject_ratio * looked_at:
            raise SourceError(
                f"{self.unread:,} of {looked_at:,} files could not be read, took too long or ended their worker, which alone is more "
                f"than max_reject_ratio={max_reject_ratio}; the first: {readable(self.unread_example or '')}. That may pass, so nothing "
                "was committed. Run the ingest again (of a sharded one, the shards too); with max_reject_ratio=1 they become rejects."
            )

    def failure(self, max_reject_ratio: float, where: str) -> str | None:
        """Return why policy fails the task, or ``None``."""
        ratio = self.metrics["reject_ratio"] or 0.0
        if ratio <= max_reject_ratio:
            return None
        rejects = self.counts["rejects"]
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.counts["rejects_by_reason"].items())
        return (
            f"{rejects:,} of {rejects + self.counts['images']:,} files ({ratio:.1%}) were rejected, "
            f"more than max_reject_ratio={max_reject_ratio}: {reasons}; see {where}"
        )


def _counted(values: pa.ChunkedArray) -> dict[str, int]:
    import pyarrow.compute as pc

    return {count["values"]: count["counts"] for count in pc.value_counts(values).to_pylist()}


def _most_frequent_first(counter: Counter[str]) -> dict[str, int]:
    return dict(sorted(counter.items(), key=lambda item: (-item[1], item[0])))
