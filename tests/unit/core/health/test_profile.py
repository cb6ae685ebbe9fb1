"""Profiles: what they say of rows, bounded whatever the rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from airflow_cv_dataops import Dataset
from airflow_cv_dataops.core.health.distances import shape_distance
from airflow_cv_dataops.core.health.histograms import IMAGE_BINS
from airflow_cv_dataops.core.health.profile import Profile
from airflow_cv_dataops.core.health.profiling import profile_partition
from airflow_cv_dataops.core.health.tally import Tally, in_short
from airflow_cv_dataops.core.store.schema import arrow_schema

KEY = "2026-11-05"
AT = datetime(2026, 11, 5, 6, tzinfo=UTC)
LATER = datetime(2026, 11, 5, 9, tzinfo=UTC)


def rows(table: str, entries: list[dict[str, object]]) -> pa.Table:
    return pa.Table.from_pylist(entries, schema=arrow_schema(table)).drop_columns(["partition_key"])


def image(number: int, **facts: object) -> dict[str, object]:
    common = {
        "storage_uri": "s",
        "bytes": 1000,
        "format": "JPEG",
        "width": 100,
        "height": 50,
        "mode": "RGB",
        "frames": 1,
        "ingested_at": AT,
    }
    return {"source_uri": f"{number}.jpg", "image_id": f"{number:064x}", "file_name": f"{number}.jpg", **common, **facts}


def label(number: int, image_id: int | None, **facts: object) -> dict[str, object]:
    identity = None if image_id is None else f"{image_id:064x}"
    common = {"label_set": "default", "file_name": "f", "task": "detection", "category": "car", "format": "coco", "source": "s"}
    return {"annotation_id": str(number), "image_id": identity, **common, **facts}


def write(dataset: Dataset) -> None:
    images = [image(0), image(1, brightness=0.51), image(2, ingested_at=LATER, camera="C", brightness=float("nan")), image(3, width=50)]
    box = {"x": 0.0, "y": 0.0, "width": 50.0, "height": 25.0}
    labels = [label(0, 0, bbox=box, labeled_at=LATER), label(1, 0), label(2, 1, task="background", category=None), label(3, None)]
    dataset.replace_partition("images", KEY, rows("images", images))
    dataset.replace_partition("annotations", KEY, rows("annotations", labels), owner="default")


def test_a_profile_says_what_is_there(make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset()
    write(dataset)
    profile = profile_partition(dataset, KEY, dataset.snapshots(("images", "annotations")))
    assert (profile.images, profile.labelled, profile.newest_image) == (4, 2, LATER)
    assert (profile.oldest_unlabelled, profile.median_unlabelled) == (AT, AT)
    assert profile.kinds["image_size"].counts == {"100x50": 3, "50x50": 1}
    assert profile.kinds["camera"].counts == {"C": 1}
    assert sum(profile.histograms["brightness"]) == 1  # what is not known or no number is in no bin
    labels = profile.labels["default"]
    assert (labels.annotations, labels.backgrounds, labels.images, labels.newest) == (3, 1, 2, LATER)
    assert labels.histograms["boxes_per_image"][:3] == (1, 0, 1)
    assert sum(labels.histograms["box_size"]) == 1
    assert labels.categories.counts == {"car": 3}


def test_a_profile_comes_back_from_its_text(make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset()
    write(dataset)
    profile = profile_partition(dataset, KEY, dataset.snapshots(("images", "annotations")))
    assert Profile.from_json(profile.to_json()) == profile
    assert Profile.from_json('{"form": 0}') is None
    assert Profile.from_json("[]") is None
    assert Profile.from_json("no JSON") is None


def test_many_values_are_bounded_and_what_is_not_named_may_be_there():
    tally = Tally.of({f"c{number}": 5 - number % 3 for number in range(10)}, most=4)
    assert (len(tally.counts), tally.other_names, tally.total, tally.distinct) == (4, 6, 41, 10)
    assert tally.may_hold("never seen")
    assert not Tally.of({"a": 1}).may_hold("b")
    assert len(in_short("x" * 10_000)) <= 120
    assert in_short("x" * 10_000) != in_short("x" * 10_001)


def test_equal_shares_are_near_and_few_rows_alarm_nobody():
    rng, bins = np.random.default_rng(1), IMAGE_BINS["brightness"]
    before = np.array([bins.count(rng.normal(0.5, 0.1, 200)) for _ in range(30)], float)
    same = shape_distance(bins.count(rng.normal(0.5, 0.1, 200)).astype(float), before)
    assert same.distance < 0.1
    assert same.is_chance
    few = shape_distance(bins.count(rng.normal(0.55, 0.1, 30)).astype(float), before)
    assert few.is_chance
    dark = shape_distance(bins.count(rng.normal(0.3, 0.1, 200)).astype(float), before)
    assert dark.distance > 0.5
    assert not dark.is_chance
    assert dark.score > 5
