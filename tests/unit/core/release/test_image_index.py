"""Images found by their ids."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pytest

from airflow_cv_dataops.core.release import image_index
from airflow_cv_dataops.core.release.digest import column_hashes
from airflow_cv_dataops.core.release.image_index import HeldImages, ImageIndex

IDS = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(500)]


def texts(ids: list[str | None], size: int = 100, kind: pa.DataType | None = None) -> pa.ChunkedArray:
    kind = kind or pa.string()
    return pa.chunked_array([pa.array(ids[start : start + size], kind) for start in range(0, len(ids), size)], kind)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
@pytest.mark.parametrize("rows_at_once", [7, 65_536])
def test_each_id_has_its_place_and_others_none(monkeypatch, kind, rows_at_once):
    monkeypatch.setattr(image_index, "_ROWS_AT_ONCE", rows_at_once)
    index = ImageIndex(texts(IDS, kind=kind))
    wanted = [IDS[3], None, "f" * 64, IDS[499], IDS[3], IDS[3][:63], "", IDS[0]]
    assert index.of(texts(wanted, 3, kind)).tolist() == [3, -1, -1, 499, 3, -1, -1, 0]
    assert index.of(texts(IDS, kind=kind)).tolist() == list(range(500))
    assert len(index) == 500


def test_ids_that_are_no_sha256_are_found_too():
    index = ImageIndex(texts(["b", "a", IDS[0], ""]))
    assert index.of(texts([IDS[0], "", "a", "c", None])).tolist() == [2, 3, 1, -1, -1]


def test_of_no_image_nothing_is_found():
    assert ImageIndex(texts([])).of(texts([IDS[0], None])).tolist() == [-1, -1]


def test_ids_whose_first_hashes_are_equal_are_told_apart_by_the_second(monkeypatch):
    real = image_index._hashes
    monkeypatch.setattr(image_index, "_hashes", lambda ids: (real(ids)[0] % np.uint64(5), real(ids)[1]))
    index = ImageIndex(texts(IDS[:50]))
    assert index.of(texts(IDS[:60])).tolist() == [*range(50), *[-1] * 10]


def test_ids_are_hashed_as_what_labels_say_hashes_them():
    images = HeldImages(texts(IDS[:5], 2))
    assert images.id_hashes.tolist() == column_hashes(pa.array(IDS[:5])).tolist()
    assert len(images) == 5
