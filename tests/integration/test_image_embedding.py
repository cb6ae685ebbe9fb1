"""The embedding of a partition: every image once, no zeros for what cannot be read, nothing twice."""

from __future__ import annotations

import csv
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from unit.core.embeddings.onnx_files import mean_of_channels

from airflow_cv_dataops import embed_images, ingest_images, read_embeddings
from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.embeddings import vectors
from airflow_cv_dataops.core.embeddings.descriptor import Descriptor
from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError, SourceError
from airflow_cv_dataops.core.imaging.decoding.viewing import decode_for_viewing

pytestmark = pytest.mark.integration

KEY = "2026-11-05"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Ten pictures of noise, grey and in colour, and a copy of one."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(10):
        picture = Image.effect_noise((40 + number, 30), 60)
        (picture if number % 2 else picture.convert("RGB")).save(folder / f"{number}.png")
    shutil.copyfile(folder / "3.png", folder / "copy_of_3.png")
    return folder


@pytest.fixture
def dataset(make_dataset: Callable[..., Dataset], photos: Path) -> Dataset:
    dataset = make_dataset()
    ingest_images(dataset, KEY, photos, workers=1)
    return dataset


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(mean_of_channels(scale=[1, 2, 3]).SerializeToString())
    return path


def lose(dataset: Dataset, *names: str) -> None:
    """Take away the copies of some images."""
    images = dataset.images(["source_uri", "storage_uri"]).to_pylist()
    for row in images:
        if row["source_uri"].endswith(tuple(f"/{name}" for name in names)):
            Path(row["storage_uri"].removeprefix("file://")).unlink()


def test_each_image_has_the_vector_of_its_pixels_and_copies_are_one(dataset: Dataset, photos: Path) -> None:
    result = embed_images(dataset, KEY)
    counts = result.summary.counts
    assert result.failure is None
    assert [counts[name] for name in ("images", "duplicates", "embedded", "kept", "unreadable", "dimensions")] == [10, 1, 10, 0, 0, 256]
    found = dataset.read("embeddings").to_pylist()
    assert [row["image_id"] for row in found] == sorted({row["image_id"] for row in dataset.images().to_pylist()})
    maker = Descriptor()
    for row in found:
        path = Path(row["source_uri"].removeprefix("file://"))
        assert path.name != "copy_of_3.png"
        picture = decode_for_viewing(path.read_bytes())
        assert isinstance(picture, Image.Image)
        assert row["embedding"] == maker.embed(maker.prepare(picture)[None])[0].tolist()
    assert {(row["embedding_model"], row["source"]) for row in found} == {("descriptor", "built_in")}
    assert all("64 x 64 px" in row["preprocessing"] for row in found)


