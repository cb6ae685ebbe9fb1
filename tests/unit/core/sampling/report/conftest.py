"""Pages of samples in a few words: images in a dataset of the test's own, and the page read back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from unit.core.report.conftest import KEY, encoded, photo, store_images

from airflow_cv_dataops.core.report.limits import ReportLimits
from airflow_cv_dataops.core.report.location import read_report
from airflow_cv_dataops.core.sampling.report.values import BatchImage, SampleReport
from airflow_cv_dataops.core.sampling.report.write import write_sample_report
from airflow_cv_dataops.core.store.dataset import Dataset

__all__ = ["store_images"]


def sample(images: list[BatchImage], **values: Any) -> SampleReport:
    given = {"dataset": "cells", "partition_key": KEY, "sample_id": "hard", "strategy": "entropy of the class probabilities (entropy)"}
    given |= {"model": "net", "seed": 7, "budget": "50 images"}
    return SampleReport(**{**given, "images": images, **values})


@pytest.fixture
def batch_of() -> Callable[..., list[BatchImage]]:
    """Return all images of a dataset as a batch, in the order of their sources."""

    def build(dataset: Dataset, **values: Any) -> list[BatchImage]:
        rows = dataset.images(partition_key=KEY).sort_by("source_uri").to_pylist()
        given: dict[str, Any] = {"strategy": "entropy", "category": "RBC", "reasons": ["entropy 0.971"], **values}
        return [
            BatchImage(
                rank=rank,
                image_id=row["image_id"],
                source_uri=row["source_uri"],
                storage_uri=row["storage_uri"],
                score=1 - rank / 100,
                partition_key=KEY,
                **given,
            )
            for rank, row in enumerate(rows, start=1)
        ]

    return build


@pytest.fixture
def page_of() -> Callable[..., str]:
    """Write the report of a sample and return its page."""

    def build(dataset: Dataset, report: SampleReport, **limits: int) -> str:
        return read_report(dataset, write_sample_report(dataset, report, limits=ReportLimits(**limits))).decode()

    return build


@pytest.fixture
def cells(make_dataset: Callable[..., Dataset], store_images: Callable[..., Any]) -> Dataset:
    """Three noisy images of 64 x 48 px."""
    dataset = make_dataset("cells")
    store_images(dataset, {name: encoded(photo(64, 48, seed)) for seed, name in enumerate(("a.png", "b.png", "c.png"))})
    return dataset
