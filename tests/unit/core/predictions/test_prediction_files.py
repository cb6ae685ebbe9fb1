"""Model outputs: class and pixel probabilities, well-formed and hostile."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_tests import examples

from airflow_cv_dataops.core.errors import ConfigurationError, SourceError
from airflow_cv_dataops.core.predictions.class_probabilities import read_probabilities
from airflow_cv_dataops.core.predictions.reading import read_predictions

IDS = ["a.jpg", "b.jpg", "c.jpg"]
VALUES = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.25, 0.25, 0.5]])
CLASSES = ["cat", "dog", "猫"]


def parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def npz(**arrays) -> bytes:
    sink = io.BytesIO()
    np.savez(sink, **arrays)
    return sink.getvalue()


def npy(array) -> bytes:
    sink = io.BytesIO()
    np.save(sink, array)
    return sink.getvalue()


def wide(values=VALUES, identity="image") -> pa.Table:
    return pa.table({identity: IDS, **{name: values[:, column] for column, name in enumerate(CLASSES)}})


def csv_text(values=VALUES) -> bytes:
    return "\r\n".join(
        [",".join(["image", *CLASSES]), *(",".join([name, *map(str, row)]) for name, row in zip(IDS, values, strict=True))]
    ).encode()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("p.parquet", parquet(wide())),
        ("p.parquet", parquet(wide().append_column("note", pa.array(["x"] * 3)))),
        ("p.csv", csv_text()),
        ("p.csv", b"\xef\xbb\xbf" + csv_text()),
        ("p.npz", npz(ids=np.array(IDS), probabilities=VALUES, classes=np.array(CLASSES))),
        ("p.npz", npz(file_names=np.array(IDS), pred_probs=VALUES.astype("f4"), class_names=np.array(CLASSES))),
    ],
)
def test_probabilities_of_any_layout_give_the_same_rows(read, name, data):
    found = read(data, name)
    assert (found.format, found.problems) == ("probabilities", ())
    assert found.rows.column("file_name").to_pylist() == IDS
    assert found.rows.column("category").to_pylist() == ["cat", "dog", "猫"]
    assert found.rows.column("score").to_pylist() == pytest.approx([0.7, 0.8, 0.5])
    assert np.array(found.rows.column("probabilities").to_pylist()) == pytest.approx(VALUES)
    assert set(found.rows.column("classes").to_pylist()) == {'["cat", "dog", "猫"]'}


def test_probabilities_in_one_list_column_and_embeddings_are_read(read):
    table = pa.table({"image_id": IDS, "probabilities": VALUES.tolist(), "embedding": [[1.0, 2.0]] * 3})
    found = read(parquet(table), "p.parquet", classes=CLASSES)
    assert found.rows.column("category").to_pylist() == ["cat", "dog", "猫"]
    assert found.rows.column("embedding").to_pylist() == [[1.0, 2.0]] * 3


def test_an_npy_takes_its_ids_from_a_file_or_an_argument(read, tmp_path):
    (tmp_path / "ids.txt").write_text("\n".join(IDS))
    (tmp_path / "ids.npy").write_bytes(npy(np.array(IDS)))
    for ids in (IDS, str(tmp_path / "ids.txt"), str(tmp_path / "ids.npy")):
        found = read(npy(VALUES), "p.npy", ids=ids)
        assert found.rows.column("file_name").to_pylist() == IDS
        assert found.rows.column("category").to_pylist() == ["0", "1", "2"]
    with pytest.raises(ConfigurationError, match="ids"):
        read(npy(VALUES), "p.npy")


class Payload:
    def __reduce__(self):
        return (pytest.fail, ("an input file was unpickled",))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("p.npz", npz(ids=np.array([Payload()] * 3, dtype=object), probabilities=VALUES)),
        ("p.npy", npy(np.array([[Payload()]], dtype=object))),
        ("p.npy", pickle.dumps(Payload())),
        ("p.npz", pickle.dumps(Payload())),
    ],
)
def test_python_objects_are_refused_and_never_unpickled(read, name, data):
    with pytest.raises(SourceError, match=r"unpickled|not a NumPy file|not an"):
        read(data, name, ids=IDS)


def test_classes_that_a_file_states_otherwise_are_refused(read):
    data = npz(ids=np.array(IDS), probabilities=VALUES, classes=np.array(CLASSES))
    assert read(data, "p.npz", classes=CLASSES).rows["classes"].to_pylist() == [json.dumps(CLASSES, ensure_ascii=False)] * len(IDS)
    with pytest.raises(SourceError, match=r"its classes .* are not those of `classes`"):
        read(data, "p.npz", classes=CLASSES[::-1])


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ([np.nan, 0.5, 0.5], "not finite"),
        ([np.inf, 0.5, 0.5], "not finite"),
        ([-0.1, 0.6, 0.5], "outside"),
        ([1.2, -0.1, -0.1], "outside"),
        ([0.3, 0.3, 0.3], "sums to 0.9"),
        ([0, 0, 0], "sums to 0"),
    ],
)
@pytest.mark.parametrize("layout", ["parquet", "csv", "npz"])
def test_a_row_that_is_no_distribution_is_left_out_and_noted(read, layout, row, problem):
    values = VALUES.copy()
    values[1] = row
    data = {"parquet": parquet(wide(values)), "csv": csv_text(values), "npz": npz(ids=np.array(IDS), probs=values)}[layout]
    found = read(data, f"p.{layout}")
    assert (found.rows.column("file_name").to_pylist(), found.records) == (["a.jpg", "c.jpg"], 3)
    assert [noted.check for noted in found.problems] == ["malformed_record"]
    assert problem in found.problems[0].message


@pytest.mark.parametrize("cell", ["", "n/a", "0,5"])
def test_a_cell_that_is_no_number_loses_its_row_only(read, cell):
    found = read(csv_text().replace(b"0.8", f'"{cell}"'.encode()), "p.csv")
    assert found.rows.column("file_name").to_pylist() == ["a.jpg", "c.jpg"]


def test_numbers_as_ids_stay_texts(read):
    found = read("id,cat,dog\n007,0.5,0.5\n", "p.csv")
    assert found.rows.column("file_name").to_pylist() == ["007"]


def test_small_errors_of_single_precision_are_no_problem(read):
    values = np.array([[1.0000001, 0, 0], [0.3333, 0.3333, 0.3333], [0.25, 0.25, 0.5]], dtype=np.float32)
    found = read(npz(ids=np.array(IDS), probs=values), "p.npz")
    assert not found.problems
    assert max(found.rows.column("score").to_pylist()) == 1.0


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("p.parquet", b"no parquet"),
        ("p.parquet", parquet(pa.table({"x": [1]}))),
        ("p.csv", b""),
        ("p.csv", b"image,cat\na,1,2,3\n"),
        ("p.csv", b"\xff\xfe\x00"),
        ("p.npz", b"PK\x03\x04 broken"),
        ("p.npz", npz(ids=np.array(IDS), probs=VALUES[:2])),
        ("p.npz", npz(ids=np.array(IDS), probs=np.zeros((3, 0)))),
        ("p.npz", npz(ids=np.array(IDS))),
        ("p.npz", npz(ids=np.array(IDS), probs=np.array([["a"]] * 3))),
        ("p.npz", npz(ids=np.array(IDS), probs=VALUES, classes=np.array(["a", "a", "b"]))),
        ("p.json", b"[" * 100_000),
        ("p.json", b"{}"),
        ("p.json", b"\xff"),
    ],
)
def test_a_source_that_cannot_be_read_at_all_is_an_error_that_says_why(read, name, data):
    with pytest.raises(SourceError, match=r"Cannot read the prediction file: .+"):
        read(data, name)


def test_one_unreadable_file_among_others_is_a_problem(tmp_path):
    (tmp_path / "a.parquet").write_bytes(parquet(wide()))
    (tmp_path / "b.parquet").write_bytes(b"broken")
    (tmp_path / "c.parquet").write_bytes(parquet(wide().rename_columns(["image", "x", "y", "z"])))
    found = read_predictions(str(tmp_path), model="m")
    assert found.rows.num_rows == 3
    assert [problem.check for problem in found.problems] == ["unparsable_prediction"] * 2


@settings(max_examples=examples(100), deadline=None)
@given(
    st.sampled_from(["csv", "parquet", "npz", "npy"]),
    st.binary(max_size=80),
    st.sampled_from([b"", b"image,cat\n", b"PK\x03\x04", b"\x93NUMPY"]),
)
def test_whatever_the_bytes_probabilities_are_read_or_refused(extension, data, start):
    with contextlib.suppress(ValueError):
        read_probabilities(start + data, f"p.{extension}", ids=["a"])


def test_the_row_numbers_that_pandas_writes_are_no_class(read, shared_data):
    found = read_predictions(str(shared_data("field_cases") / "prob_tables" / "pandas_index.csv"), model="m")
    assert set(found.rows.column("classes").to_pylist()) == {'["cat", "dog"]'}
    assert found.rows.select(["file_name", "category", "score"]).to_pylist() == [
        {"file_name": "a.jpg", "category": "cat", "score": 0.9},
        {"file_name": "b.jpg", "category": "dog", "score": 0.8},
    ]
    table = wide().append_column("__index_level_0__", pa.array([0, 1, 2]))
    assert set(read(parquet(table), "p.parquet").rows.column("classes").to_pylist()) == {'["cat", "dog", "猫"]'}
    unnamed = b"Unnamed: 0,image,cat,dog\n0,a,0.5,0.5\n1,b,1,0\n"
    assert set(read(unnamed, "u.csv").rows.column("classes").to_pylist()) == {'["cat", "dog"]'}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (",image,cat\n5,a.jpg,1\n9,b.jpg,1\n", "has no name"),
        ("Unnamed: 0,image,cat\n0.5,a.jpg,0.5\n", "has no name"),
        ("image,cat, \na.jpg,0.5,0.5\n", "has no name"),
        ("image,label,score\na.jpg,cat,0.9\nb.jpg,dog,1.0\n", r"a label \(label\) and its score \(score\) are no probabilities"),
        ("image,Class,Confidence\na.jpg,cat,1\n", "are no probabilities"),
        ("image,label,score\na.jpg,0,1.0\n", r"no column is the probability of a class, going by the names \['label', 'score'\]"),
        ("image,cat,cat\na.jpg,0.5,0.5\n", "several columns are called cat"),
        ("image,image,cat\na.jpg,b.jpg,1\n", "several columns are called image"),
        (",p,p\n,cat,dog\nimage,,\na.jpg,0.4,0.6\n", "several columns are called p"),
        ("image,p,p.1\n,cat,dog\na.jpg,0.4,0.6\n", r"the second line goes on with the header \(cat, dog\)"),
        ("image,cat,dog,age\na.jpg,0.5,0.5,30\nb.jpg,0.9,0.1,41\n", r"the numbers of age \(30 to 41\) are no probabilities"),
        ("image,cat,dog,blur\na.jpg,0.5,0.5,0.3\nb.jpg,0.9,0.1,0.4\n", r"the numbers of blur \(0.3 to 0.4\) are no probabilities"),
        ("image,cat,dog,blur\na.jpg,0.5,0.5,\nb.jpg,0.9,0.1,\n", r"the numbers of blur \(nan to nan\) are no probabilities"),
        ("image,cat,dog\na.jpg,-2.5,7\nb.jpg,3,-1\n", r"the numbers of cat, dog \(-2.5 to 7\) are no probabilities"),
    ],
)
def test_a_table_that_is_none_of_probabilities_by_class_is_refused(read, data, says):
    with pytest.raises(SourceError, match=says):
        read(data, "p.csv")


def test_columns_of_several_levels_are_refused_in_parquet(read):
    twice = pa.table([pa.array(["a.jpg"]), pa.array([0.5]), pa.array([0.5])], names=["image", "cat", "cat"])
    levels = pa.table({"image": ["a.jpg"], "('p', 'cat')": [0.5], "('p', 'dog')": [0.5]})
    for table, says in ((twice, "several columns are called cat"), (levels, "column names of several levels")):
        with pytest.raises(SourceError, match=says):
            read(parquet(table), "p.parquet")


@pytest.mark.parametrize("name", ["fold", "Epoch", "index", "label", "true_label", "prediction", "confidence", "image_id", "id"])
def test_what_tools_write_beside_the_classes_is_no_class(read, name):
    found = read(f"filename,{name},cat,dog\na.jpg,0,0.5,0.5\nb.jpg,1,0.9,0.1\n", "p.csv")
    assert (found.rows["file_name"].to_pylist(), found.problems) == (["a.jpg", "b.jpg"], ())
    assert set(found.rows["classes"].to_pylist()) == {'["cat", "dog"]'}


def test_a_class_may_be_called_as_such_a_column_is(read):
    text = "image,thumb,index\na.jpg,0.25,0.75\nb.jpg,0.5,0.5\n"
    for options in ({}, {"classes": ["thumb", "index"]}):
        found = read(text, "p.csv", **options)
        assert (found.rows["category"].to_pylist(), found.problems) == (["index", "thumb"], ())


@pytest.mark.parametrize("extension", ["csv", "parquet"])
def test_a_column_of_image_files_names_the_image(read, extension):
    table = pa.table({"image": [17, 18], "filename": ["a.jpg", "b.jpg"], "cat": [0.5, 0.9], "dog": [0.5, 0.1]})
    data = parquet(table) if extension == "parquet" else table.to_pandas().to_csv(index=False)
    found = read(data, f"p.{extension}")
    assert (found.rows["file_name"].to_pylist(), found.problems) == (["a.jpg", "b.jpg"], ())
    with pytest.raises(SourceError, match="no column that names the image: looked for picture"):
        read(data, f"p.{extension}", id_column="picture")


def test_a_column_of_texts_is_no_class(read):
    found = read("image,note,cat,dog\na.jpg,blurred,0.5,0.5\nb.jpg,,1,0\n", "p.csv")
    assert (found.rows.num_rows, found.problems) == (2, ())
    assert set(found.rows.column("classes").to_pylist()) == {'["cat", "dog"]'}


@pytest.mark.parametrize("classes", [["cat", ""], {0: "cat", 1: " "}])
def test_a_class_without_a_name_is_refused(read, classes):
    with pytest.raises(SourceError, match="has no name"):
        read(npz(ids=np.array(IDS), probs=np.full((3, 2), 0.5)), "p.npz", classes=classes)


def test_pixel_probabilities_become_one_row_an_image_that_names_its_file(tmp_path):
    for name, shape in (("b.jpg.npy", (3, 4, 5)), ("day/a.npy", (3, 6, 7))):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(npy(np.zeros(shape, dtype=np.float16)))
    found = read_predictions(str(tmp_path), model="m", format="pixel_probabilities", classes=dict(enumerate(CLASSES)))
    rows = found.rows.sort_by("file_name").to_pylist()
    assert [(row["file_name"], row["task"], row["pixel_probabilities"]) for row in rows] == [
        ("b.jpg", "segmentation", f"file://{tmp_path}/b.jpg.npy"),
        ("day/a", "segmentation", f"file://{tmp_path}/day/a.npy"),
    ]
    assert {row["classes"] for row in rows} == {json.dumps(CLASSES, ensure_ascii=False)}
    assert {row["category"] for row in rows} == {row["score"] for row in rows} == {None}
    assert (found.files, found.records, found.problems, found.format) == (2, 2, (), "pixel_probabilities")


def test_an_archive_of_pixel_probabilities_may_name_its_classes(read):
    found = read(npz(probs=np.zeros((2, 4, 5)), classes=np.array(["sky", "road"])), "a.npz", format="pixel_probabilities")
    assert found.rows["classes"].to_pylist() == ['["sky", "road"]']


HUGE = npy(np.zeros((2, 2)))[:128].replace(b"(2, 2), }  ", b"(999999, 9)")


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.npy", npy(np.array([Payload()], dtype=object)), "never unpickled"),
        ("a.npy", npy(np.zeros((2, 4, 5), dtype=np.int8)), "expected floats"),
        ("a.npy", npy(np.zeros(4)), "expected floats"),
        ("a.npy", npy(np.zeros((4, 5)))[:-1], "promises 160 bytes of numbers, 159 are there"),
        ("a.npy", HUGE, "not a NumPy file|promises"),
        ("a.npy", b"", "not a NumPy file"),
        ("a.npy", npy(np.zeros((4, 4, 5))), "3 different class names do not fit an array of 4 classes"),
        ("a.npz", b"PK\x03\x04", "not an .npz archive"),
    ],
)
def test_files_of_pixel_probabilities_that_cannot_be_used_are_problems(tmp_path, name, data, says):
    (tmp_path / "good.npy").write_bytes(npy(np.zeros((3, 4, 5))))
    (tmp_path / name).write_bytes(data)
    found = read_predictions(str(tmp_path), model="m", format="pixel_probabilities", classes=dict(enumerate(CLASSES)))
    [problem] = found.problems
    assert found.rows["file_name"].to_pylist() == ["good"]
    assert (problem.check, re.search(says, problem.message) is not None) == ("unparsable_prediction", True)