def test_a_rerun_changes_nothing(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    first = embed_images(dataset, KEY)
    monkeypatch.setattr(vectors.VectorMaker, "vectors", None)  # nothing is embedded
    again = embed_images(dataset, KEY)
    assert again.summary.snapshot_id == first.summary.snapshot_id == dataset.snapshot_id("embeddings")
    counts = again.summary.counts
    assert (counts["embedded"], counts["kept"], counts["dimensions"]) == (0, 10, 256)


@pytest.mark.parametrize("block", [3, 8192])
def test_only_new_images_are_embedded_and_the_rows_are_those_of_one_run(
    make_dataset: Callable[..., Dataset], photos: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr("airflow_cv_dataops.core.embeddings.embedding.BLOCK_ROWS", block)
    later = [photos / f"{number}.png" for number in (1, 6, 8)]
    waiting = photos.parent / "waiting"
    waiting.mkdir()
    for path in later:
        path.rename(waiting / path.name)
    grown, at_once = make_dataset("grown"), make_dataset("at_once")
    ingest_images(grown, KEY, photos, workers=1)
    assert embed_images(grown, KEY).summary.counts["embedded"] == 7
    for path in later:
        (waiting / path.name).rename(path)
    (photos / "0.png").unlink()
    for dataset in (grown, at_once):
        ingest_images(dataset, KEY, photos, workers=1)
    counts = embed_images(grown, KEY).summary.counts
    assert (counts["images"], counts["embedded"], counts["kept"]) == (9, 3, 6)
    embed_images(at_once, KEY)
    assert grown.read("embeddings").equals(at_once.read("embeddings"))


def test_a_file_that_is_not_there_has_no_row_and_is_told(dataset: Dataset, caplog: pytest.LogCaptureFixture) -> None:
    lose(dataset, "4.png")
    with caplog.at_level(logging.WARNING):
        result = embed_images(dataset, KEY, max_unreadable_ratio=0.1)
    counts = result.summary.counts
    assert (result.failure, counts["embedded"], counts["unreadable"], counts["unreadable_by"]) == (None, 9, 1, {"unread": 1})
    assert "1 images have no embedding: 1 unread; the first:" in caplog.text
    assert "4.png" in caplog.text
    found = dataset.read("embeddings")
    assert found.num_rows == 9
    assert not any(row["source_uri"].endswith("/4.png") for row in found.to_pylist())
    assert all(np.linalg.norm(vector) > 0.1 for vector in found["embedding"].to_pylist())
    metrics = dataset.read("metrics", where="step = 'embedding:descriptor'").to_pylist()
    assert {row["metric"]: row["value"] for row in metrics if row["metric"] in ("embeddings", "unreadable_ratio")} == {
        "embeddings": 9,
        "unreadable_ratio": 0.1,
    }


def test_too_many_files_that_are_not_there_commit_nothing_and_may_come_back(dataset: Dataset) -> None:
    before = embed_images(dataset, KEY).summary.snapshot_id
    lose(dataset, "4.png", "5.png")
    assert embed_images(dataset, KEY).summary.snapshot_id == before  # they have their vectors
    with pytest.raises(SourceError, match=r"2 of 10 images are not there.*may pass, so nothing was committed"):
        embed_images(dataset, KEY, embedding_model="another")
    assert dataset.snapshot_id("embeddings") == before


def test_a_changed_file_is_not_taken_for_the_one_that_was_ingested(make_dataset: Callable[..., Dataset], photos: Path) -> None:
    from airflow_cv_dataops import IngestSettings

    dataset = make_dataset()
    ingest_images(dataset, KEY, photos, settings=IngestSettings(copy_images=False), workers=1)
    Image.new("RGB", (40, 30), "red").save(photos / "4.png")
    counts = embed_images(dataset, KEY, max_unreadable_ratio=1).summary.counts
    assert (counts["embedded"], counts["unreadable_by"]) == (9, {"unread": 1})


def test_two_models_stand_side_by_side(dataset: Dataset, model: Path) -> None:
    embed_images(dataset, KEY)
    result = embed_images(dataset, KEY, model=model, mean=[0, 0, 0], std=[1, 1, 1])
    assert (result.summary.details["embedding_model"], result.summary.counts["dimensions"]) == ("tiny", 3)
    ids, matrix = read_embeddings(dataset, KEY, embedding_model="tiny")
    assert (len(ids), matrix.shape, matrix.dtype) == (10, (10, 3), np.float32)
    assert np.allclose(matrix[:, 1], 2 * matrix[:, 0], rtol=1e-5)  # a grey picture, by the weights of the model
    assert read_embeddings(dataset, KEY, embedding_model="descriptor")[1].shape == (10, 256)
    with pytest.raises(ConfigurationError, match=r"several models in table .*: descriptor, tiny. Name one"):
        read_embeddings(dataset, KEY)


def test_another_pre_processing_or_another_file_embeds_again(dataset: Dataset, model: Path) -> None:
    assert embed_images(dataset, KEY, model=model).summary.counts["embedded"] == 10
    assert embed_images(dataset, KEY, model=model).summary.counts["embedded"] == 0
    assert embed_images(dataset, KEY, model=model, resize="crop").summary.counts["embedded"] == 10
    model.write_bytes(mean_of_channels().SerializeToString())
    assert embed_images(dataset, KEY, model=model, resize="crop").summary.counts["embedded"] == 10
    assert dataset.read("embeddings").num_rows == 10


def test_what_a_model_gives_that_is_no_number_is_no_row(dataset: Dataset, model: Path) -> None:
    model.write_bytes(mean_of_channels(scale=[1, float("nan"), 1]).SerializeToString())
    result = embed_images(dataset, KEY, model=model)
    assert result.summary.counts["unreadable_by"] == {"not_finite": 10}
    assert result.failure is not None
    assert "10 of 10 images (100%) have no embedding, more than max_unreadable_ratio=0.05: 10 not_finite" in result.failure
    assert dataset.read("embeddings").num_rows == 0


def test_a_partition_without_images_has_no_embeddings_and_one_without_anything_is_a_slip(
    dataset: Dataset, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    ingest_images(dataset, "empty", tmp_path / "empty", allow_empty=True)
    result = embed_images(dataset, "empty")
    assert (result.failure, result.summary.counts["images"], dataset.read("embeddings").num_rows) == (None, 0, 0)
    with pytest.raises(DatasetNotFoundError, match="No step has written to partition '2026-11-50'"):
        embed_images(dataset, "2026-11-50")


def test_lineage_says_what_was_read_and_written(dataset: Dataset, model: Path) -> None:
    lineage = embed_images(dataset, KEY, model=model).lineage
    assert [(use.holds or use.table, use.rows) for use in lineage.inputs] == [("embedding_model", 1), ("images", 11)]
    assert [(use.table, use.owner) for use in lineage.outputs] == [("embeddings", "tiny"), ("metrics", "embedding:tiny")]
    assert (lineage.outputs[0].rows, lineage.facts["embedded"], lineage.facts["dimensions"]) == (10, 10, 3)


def test_the_nearest_photo_of_clothes_is_of_the_same_kind_or_person_far_more_often_than_by_chance(
    make_dataset: Callable[..., Dataset], shared_data: Callable[[str], Path]
) -> None:
    """The numbers that docs/operators/image_embedding.md tells."""
    folder = shared_data("clothing_mini")
    dataset = make_dataset()
    ingest_images(dataset, "all", folder / "images")
    embed_images(dataset, "all")
    with open(folder / "images.csv", newline="") as file:
        told = {row["image"]: row for row in csv.DictReader(file)}
    names = {row["image_id"]: Path(row["source_uri"]).stem for row in dataset.images(["image_id", "source_uri"]).to_pylist()}
    ids, matrix = read_embeddings(dataset)
    known = [place for place, image in enumerate(ids.to_pylist()) if names[image] in told]
    distances = np.square(matrix[known][:, None] - matrix[known][None]).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argmin(axis=1)
    for column, least, chance in (("label", 0.13, 0.049), ("sender_id", 0.33, 0.028)):
        values = np.array([told[names[ids[place].as_py()]][column] for place in known])
        same = values[:, None] == values[None]
        assert (same.sum() - len(known)) / (len(known) * (len(known) - 1)) == pytest.approx(chance, abs=0.002)
        assert (values[nearest] == values).mean() > least
