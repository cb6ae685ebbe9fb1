"""What the images and labels of one partition look like, in a form that is small whatever the partition."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from airflow_cv_dataops.core.health.tally import Tally

# Of what :class:`Profile` means by its numbers. A profile of another form is worked out anew.
FORM = 1

IMAGE_KINDS = ("image_format", "image_mode", "image_size", "camera")


@dataclass(frozen=True)
class LabelProfile:
    """The labels of one label set.

    :param annotations: rows, statements that nothing is there left out. :param backgrounds: such statements.
    :param images: images of the partition that have a row of either kind.
    :param newest: the latest ``labeled_at``; ``None``: no label has one.
    :param histograms: by measure (``boxes_per_image``, ``box_size``), counts in the bins of ``histograms.LABEL_BINS``.
    """

    annotations: int
    backgrounds: int
    images: int
    newest: datetime | None
    categories: Tally
    formats: Tally
    histograms: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Profile:
    """One partition.

    :param images: rows of ``images``. :param labelled: those of whose bytes there is any label or statement.
    :param newest_image: the latest ``ingested_at``.
    :param oldest_unlabelled: the earliest ``ingested_at`` of images without a label. :param median_unlabelled: the median one.
    :param kinds: by kind (:data:`IMAGE_KINDS`), how many images have which value; nulls count nowhere.
    :param histograms: by measure, counts in the bins of ``histograms.IMAGE_BINS``.
    :param labels: by label set.
    """

    images: int
    labelled: int = 0
    newest_image: datetime | None = None
    oldest_unlabelled: datetime | None = None
    median_unlabelled: datetime | None = None
    kinds: Mapping[str, Tally] = field(default_factory=dict)
    histograms: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    labels: Mapping[str, LabelProfile] = field(default_factory=dict)

    @property
    def unlabelled_ratio(self) -> float:
        """The share of images without a label, 0 to 1; 0 without images."""
        return 1 - self.labelled / self.images if self.images else 0.0

    @property
    def annotations(self) -> int:
        return sum(labels.annotations for labels in self.labels.values())

    @property
    def newest_label(self) -> datetime | None:
        return max((labels.newest for labels in self.labels.values() if labels.newest is not None), default=None)

    def to_json(self) -> str:
        return json.dumps({"form": FORM, **_plain(asdict(self))}, sort_keys=True, ensure_ascii=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self | None:
        """Return what :meth:`to_json` wrote; ``None`` of another form, or of what is none."""
        try:
            value = json.loads(text)
            return cls._of(value) if value.pop("form") == FORM else None
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    @classmethod
    def _of(cls, value: dict[str, Any]) -> Self:
        labels = {
            name: LabelProfile(
                **{
                    **of_set,
                    "newest": _moment(of_set["newest"]),
                    "categories": Tally.from_json(of_set["categories"]),
                    "formats": Tally.from_json(of_set["formats"]),
                    "histograms": {measure: tuple(counts) for measure, counts in of_set["histograms"].items()},
                }
            )
            for name, of_set in value["labels"].items()
        }
        moments = {name: _moment(value[name]) for name in ("newest_image", "oldest_unlabelled", "median_unlabelled")}
        kinds = {name: Tally.from_json(tally) for name, tally in value["kinds"].items()}
        histograms = {measure: tuple(counts) for measure, counts in value["histograms"].items()}
        return cls(**{**value, **moments, "kinds": kinds, "histograms": histograms, "labels": labels})


NO_PROFILE = Profile(images=0)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
