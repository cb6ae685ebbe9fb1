"""Labels in CSV."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_tests import examples

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.labels.formats.csv_columns import CsvColumns
from airflow_cv_dataops.core.labels.formats.csv_reader import parse_csv
from airflow_cv_dataops.core.labels.reading import read_labels
from airflow_cv_dataops.core.labels.records import RecordBuilder


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


def boxes(labels) -> list[tuple]:
    return [row["bbox"] and tuple(row["bbox"].values()) for row in labels.rows.to_pylist()]


def test_tensorflows_boxes_are_read(shared_data):
    labels = read_labels(str(shared_data("field_cases") / "csv_variants" / "tf_boxes.csv"), format="csv")
    assert labels.rows.select(["file_name", "category", "task", "stated_width", "stated_height", "attributes"]).to_pylist() == [
        {"file_name": name, "category": category, "task": "detection", "stated_width": 100, "stated_height": 80, "attributes": None}
        for name, category in (("a.jpg", "cat"), ("a.jpg", "dog"), ("b.jpg", "dog"))
    ]
    assert boxes(labels) == [(1, 1, 19, 19), (30, 30, 20, 20), (30, 30, 20, 20)]
    assert not labels.problems


@pytest.mark.parametrize(
    ("header", "line", "box", "size"),
    [
        ("image,label,xmin,ymin,xmax,ymax", "1,2,4,6.5", (1, 2, 3, 4.5), None),
        ("image,label,X1,Y1,X2,Y2", "1,2,4,6.5", (1, 2, 3, 4.5), None),
        ("image,label,x_min,x_max,y_min,y_max", "1,4,2,6.5", (1, 2, 3, 4.5), None),
        ("image,label,x,y,w,h", "1,2,3,4.5", (1, 2, 3, 4.5), None),
        ("image,label,x,y,width,height", "1,2,3,4.5", (1, 2, 3, 4.5), None),
        ("image,label,x,y,w,h,width,height", "1,2,3,4.5,640,480", (1, 2, 3, 4.5), 640),
        ("image,label,x,y,width,height,image_width", "1,2,3,4.5,640", (1, 2, 3, 4.5), 640),
        ("image,label,width,height,bbox", '640,480,"[1, 2.0, 3, 4.5]"', (1, 2, 3, 4.5), 640),
        ("image,label,x_center,y_center,width,height", "2.5,4.25,3,4.5", (1, 2, 3, 4.5), None),
        ("image,label,cx,cy,w,h,width,height", "2.5,4.25,3,4.5,640,480", (1, 2, 3, 4.5), 640),
        ("image,label,XC,YC,W,H", "2.5,4.25,3,4.5", (1, 2, 3, 4.5), None),
        ("image,label,xmin,ymin,xmax,ymax,width,height", "1,2,4,6.5,0,0", (1, 2, 3, 4.5), None),
    ],
)
def test_boxes_are_found_by_their_usual_columns(read_file, header, line, box, size):
    labels = read_file(f"{header}\na.jpg,cat,{line}\n", "a.csv", format="csv")
    (row,) = labels.rows.to_pylist()
    assert (boxes(labels), row["task"], row["stated_width"], row["attributes"]) == ([box], "detection", size, None)
    assert not labels.problems


def test_columns_of_a_box_are_named_by_argument(read_file):
    columns = {"xmin": "left", "ymin": "top", "xmax": "right", "ymax": "bottom"}
    labels = read_file("image,label,left,top,right,bottom,x\na.jpg,cat,1,2,4,6,9\n", "a.csv", format="csv", csv_columns=columns)
    assert (boxes(labels), labels.rows.column("attributes").to_pylist()) == ([(1, 2, 3, 4)], ['{"x": "9"}'])


@pytest.mark.parametrize("header", ["image,label,width,height", "image,label,x", "image,label,x1", "image,label,y"])
def test_columns_that_make_no_box_are_no_box(read_file, header):
    row = ",5" * (header.count(",") - 1)
    labels = read_file(f"{header}\na.jpg,cat{row}\n", "a.csv", format="csv")
    assert (boxes(labels), labels.rows.column("task").to_pylist()) == ([None], ["classification"])


@pytest.mark.parametrize(
    ("header", "options", "missing"),
    [
        ("image,label,xmin,ymin", {}, "xmin, ymin.*xmax .* and ymax "),
        ("image,label,xmin,ymin,xmax", {}, "xmin, ymin, xmax.*ymax "),
        ("image,label,x,y", {}, "x, y.*width .* and height "),
        ("image,label,x,y,width", {}, "x, y, width.*height "),
        ("image,label,center_x,center_y", {}, "center_x, center_y.*width .'w', .* and height "),
        ("image,label,left", {"csv_columns": {"xmin": "left"}}, "left.*ymin .* and xmax .* and ymax "),
    ],
)
def test_a_part_of_a_box_is_a_configuration_error_that_says_what_is_missing(read_file, header, options, missing):
    with pytest.raises(ConfigurationError, match=rf"columns of a box \({missing.replace('.*', r'.*none for ', 1)}"):
        read_file(f"{header}\na.jpg,cat,1,2,3\n", "a.csv", format="csv", **options)


@pytest.mark.parametrize(
    ("header", "alike"),
    [
        ("image,label,left,top,right,bottom", "left, top, right, bottom"),
        ("image;label;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2", "Roi.X1, Roi.Y1, Roi.X2, Roi.Y2"),
        ("image,label,bbox_xmin,bbox_ymin,bbox_xmax,bbox_ymax", "bbox_xmin, bbox_ymin, bbox_xmax, bbox_ymax"),
        ("image,label,x_top_left,y_top_left,w,h", ""),
        ("image,label,polygon", "polygon"),
        ("image,label,Bounding Box", "Bounding Box"),
    ],
)
def test_columns_that_look_like_a_box_are_no_classifications(read_file, header, alike):
    with pytest.raises(ConfigurationError, match=f"look like a box or an outline .{alike}"):
        read_file(f"{header}\na.jpg,cat,1,2,3,4\n", "a.csv", format="csv")


KEYS = ("file", "xmin", "ymin", "xmax", "ymax", "label")
OPEN_IMAGES = "image,label,XMin,XMax,YMin,YMax"


@pytest.mark.parametrize(
    "text",
    [
        f"{OPEN_IMAGES}\na.jpg,cat,0.1,0.4,0.2,0.8\nb.jpg,cat,0,1,0,1\n",
        f"{OPEN_IMAGES}\na.jpg,cat,0,1,0,1\n",
        f"{OPEN_IMAGES}\na.jpg,cat,0.1,0.4,0.2,1.01\nb.jpg,cat,0.1,0.4,0.2,0.3\nc.jpg,cat,5,6,7,8\n",
        "image,label,cx,cy,w,h\na.jpg,cat,0.5,0.5,0.2,0.2\n",
        'image,label,bbox\na.jpg,cat,"[0.5, 0.5, 0.2, 0.2]"\n',
    ],
)
def test_normalised_boxes_are_not_taken_for_pixels(read_file, text):
    with pytest.raises(ConfigurationError, match="The boxes are normalised"):
        read_file(text, "a.csv", format="csv")


def test_boxes_of_zeros_and_a_few_small_ones_are_in_pixels(read_file):
    text = f"{OPEN_IMAGES}\na.jpg,cat,0,0,0,0\nb.jpg,cat,0,1,0,1\nc.jpg,cat,0,1,0,1\nd.jpg,cat,1.5,7,2,8\n"
    labels = read_file(text, "a.csv", format="csv")
    assert boxes(labels) == [(0, 0, 0, 0), (0, 0, 1, 1), (0, 0, 1, 1), (1.5, 2, 5.5, 6)]
    assert not labels.problems


def test_labels_that_are_json_are_no_names(tmp_path, read_file):
    rectangle = json.dumps([{"x": 10.0, "y": 20.0, "width": 5, "height": 5, "rectanglelabels": ["cat"]}]).replace('"', '""')
    for cell in (rectangle, '{""name"": ""rect""}'):
        with pytest.raises(ConfigurationError, match="JSON object, as in the CSVs of Label Studio"):
            read_file(f'annotation_id,image,label\n1,a.jpg,\n2,b.jpg,"{cell}"\n', "a.csv", format="csv")
    labels = read_file('image,label\na.jpg,"[""cat"", ""dog""]"\nb.jpg,[sic]\n', "b.csv", format="csv")
    assert (labels.rows.column("category").to_pylist(), checks(labels)) == (["[sic]"], ["malformed_record"])


@pytest.mark.parametrize(
    ("header", "line", "name"),
    [
        ("image,filename,label", "17,a.jpg,cat", "a.jpg"),
        ("image_id,image_path,label", "17,x/a.jpg,cat", "x/a.jpg"),
        ("image_id,label", "a.jpg,cat", "a.jpg"),
        ("id,path,label", "17,stem,cat", "stem"),
        ("filename,path,label", "a.jpg,x/a.jpg,cat", "a.jpg"),
        ("image,filename,label", "17,stem,cat", "17"),
    ],
)
def test_a_column_of_image_files_names_the_image(read_file, header, line, name):
    assert read_file(f"{header}\n{line}\n", "a.csv", format="csv").rows.column("file_name").to_pylist() == [name]


@pytest.mark.parametrize("line", ["a.jpg,cat,1,2,,4", "a.jpg,cat,1,2,x,4", "a.jpg,cat,,,,", "a.jpg,cat,1_0,2,3,4", "a.jpg,cat"])
def test_a_line_whose_box_cannot_be_used_is_kept_without_it_and_noted(read_file, line):
    labels = read_file(f"image,label,xmin,ymin,xmax,ymax\n{line}\n", "a.csv", format="csv")
    (row,) = labels.rows.to_pylist()
    assert (row["task"], row["category"], row["bbox"], checks(labels)) == ("detection", "cat", None, ["malformed_record"])
    assert labels.problems[0].annotation_id == row["annotation_id"]


@pytest.mark.parametrize("text", ["[1, 2, 3]", "[1, 2, 3, true]", "{}", "1 2 3 4", "[" * 5000, "NaN", '[1, 2, 3, "x"]'])
def test_a_list_that_is_no_box_is_noted(read_file, text):
    quoted = text.replace('"', '""')
    labels = read_file(f'image,label,bbox\na.jpg,cat,"{quoted}"\n', "a.csv", format="csv")
    assert (boxes(labels), checks(labels)) == ([None], ["malformed_record"])


def test_an_image_alone_says_that_nothing_is_there_where_there_are_boxes(read_file):
    labels = read_file("image,xmin,ymin,xmax,ymax,label\na.jpg,,,,,\nb.jpg,1,2,3,4,\n,1,2,3,4,cat\n", "a.csv", format="csv")
    first, second = labels.rows.to_pylist()
    assert (first["file_name"], first["task"], first["category"], first["bbox"]) == ("a.jpg", "background", None, None)
    assert (second["file_name"], second["task"], second["category"], boxes(labels)[1]) == ("b.jpg", "detection", None, (1, 2, 2, 2))
    assert (labels.records, checks(labels)) == (3, ["malformed_record"] * 2)


@pytest.mark.parametrize(
    "columns",
    [
        {"file": 0, "label": 5, "xmin": 1, "ymin": 2, "xmax": 3, "ymax": 4},
        {"file": "0", "label": "5", "xmin": "1", "ymin": "2", "xmax": "3", "ymax": "4"},
    ],
)
def test_a_csv_without_a_header_is_read_by_position(read_file, columns):
    labels = read_file("a.jpg,1,2,3,4,cat,x\nb.jpg,,,,,\n", "a.csv", format="csv", csv_columns=columns)
    first, second = labels.rows.to_pylist()
    assert (first["file_name"], first["category"], first["attributes"], boxes(labels)[0]) == (
        "a.jpg",
        "cat",
        '{"column_6": "x"}',
        (1, 2, 2, 2),
    )
    assert (second["file_name"], second["task"]) == ("b.jpg", "background")


def test_a_header_of_digits_is_a_header(read_file):
    labels = read_file("0,1\na.jpg,cat\n", "a.csv", format="csv", csv_columns={"file": "0", "label": "1"})
    assert labels.rows.column("file_name").to_pylist() == ["a.jpg"]
    labels = read_file("0,1\na.jpg,cat\n", "a.csv", format="csv", csv_columns={"file": 0, "label": 1})
    assert labels.rows.column("file_name").to_pylist() == ["0", "a.jpg"]


@pytest.mark.parametrize(
    ("text", "columns", "says"),
    [
        ("a.jpg,cat\n", {}, "positions from 0: csv_columns="),
        ("picture,xmin,ymin,xmax,ymax,kind\na.jpg,1,2,3,4,cat\n", dict(zip(KEYS, range(6), strict=True)), "the first line is one"),
        ("filename,kind\na.jpg,cat\n", {"file": 0, "label": 1}, "the first line is one"),
        ("what,kind,bbox\na.jpg,cat,[]\n", {"file": "0", "label": "1", "bbox": "2"}, "the first line is one"),
        ("a.jpg,cat\n", {"file": [0], "label": 1}, r"csv_columns has \[0\] for file"),
        ("a.jpg,cat\n", {"file": 0.0, "label": 1}, "csv_columns has 0.0 for file"),
        ("a.jpg,cat\n", {"file": {}, "label": b"1"}, "csv_columns has {} for file"),
        ("a.jpg,cat\n", {"file": 0, "label": "0"}, "names one column twice"),
        ("a.jpg,cat\n", ["file", "label"], "is no mapping from meanings .file, label"),
        ("image,label,label\na.jpg,cat,dog\n", {}, "2 columns are called 'label'"),
    ],
)
def test_what_csv_columns_cannot_mean_is_a_configuration_error_that_says_why(read_file, text, columns, says):
    with pytest.raises(ConfigurationError, match=says):
        read_file(text, "a.csv", format="csv", csv_columns=columns)


@pytest.mark.parametrize(
    "columns", [{"file": 0, "label": "label"}, {"file": 0, "label": 7}, {"file": 0}, {"file": -1, "label": 1}, {"file": True, "label": 1}]
)
def test_positions_that_cannot_be_are_a_configuration_error(read_file, columns):
    with pytest.raises(ConfigurationError):
        read_file("a.jpg,label\n", "a.csv", format="csv", csv_columns=columns)


cell = st.sampled_from(["", " ", "a.jpg", "cat", "10", "-2.5", "nan", "1e400", "x", '"', '"a, b"', "[1, 2, 3, 4]", '"[1, 2, 3, 4]"'])
HEADERS = ["image,label", "image,xmin,ymin,xmax,ymax,label", "image,label,x,y,w,h", "image,label,bbox", "image,label,labeled_at,annotator"]


@settings(max_examples=examples(200), deadline=None)
@given(st.sampled_from(HEADERS), st.lists(st.lists(cell, max_size=7), max_size=5), st.sampled_from(["utf-8", "utf-16"]))
def test_whatever_the_lines_hold_each_is_a_row_or_a_problem(header, lines, encoding):
    text = "\n".join([header, *(",".join(cells) for cells in lines)])
    records = RecordBuilder("default", "csv")
    records.start_file("a.csv", "file:///a.csv", 0)
    parse_csv(text.encode(encoding), CsvColumns(), records)
    labels = records.finish()
    labels.rows.validate(full=True)
    lost = sum(1 for problem in labels.problems if problem.annotation_id is None)
    wanted = [cells for cells in csv.reader(io.StringIO(text, newline="")) if any(cells)]
    assert labels.records == labels.rows.num_rows + lost == len(wanted) - 1


@settings(max_examples=examples(100), deadline=None)
@given(st.binary(max_size=100))
def test_whatever_the_bytes_the_reader_says_what_it_cannot_use(data):
    records = RecordBuilder("default", "csv")
    records.start_file("a.csv", "file:///a.csv", 0)
    with contextlib.suppress(ConfigurationError):
        parse_csv(b"image,label\n" + data, CsvColumns(), records)
        parse_csv(data, CsvColumns(), records)
    labels = records.finish()
    assert labels.records == labels.rows.num_rows + sum(1 for problem in labels.problems if problem.message.startswith("Line "))
