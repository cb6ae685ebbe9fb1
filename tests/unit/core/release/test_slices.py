"""A release read slice by slice is the release: every image once, with the labels that it has as a whole."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest
from unit.core.release.release_rows import write_annotations, write_backgrounds, write_images

from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.errors import StoreError
from airflow_cv_dataops.core.release import slices as sliced
from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.release.reader import Release
from airflow_cv_dataops.core.release.slices import SlicedRelease

MakeDataset = Callable[..., Dataset]
KEYS = ("2026-11-05", "2026-11-06")


@pytest.fixture
def release(make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch) -> Release:
    """Thirty images a day, the first of both days the same file, some labelled twice, some empty, some without a word; seven slices."""
    monkeypatch.setattr(sliced, "_IMAGES_IN_SLICE", 9)
    dataset = make_dataset()
    for key in KEYS:
        names = [f"{key}-{number}" for number in range(30)]
        same = {names[0]: "the same"}
        write_images(dataset, key, names, contents=same)
        write_annotations(dataset, key, [(name, category) for name in names[:20] for category in ("cat", "dog")], contents=same)
        write_backgrounds(dataset, key, names[20:25])
    assert promote_dataset(dataset).failure is None
    return dataset.release()


def test_slices_hold_each_image_once_in_order_with_its_labels(release: Release) -> None:
    with SlicedRelease(release, ("storage_uri", "width"), ("category", "bbox")) as whole:
        found = list(whole.slices())
        again = list(whole.slices())
    assert len(found) == 7
    assert sum(part.images.num_rows > 0 for part in found) > 3
    images = pa.concat_tables(part.images for part in found)
    assert images["image_id"].to_pylist() == release.items()["image_id"].to_pylist()
    assert images["split"].to_pylist() == release.items()["split"].to_pylist()
    wanted = ("image_id", "annotation_id", "category", "task")
    labels = pa.concat_tables(part.annotations for part in found)
    assert sorted(map(str, labels.select(wanted).to_pylist())) == sorted(map(str, release.annotations(wanted).select(wanted).to_pylist()))
    assert [part.images for part in found] == [part.images for part in again]
    assert [part.annotations for part in found] == [part.annotations for part in again]


def test_a_release_whose_rows_somebody_took_is_not_read_as_if_it_were_whole(release: Release) -> None:
    without_one = release.dataset.read("images", partition_key=KEYS[0]).slice(1)
    snapshot_id = release.dataset.replace_partition("images", KEYS[0], without_one.drop_columns(["partition_key"]))
    other = Release(**{**vars(release), "snapshots": {**release.snapshots, "images": snapshot_id}})
    with SlicedRelease(other, (), ()) as whole, pytest.raises(StoreError, match="holds images that its tables do not"):
        list(whole.slices())


def test_labels_that_are_not_those_of_the_release_are_told_after_the_last_slice(release: Release) -> None:
    other = Release(**{**vars(release), "annotations_count": release.annotations_count + 1})
    with SlicedRelease(other, (), ()) as whole, pytest.raises(StoreError, match="annotations, and its tables hold"):
        list(whole.slices())
