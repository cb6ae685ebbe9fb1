"""Files of vectors: what is in them comes out, what is wrong with a row is told, nothing is unpickled."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops.core.embeddings.files import FileOfVectors, read_vectors
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.predictions import array_files

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


def an_npy(shape: str, descr: str = "<f4", numbers: bytes = b"\0" * 16) -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + numbers


HOSTILE = {
    "a million million rows": (an_npy("(1000000000000, 512)"), "promises 2,048,000,000,000,000 bytes, 16 are there"),
    "more than numbers can hold": (an_npy("(9223372036854775807, 9223372036854775807)"), "promises .* bytes, 16 are there"),
    "cut short": (an_npy("(3, 2)"), "promises 24 bytes, 16 are there"),
    "negative": (an_npy("(-1, 2)"), r"its header has the shape \(-1, 2\)"),
    "no tuple": (an_npy("4"), "not a NumPy file"),
    "objects": (an_npy("(2, 2)", "|O"), "never unpickled"),
    "texts of no length": (an_npy("(1000000000000,)", "<U0"), "not a NumPy file"),
    "an unknown version": (b"\x93NUMPY\x09\x00" + b"\0" * 60, "not a NumPy file"),
    "a header without an end": (b"\x93NUMPY\x01\x00\xff\xff{'descr'", "not a NumPy file"),
    "nothing": (b"", "not a NumPy file"),
}


@pytest.mark.parametrize(("data", "told"), HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("packed", [False, True], ids=["npy", "npz"])
def test_what_a_header_claims_is_not_believed(data: bytes, told: str, packed: bool) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("embeddings.npy", data)
    name, content = ("v.npz", file.getvalue()) if packed else ("v.npy", data)
    with pytest.raises(ValueError, match=("array 'embeddings': .*" if packed else "") + told):
        read_vectors(content, name, ids=["a", "b", "c"])


def test_an_archive_that_is_damaged_or_unpacks_to_more_than_is_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = saved(np.savez_compressed, ids=np.array(NAMES), embeddings=np.random.default_rng(1).random((3, 500)))
    at = whole.index(b"embeddings.npy") + 200  # within what is packed
    damaged = whole[:at] + bytes([whole[at] ^ 0xFF]) * 8 + whole[at + 8 :]
    with pytest.raises(ValueError, match=r"array 'embeddings': not an \.npz archive"):
        read_vectors(damaged, "v.npz")
    with pytest.raises(ValueError, match=r"not an \.npz archive"):
        read_vectors(whole[:-40], "v.npz")
    monkeypatch.setattr(array_files, "MAX_FILE_BYTES", 1_000)
    assert len(read_vectors(whole, "v.npz").vectors) == 3
    bomb = saved(np.savez_compressed, ids=np.array(NAMES), embeddings=np.zeros((3, 1_000_000), dtype=np.float32))
    with pytest.raises(
        ValueError, match=r"array 'embeddings': its 12,000,128 bytes are more than an archive of [\d,]+ bytes may unpack to"
    ):
        read_vectors(bomb, "v.npz")


@pytest.mark.parametrize(
    "vectors", [np.asfortranarray(VECTORS), VECTORS.astype(">f8"), VECTORS.astype("<i2")], ids=["order", "ends", "whole"]
)
def test_orders_of_numbers_and_of_bytes_say_the_same(vectors: np.ndarray) -> None:
    assert read_vectors(saved(np.save, vectors), "v.npy", ids=NAMES).vectors.tolist() == VECTORS.tolist()


def test_notes_beside_the_arrays_of_an_archive_are_passed_over() -> None:
    file = io.BytesIO(saved(np.savez, ids=np.array(NAMES), embeddings=VECTORS))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("notes.txt", "made on Monday")
    assert read_vectors(file.getvalue(), "v.npz").vectors.tolist() == VECTORS.tolist()
