"""An ingest of an object store's prefix takes what can be taken, whatever else somebody has put there."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import pytest
from fake_s3 import FakeS3, fake_s3
from PIL import Image

from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.store.dataset import Dataset

pytestmark = pytest.mark.integration


@pytest.fixture
def s3() -> Iterator[FakeS3]:
    with fake_s3(page=4) as fake:
        yield fake


def a_png(seed: int) -> bytes:
    data = io.BytesIO()
    Image.effect_noise((40 + seed, 30), 40).save(data, "PNG")
    return data.getvalue()


def test_odd_keys_are_rejects_that_say_why_and_folders_are_skipped(s3: FakeS3, make_dataset: Callable[..., Dataset]) -> None:
    s3.objects = {f"in/sub/{number}.png": a_png(number) for number in range(6)}
    s3.objects |= {"in/": b"", "in/sub/": b"", "in/alone/": b"", "in/sub//0.png": a_png(0), "in/new\nline.png": a_png(1)}
    dataset = make_dataset()
    result = ingest_images(dataset, "p", "s3://b/in", source_options=s3.options, max_reject_ratio=0.5)
    counts = result.summary.counts
    assert (counts["listed"], counts["images"], counts["rejects"], counts["skipped"]) == (11, 6, 2, 3)
    rejects = {row["source_uri"]: (row["reason"], row["detail"]) for row in dataset.read("rejects").to_pylist()}
    assert set(rejects) == {"s3://b/in/sub//0.png", "s3://b/in/new\nline.png"}
    assert {reason for reason, _ in rejects.values()} == {"unreadable"}
    assert rejects["s3://b/in/sub//0.png"][1].endswith("its key has an empty part (a slash at an end, or two in a row)")
    assert rejects["s3://b/in/new\nline.png"][1].endswith("its key holds control characters")
    assert sorted(dataset.images()["source_uri"].to_pylist()) == [f"s3://b/in/sub/{number}.png" for number in range(6)]


def test_a_rerun_says_the_same_about_an_object_that_is_gone(s3: FakeS3, make_dataset: Callable[..., Dataset]) -> None:
    s3.objects, dataset, details = {"in/0.png": a_png(0), "in/slash/": b"not empty"}, make_dataset(), []
    for _ in range(2):
        ingest_images(dataset, "p", "s3://b/in", source_options=s3.options, max_reject_ratio=1.0)
        details.append(dataset.read("rejects")["detail"].to_pylist())
    assert "not found" in details[0][0]
    assert details[0] == details[1]
