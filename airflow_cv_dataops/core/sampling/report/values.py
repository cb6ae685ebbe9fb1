"""What the report of a sample is made from: the batch, what was left out, and the batch against its pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_cv_dataops.core.report.views import Box


@dataclass(frozen=True)
class PredictedBox:
    """One box that a model predicts.

    :param score: the model's confidence, 0 to 1. :param bbox: x, y, width and height in pixels of the upright image.
    """

    category: str | None
    score: float
    bbox: Box

    def entry(self) -> dict[str, Any]:
        """Return the box as it stands in a manifest's entry."""
        return {"category": self.category, "score": self.score, "bbox": list(self.bbox)}


@dataclass(frozen=True)
class BatchImage:
    """One chosen image.

    :param rank: 1 for the first. :param score: of the strategy, the higher the earlier; NaN where there is none.
    :param strategy: what chose it, such as ``entropy`` or ``exploration``.
    :param category: what a model takes it for; ``None``: no such prediction. :param reasons: why it was chosen, in words.
    :param partition_key: where its row of ``images`` stands.
    :param boxes: what a model predicts, drawn over the picture; the most uncertain one is marked.
    :param probabilities: of the likeliest categories, 0 to 1; the five largest are shown.
    """

    rank: int
    image_id: str
    source_uri: str
    storage_uri: str
    score: float
    strategy: str
    category: str | None
    reasons: Sequence[str]
    partition_key: str
    boxes: Sequence[PredictedBox] = ()
    probabilities: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class LeftOut:
    """:param reason: in words. :param images: how many. :param note: small print, such as how to change that."""

    reason: str
    images: int
    note: str = ""


@dataclass(frozen=True)
class Distribution:
    """One comparison of the batch with its pool, by one attribute.

    :param name: of the attribute, such as ``category``, ``source`` or ``capture day``.
    :param pool: how many images that could have been chosen have each value, the chosen ones included.
    :param batch: how many of the chosen ones have it. :param limits: by value, in words, such as ``at most 20``.
    :param images: how many images the pool and the batch have, where an image may have several values; ``None``: the counts add up to that.
    :param note: which values an image has, in words, where the name does not tell.
    :param is_ordered: the values have an order of their own, that of their names, such as days; others stand by their share of the pool.
    """

    name: str
    pool: Mapping[str, int]
    batch: Mapping[str, int]
    limits: Mapping[str, str] = field(default_factory=dict)
    images: tuple[int, int] | None = None
    note: str = ""
    is_ordered: bool = False


@dataclass(frozen=True)
class SampleReport:
    """What the page of one sample shows.

    :param strategy: in words, with its name. :param budget: in words, such as ``500 boxes, 498.2 expected``.
    :param images: the batch. :param numbers: further tiles, by label.
    :param notes: what whoever sends the batch must know first, such as minimums that could not be met.
    :param expected_gain: what the learning curve promises, in words; empty: nothing is known of it.
    :param candidates: how many images could have been chosen; ``None``: the page does not say.
    """

    dataset: str
    partition_key: str
    sample_id: str
    strategy: str
    model: str | None
    seed: int
    budget: str
    images: Sequence[BatchImage]
    left_out: Sequence[LeftOut] = ()
    distributions: Sequence[Distribution] = ()
    numbers: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    expected_gain: str = ""
    candidates: int | None = None
