"""Labels in CSV."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.labels.reading import read_labels


def checks(labels) -> list[str]:
    return [problem.check for problem in labels.problems]


@pytest.mark.parametrize("header", ["image,label", "FILE,Category", "filename,class", "path, label ", "file_name;label", "image\tlabel"])
def test_usual_column_names_are_found(read_file, header):
    delimiter = next(mark for mark in ";\t," if mark in header)
    labels = read_file(f"{header}\na.jpg{delimiter}cat\n", "a.csv", format="csv")
    assert labels.rows.select(["file_name", "category", "task"]).to_pylist() == [
        {"file_name": "a.jpg", "category": "cat", "task": "classification"}
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "utf-16"])
def test_byte_order_marks_quotes_and_line_ends_are_read(read_file, encoding):
    text = 'image,label\r\n"a, b.jpg","say ""cat"""\r\n"c.jpg","two\r\nlines"\r\n'
    labels = read_file(text.encode(encoding), "a.csv", format="csv")
    assert labels.rows.column("file_name").to_pylist() == ["a, b.jpg", "c.jpg"]
    assert labels.rows.column("category").to_pylist() == ['say "cat"', "two\r\nlines"]


def test_annotator_time_and_other_columns_are_kept(read_file):
    text = "image,label,annotator,labeled_at,kids\na.jpg,cat,ann,2026-11-05T10:00:00+02:00,True\nb.jpg,dog,,2026-11-05,\n"
    first, second = read_file(text, "a.csv", format="csv").rows.to_pylist()
    assert (first["annotator"], first["labeled_at"]) == ("ann", datetime(2026, 11, 5, 8, tzinfo=UTC))
    assert json.loads(first["attributes"]) == {"kids": "True"}
    assert (second["annotator"], second["labeled_at"], second["attributes"]) == (None, datetime(2026, 11, 5, tzinfo=UTC), None)


def test_columns_are_named_by_argument(read_file):
    columns = {"file": "picture", "label": "cell_type", "annotator": "who"}
    labels = read_file("picture,cell_type,who\na.jpg,RBC,ann\n", "a.csv", format="csv", csv_columns=columns)
    assert labels.rows.select(["category", "annotator"]).to_pylist() == [{"category": "RBC", "annotator": "ann"}]


@pytest.mark.parametrize("options", [{}, {"csv_columns": {"file": "absent"}}, {"csv_columns": {"colour": "x"}}])
def test_columns_that_are_not_found_are_a_configuration_error_that_lists_them(read_file, options):
    with pytest.raises(ConfigurationError, match=r"cell_type|colour"):
        read_file("filename,cell_type\na.jpg,RBC\n", "a.csv", format="csv", **options)


@pytest.mark.parametrize("line", ["a.jpg,", ",cat", "a.jpg,   ", "a.jpg"])
def test_a_line_without_image_or_label_is_counted_and_left_out(read_file, line):
    labels = read_file(f"image,label\n{line}\n\nb.jpg,cat\n", "a.csv", format="csv")
    assert (labels.rows.column("file_name").to_pylist(), labels.records, checks(labels)) == (["b.jpg"], 2, ["malformed_record"])


def test_a_time_that_is_none_is_a_problem_and_kept_as_attribute(read_file):
    labels = read_file("image,label,labeled_at\na.jpg,cat,yesterday\n", "a.csv", format="csv")
    (row,) = labels.rows.to_pylist()
    assert (row["labeled_at"], json.loads(row["attributes"])) == (None, {"labeled_at": "yesterday"})
    assert checks(labels) == ["malformed_record"]


def test_a_cell_of_megabytes_loses_its_line_only(read_file):
    labels = read_file(f"image,label\na.jpg,{'x' * 200_000}\nb.jpg,cat\n", "a.csv", format="csv")
    assert labels.rows.column("file_name").to_pylist() == ["b.jpg"]
    assert checks(labels) == ["malformed_record"]


def test_a_file_in_another_encoding_is_a_problem_of_that_file(read_file):
    assert checks(read_file("image,label\na.jpg,Kätzchen\n".encode("latin-1"), "a.csv", format="csv")) == ["unparsable_label"]


def test_one_csv_without_the_columns_among_others_is_a_problem_of_that_file(tmp_path):
    (tmp_path / "good.csv").write_text("image,label\na.jpg,cat\n")
    (tmp_path / "other.csv").write_text("x,y\n1,2\n")
    labels = read_labels(str(tmp_path), format="csv")
    assert (labels.rows.num_rows, labels.files, checks(labels)) == (1, 2, ["unparsable_label"])
