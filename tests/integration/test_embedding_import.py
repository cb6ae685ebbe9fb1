"""Vectors that others have made: they join images by name, what cannot be used is told, and they are read as one matrix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from airflow_cv_dataops import embed_images, import_embeddings, import_predictions, ingest_images, read_embeddings
from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.errors import ConfigurationError, EmptySourceError, SourceError

pytestmark = pytest.mark.integration

KEYS = ("2026-11-05", "2026-11-06")
KEY = KEYS[0]


@pytest.fixture
def dataset(make_dataset: Callable[..., Dataset], tmp_path: Path) -> Dataset:
    """Two days of four pictures each; ``both.png`` is the same on both."""
    dataset = make_dataset()
    for day, key in enumerate(KEYS):
        folder = tmp_path / "photos" / key
        folder.mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", (20, 20), (80 * number, 100 * day, 50)).save(folder / f"{day}_{number}.png")
        Image.new("RGB", (20, 20), "white").save(folder / "both.png")
        ingest_images(dataset, key, folder, workers=1)
    return dataset


def parquet(path: Path, vectors: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"image": list(vectors), "embedding": pa.array(list(vectors.values()), pa.list_(pa.float32()))}), path)
    return path


def by_name(dataset: Dataset, key: str = KEY, model: str = "clip") -> dict[str, list[float]]:
    found = dataset.read("embeddings", partition_key=key, where=f"embedding_model = '{model}'").to_pylist()
    return {row["source_uri"].rpartition("/")[2]: row["embedding"] for row in found}


WHOLE = {"0_0.png": [0, 1], "0_1": [1, 1], "elsewhere/0_2.png": [2, 1], "1_0.png": [9, 9], "both.png": [3, 1]}


def test_vectors_join_by_name_and_those_of_other_partitions_are_counted_and_left_out(dataset: Dataset, tmp_path: Path) -> None:
    source = parquet(tmp_path / "v.parquet", WHOLE)
    result = import_embeddings(dataset, KEY, source, embedding_model="clip")
    counts = result.summary.counts
    assert result.failure is None
    assert by_name(dataset) == {"0_0.png": [0, 1], "0_1.png": [1, 1], "0_2.png": [2, 1], "both.png": [3, 1]}
    assert (counts["embeddings"], counts["images_without_embedding"], counts["matched"]) == (4, 0, 4)
    assert (counts["unmatched"], counts["unmatched_by"], counts["problems"]) == (1, {"absent_image": 1}, {})
    row = dataset.read("embeddings", limit=1).to_pylist()[0]
    assert (row["preprocessing"], row["parameters_id"], row["source"]) == (None, None, source.as_uri())


def test_an_image_may_be_named_by_its_id_and_an_npy_by_a_list(dataset: Dataset, tmp_path: Path) -> None:
    ids = dataset.images(["image_id"], partition_key=KEY)["image_id"].to_pylist()
    np.save(tmp_path / "v.npy", np.eye(4))
    (tmp_path / "ids.txt").write_text("\n".join(ids))
    import_embeddings(dataset, KEY, tmp_path / "v.npy", ids=tmp_path / "ids.txt", embedding_model="clip")
    found, matrix = read_embeddings(dataset)
    order = [ids.index(one) for one in found.to_pylist()]
    assert matrix.tolist() == np.eye(4)[order].tolist()


def test_what_is_no_vector_is_a_finding_and_fails_by_policy(dataset: Dataset, tmp_path: Path) -> None:
    vectors = {"0_0.png": [0, 1], "0_1.png": [1, float("nan")], "0_2.png": [2], "both.png": [3, 1]}
    result = import_embeddings(dataset, KEY, parquet(tmp_path / "v.parquet", vectors), embedding_model="clip")
    assert result.failure is not None
    assert "2 findings (2 of severity error)" in result.failure
    assert set(by_name(dataset)) == {"0_0.png", "both.png"}
    found = dataset.read("findings", where="audit = 'embedding:clip'").to_pylist()
    assert sorted(row["message"] for row in found) == [
        "Row 1 (0_1.png) has a number that is absent or not finite.",
        "Row 2 (0_2.png) has a vector of 1 numbers, most others of 2.",
    ]
    warned = import_embeddings(dataset, KEY, tmp_path / "v.parquet", embedding_model="clip", on_findings="warn")
    assert (warned.failure, warned.summary.counts["problems"]) == (None, {"malformed_record": 2})


def test_of_several_vectors_of_an_image_none_is_guessed(dataset: Dataset, tmp_path: Path) -> None:
    rows = {"0_0.png": [0, 1], "0_0": [0, 1], "0_1.png": [1, 1], "0_1": [7, 7], "0_2.png": [2, 1]}
    result = import_embeddings(dataset, KEY, parquet(tmp_path / "v.parquet", rows), embedding_model="clip", on_findings="warn")
    assert by_name(dataset) == {"0_0.png": [0, 1], "0_2.png": [2, 1]}
    assert result.summary.counts["problems"] == {"malformed_record": 2}


def test_files_of_one_prefix_are_one_source_and_one_of_another_length_is_left_out(dataset: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "vectors"
    parquet(folder / "a.parquet", {"0_0.png": [0, 1], "0_1.png": [1, 1]})
    parquet(folder / "b.parquet", {"0_2.png": [2, 1, 5]})
    np.savez(folder / "c.npz", ids=np.array(["both.png"]), embeddings=np.array([[3, 1]]))
    (folder / "d.npz").write_bytes(b"no archive")
    result = import_embeddings(dataset, KEY, folder, embedding_model="clip", on_findings="warn")
    assert by_name(dataset) == {"0_0.png": [0, 1], "0_1.png": [1, 1], "both.png": [3, 1]}
    assert (result.summary.counts["files"], result.summary.counts["problems"]) == (4, {"unparsable_embedding": 2})


def test_a_file_of_another_day_replaces_nothing(dataset: Dataset, tmp_path: Path) -> None:
    other = parquet(tmp_path / "other.parquet", {"1_0.png": [1, 1], "1_1.png": [2, 1]})
    with pytest.raises(SourceError, match=r"None of the 2 embeddings .* joined an image"):
        import_embeddings(dataset, KEY, other, embedding_model="clip")
    import_embeddings(dataset, KEY, parquet(tmp_path / "v.parquet", {"0_0.png": [0, 1]}), embedding_model="clip")
    with pytest.raises(EmptySourceError, match="That would take out 1 row"):
        import_embeddings(dataset, KEY, other, embedding_model="clip")
    assert by_name(dataset) == {"0_0.png": [0, 1]}


def test_a_rerun_gives_the_same_rows_whatever_the_order_in_the_file(dataset: Dataset, tmp_path: Path) -> None:
    vectors = {"0_0.png": [0, 1], "0_1.png": [1, 1], "0_2.png": [2, 1], "both.png": [3, 1]}
    source = parquet(tmp_path / "v.parquet", vectors)
    import_embeddings(dataset, KEY, source, embedding_model="clip")
    first = dataset.read("embeddings")
    parquet(source, dict(reversed(vectors.items())))
    import_embeddings(dataset, KEY, source, embedding_model="clip")
    assert dataset.read("embeddings").equals(first)


def test_a_matrix_of_all_partitions_has_each_image_once_in_order(dataset: Dataset, tmp_path: Path) -> None:
    for number, key in enumerate(KEYS):
        names = {f"{number}_{at}.png": [at, number] for at in range(3)}
        import_embeddings(dataset, key, parquet(tmp_path / f"{key}.parquet", {**names, "both.png": [5, number]}), embedding_model="clip")
    ids, matrix = read_embeddings(dataset)
    names = dict(zip(*(dataset.images().sort_by("source_uri")[name].to_pylist() for name in ("image_id", "file_name")), strict=True))
    assert ids.to_pylist() == sorted(set(ids.to_pylist()))
    assert {names[one]: vector for one, vector in zip(ids.to_pylist(), matrix.tolist(), strict=True)} == {
        **{f"{number}_{at}.png": [at, number] for number in (0, 1) for at in range(3)},
        "both.png": [5, 0],  # of the first partition by key
    }
    assert read_embeddings(dataset, KEYS[1])[1].shape == (4, 2)


def test_vectors_of_two_lengths_are_no_matrix(dataset: Dataset, tmp_path: Path) -> None:
    import_embeddings(dataset, KEYS[0], parquet(tmp_path / "a.parquet", {"0_0.png": [0, 1]}), embedding_model="clip")
    import_embeddings(dataset, KEYS[1], parquet(tmp_path / "b.parquet", {"1_0.png": [0, 1, 2]}), embedding_model="clip")
    with pytest.raises(ConfigurationError, match=r"differ in length: 2 \(image .*\), 3 \(image"):
        read_embeddings(dataset)
    assert read_embeddings(dataset, KEYS[1])[1].tolist() == [[0, 1, 2]]


def test_vectors_that_came_with_predictions_are_found_where_there_are_no_others(dataset: Dataset, tmp_path: Path) -> None:
    names = ["0_0.png", "0_1.png", "0_2.png", "both.png", "nowhere.png"]
    vectors = [[0.0, 1.0], [1.0, 1.0], [float("nan"), 1.0], [3.0, 1.0], [4.0, 1.0]]
    np.savez(tmp_path / "p.npz", ids=np.array(names), probabilities=np.full((5, 2), 0.5), embeddings=np.array(vectors))
    (tmp_path / "plain.csv").write_text("image,a,b\n0_0.png,0.5,0.5\n")
    import_predictions(dataset, KEY, tmp_path / "p.npz", model="cnn", on_findings="warn")
    import_predictions(dataset, KEY, tmp_path / "plain.csv", model="without", on_findings="warn")
    ids, matrix = read_embeddings(dataset, KEY)
    assert sorted(matrix.tolist()) == [[0, 1], [1, 1], [3, 1]]  # neither what is not finite, nor what joined no image
    assert len(ids) == 3
    embed_images(dataset, KEY)
    assert read_embeddings(dataset, KEY)[1].shape == (4, 256)
    assert read_embeddings(dataset, KEY, embedding_model="cnn")[1].shape == (3, 2)
    with pytest.raises(ConfigurationError, match=r"no embeddings by 'without' .*there are those of descriptor"):
        read_embeddings(dataset, KEY, embedding_model="without")


def test_a_dataset_without_any_says_how_to_make_them(dataset: Dataset) -> None:
    with pytest.raises(ConfigurationError, match="There are no embeddings in 'digits': make them by embed_images"):
        read_embeddings(dataset)


def test_an_earlier_snapshot_is_read_as_it_was(dataset: Dataset, tmp_path: Path) -> None:
    source = parquet(tmp_path / "v.parquet", {"0_0.png": [0, 1]})
    earlier = import_embeddings(dataset, KEY, source, embedding_model="clip").summary.snapshot_id
    import_embeddings(dataset, KEY, parquet(source, {"0_0.png": [7, 7]}), embedding_model="clip")
    assert read_embeddings(dataset, KEY, snapshot_id=earlier)[1].tolist() == [[0, 1]]
    assert read_embeddings(dataset, KEY)[1].tolist() == [[7, 7]]
