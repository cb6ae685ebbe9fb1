from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_tests import examples

from airflow_cv_dataops.core.predictions import array_files
from airflow_cv_dataops.core.predictions.array_files import probability_header, read_header, read_probabilities

VALUES = np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 24


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npz(**arrays):
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8"])
def test_floats_come_back_whatever_their_order_and_precision(order, dtype):
    array = np.array(VALUES, dtype=dtype, order=order)
    assert (read_probabilities(npy(array), "a.npy") == array).all()
    assert (read_probabilities(npz(probabilities=array), "a.NPZ") == array).all()


def test_an_uncompressed_file_is_not_copied():
    data = npy(VALUES)
    assert np.shares_memory(read_probabilities(data, "a.npy"), np.frombuffer(data, dtype=np.uint8))


def test_a_header_is_enough_to_know_shape_and_classes():
    whole = npy(np.zeros((5, 200, 300), dtype=np.float16))
    header, classes = probability_header(whole[: array_files.HEADER_BYTES], "a.npy", len(whole))
    assert (header.shape, header.dtype, classes) == ((5, 200, 300), np.float16, None)
    archive = npz(probs=VALUES, classes=np.array(["sky", "road"]))
    assert probability_header(archive, "a.npz", len(archive))[1] == ("sky", "road")


@pytest.mark.parametrize(
    ("archive", "says"),
    [
        (npz(other=VALUES), "no array with probabilities"),
        (npz(probs=VALUES, classes=np.arange(2)), "class names as a list of texts"),
        (b"PK", "not an .npz archive"),
        (npz(probs=VALUES)[:-30], "not an .npz archive"),
    ],
)
def test_archives_that_cannot_be_used_say_why(archive, says):
    with pytest.raises(ValueError, match=says):
        probability_header(archive, "a.npz", len(archive))


def test_pickles_are_never_opened():
    with pytest.raises(ValueError, match="never unpickled"):
        read_header(npy(np.array([object()])))
    with pytest.raises(ValueError, match="never unpickled"):
        read_probabilities(npz(probs=np.array([object()])), "a.npz")


def test_a_small_archive_that_would_unpack_to_much_is_refused_unread(monkeypatch):
    monkeypatch.setattr(array_files, "MAX_FILE_BYTES", 1000)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("probs.npy", npy(np.zeros(1_000_000, dtype=np.float32)))
    assert len(stream.getvalue()) < 20_000
    for use in (read_probabilities, lambda data, name: probability_header(data, name, len(data))):
        with pytest.raises(ValueError, match="more than the 1,000 that are read"):
            use(stream.getvalue(), "a.npz")


@settings(max_examples=examples(400), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 140), st.integers(0, 255)), max_size=4), st.integers(0, 230))
def test_mutilated_files_are_refused_or_read_as_floats(changes, length):
    for whole, name in ((npy(VALUES), "a.npy"), (npz(probs=VALUES), "a.npz")):
        data = bytearray(whole)
        for place, byte in changes:
            data[place % len(data)] = byte
        data = bytes(data[:length] if length < 225 else data)
        try:
            found = read_probabilities(data, name)
        except ValueError:
            continue
        assert found.dtype.kind == "f"
