"""What an embedding of images came to, in numbers and words."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from airflow_cv_dataops.core.embeddings.embedder import Facts
from airflow_cv_dataops.core.embeddings.vectors import UNREAD, Unreadable
from airflow_cv_dataops.core.errors import SourceError
from airflow_cv_dataops.core.metrics import Metric
from airflow_cv_dataops.core.wording import readable, share


@dataclass(frozen=True)
class Made:
    """Rows that were made, or found to be as they should.

    :param snapshot_id: of ``embeddings``.
    :param embedded: how many images got a new vector.
    :param dimensions: how many numbers a vector has; ``None`` where there is none.
    """

    snapshot_id: str
    embedded: int
    unreadable: Unreadable
    dimensions: int | None


@dataclass(frozen=True)
class Outcome:
    """:param images: different ones. :param files: rows of ``images``. :param kept: images whose vector was there."""

    images: int
    files: int
    kept: int
    made: Made

    @property
    def counts(self) -> dict[str, Any]:
        unreadable = self.made.unreadable
        return {
            "images": self.images,
            "duplicates": self.files - self.images,
            "embedded": self.made.embedded,
            "kept": self.kept,
            "unreadable": unreadable.total,
            "unreadable_by": dict(sorted(unreadable.by_reason.items())),
            "dimensions": self.made.dimensions or 0,
        }

    @property
    def unreadable_ratio(self) -> float:
        return self.made.unreadable.total / self.images if self.images else 0.0

    def as_metrics(self) -> list[Metric]:
        """Return the rows for ``metrics``: what the images and the model decide, so not how many of the vectors were there before."""
        counts = self.counts
        rows = [Metric(name, counts[name]) for name in ("images", "duplicates", "unreadable", "dimensions")]
        rows += [Metric("embeddings", self.kept + self.made.embedded), Metric("unreadable_ratio", self.unreadable_ratio)]
        return rows + [Metric("unreadable_by", count, {"reason": reason}) for reason, count in counts["unreadable_by"].items()]

    def facts(self, facts: Facts) -> dict[str, Any]:
        """Return the fields of the lineage facet."""
        counts = self.counts
        return {
            "embeddingModel": facts.embedding_model,
            "source": facts.source,
            "preprocessing": facts.preprocessing,
            "parametersId": facts.parameters_id,
            **{name: counts[name] for name in ("dimensions", "images", "embedded", "kept", "unreadable")},
        }

    def failure(self, max_unreadable_ratio: float) -> str | None:
        """Return why policy fails the task, or ``None``."""
        if self.unreadable_ratio <= max_unreadable_ratio:
            return None
        return (
            f"{self.made.unreadable.total:,} of {self.images:,} images ({share(self.unreadable_ratio)}) have no embedding, more than "
            f"max_unreadable_ratio={max_unreadable_ratio}: {self._reasons()}"
        )

    def log(self, log: logging.Logger, facts: Facts) -> None:
        """Say how many there are, and which have none."""
        counts = self.counts
        log.info(
            "Embeddings by %s (%s): %s images, %s embedded, %s as they were, %s numbers each",
            facts.embedding_model,
            facts.source,
            *(f"{counts[name]:,}" for name in ("images", "embedded", "kept", "dimensions")),
        )
        if counts["unreadable"]:
            log.warning("%s images have no embedding: %s", f"{counts['unreadable']:,}", self._reasons())

    def _reasons(self) -> str:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.counts["unreadable_by"].items())
        return f"{reasons}; the first: {readable(self.made.unreadable.first or '')}"


def check_were_there(unreadable: Unreadable, images: int, max_unreadable_ratio: float) -> None:
    """:raises SourceError: images that may be there again later are alone more than ``max_unreadable_ratio`` allows."""
    unread = unreadable.by_reason[UNREAD]
    if unread > max_unreadable_ratio * images:
        raise SourceError(
            f"{unread:,} of {images:,} images are not there as they were ingested, which alone is more than "
            f"max_unreadable_ratio={max_unreadable_ratio}; the first: {readable(unreadable.first_unread or '')}. That may pass, so nothing "
            "was committed. Run it again when they are there, or ingest the partition again; with max_unreadable_ratio=1 they are left out."
        )
