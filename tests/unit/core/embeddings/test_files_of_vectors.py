"""Files of vectors: what is in them comes out, what is wrong with a row is told, nothing is unpickled."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops.core.embeddings.files import FileOfVectors, read_vectors
from airflow_cv_dataops.core.errors import ConfigurationError

NAMES = ["a.png", "b.png", "c.png"]
VECTORS = np.arange(6, dtype=np.float32).reshape(3, 2)


def parquet(row_group_size: int = 2, **columns: Any) -> FileOfVectors:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, row_group_size=row_group_size)
    return read_vectors(file.getvalue(), "vectors.parquet")


def saved(write: Any, *arrays: Any, **named: Any) -> bytes:
    file = io.BytesIO()
    write(file, *arrays, **named)
    return file.getvalue()


@pytest.mark.parametrize("column", ["embedding", "embeddings", "vector", "features", "Embedding"])
@pytest.mark.parametrize("kind", [pa.list_(pa.float64()), pa.large_list(pa.float16()), pa.list_(pa.float32(), 2), pa.list_(pa.int32())])
def test_parquet_has_a_column_of_names_and_one_of_lists(column: str, kind: pa.DataType) -> None:
    numbers = VECTORS.astype(kind.value_type.to_pandas_dtype())
    lists = pa.array([list(row) for row in numbers], kind)  # of NumPy's numbers: older PyArrow takes no others for half precision
    found = parquet(image=NAMES, score=[1.0, 2.0, 3.0], **{column: lists})
    assert (list(found.ids), found.vectors.tolist(), found.problems) == (NAMES, VECTORS.tolist(), {})
    assert found.vectors.dtype == np.float32


def test_npz_and_npy_say_the_same() -> None:
    archive = read_vectors(saved(np.savez, ids=np.array(NAMES), embeddings=VECTORS), "v.npz")
    array = read_vectors(saved(np.save, VECTORS.astype(np.float64)), "v.npy", ids=NAMES)
    for found in (archive, array):
        assert (list(found.ids), found.vectors.tolist(), found.problems) == (NAMES, VECTORS.tolist(), {})


def test_a_row_that_is_no_vector_is_told_and_the_others_stay() -> None:
    lists = [[1.0, 2.0], None, [1.0], [1.0, None], [float("inf"), 0.0], [3.0, 4.0], [], [5.0, 6.0]]
    found = parquet(image=["a", "b", "c", "d", "e", "f", "g", None], embedding=pa.array(lists, pa.list_(pa.float64())))
    assert found.problems == {
        1: "has no vector",
        2: "has a vector of 1 numbers, most others of 2",
        3: "has a number that is absent or not finite",
        4: "has a number that is absent or not finite",
        6: "has a vector of 0 numbers, most others of 2",
        7: "names no image",
    }
    assert found.vectors[[0, 5]].tolist() == [[1, 2], [3, 4]]
    assert np.isnan(found.vectors[[1, 2, 6]]).all()


def test_a_number_too_large_for_single_precision_is_told() -> None:
    found = read_vectors(saved(np.save, np.array([[1e300, 0.0], [1.0, 0.0]])), "v.npy", ids=["a", "b"])
    assert list(found.problems) == [0]


@given(st.lists(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=3, max_size=3), min_size=1, max_size=9))
def test_what_is_written_is_what_is_read(vectors: list[list[float]]) -> None:
    names = [f"{number}.png" for number in range(len(vectors))]
    found = parquet(image=names, vector=pa.array(vectors, pa.list_(pa.float32())))
    assert (list(found.ids), found.vectors.tolist(), found.problems) == (names, vectors, {})


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"image": NAMES, "score": [1.0, 2.0, 3.0]}, "no column of vectors"),
        ({"image": NAMES, "tags": [["x"]] * 3}, "no column of vectors"),
        ({"photo": NAMES, "vector": VECTORS.tolist()}, "no column that names the image"),
        ({"image": NAMES, "vector": VECTORS.tolist(), "features": VECTORS.tolist()}, "several columns of vectors"),
        ({"image": NAMES, "vector": pa.nulls(3, pa.list_(pa.float32()))}, "has no vector"),
    ],
)
def test_a_table_without_names_or_vectors_is_refused(columns: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parquet(**columns)


@pytest.mark.parametrize(
    ("data", "name", "says"),
    [
        (b"no parquet", "v.parquet", "not parquet"),
        (b"no array", "v.npy", "not a NumPy file"),
        (saved(np.save, VECTORS[0]), "v.npy", "rows x dimensions"),
        (saved(np.save, VECTORS[:2]), "v.npy", "3 ids do not fit 2 embeddings"),
        (saved(np.save, np.array([{}, {}, {}])), "v.npy", "never unpickled"),
        (saved(np.savez, embeddings=VECTORS), "v.npz", "no array with ids"),
        (saved(np.savez, ids=np.array(NAMES)), "v.npz", "no array with embeddings"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(data: bytes, name: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_vectors(data, name, ids=NAMES)


def test_an_npy_without_ids_is_about_nothing() -> None:
    with pytest.raises(ConfigurationError, match="give the file with the ids as `ids`"):
        read_vectors(saved(np.save, VECTORS), "v.npy")
