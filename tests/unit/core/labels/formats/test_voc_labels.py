"""Pascal VOC files, well-formed and hostile."""

from __future__ import annotations

import json
import math

import pytest

BOX = "<bndbox><xmin>10</xmin><ymin>20.5</ymin><xmax>30</xmax><ymax>50</ymax></bndbox>"


def voc(objects: str, filename: str = "<filename>a.jpg</filename>") -> str:
    return f"<annotation>{filename}<size><width>640</width><height>480</height><depth>3</depth></size>{objects}</annotation>"


def checks(labels) -> list[str]:
    return [problem.check for problem in labels.problems]


def test_corners_are_taken_as_stated(read_file):
    text = voc(f"<object><name>cat</name><pose>Left</pose><difficult>1</difficult>{BOX}</object>")
    (row,) = read_file(text, "x.xml", format="voc").rows.to_pylist()
    assert row["bbox"] == {"x": 10.0, "y": 20.5, "width": 20.0, "height": 29.5}
    assert (row["file_name"], row["category"], row["stated_width"], row["stated_height"]) == ("a.jpg", "cat", 640, 480)
    assert json.loads(row["attributes"]) == {"pose": "Left", "difficult": 1}


@pytest.mark.parametrize(
    "filename", ["", "<filename/>", "<filename>  </filename>", "<filename>renamed.png</filename>", "<filename>x</filename>"]
)
def test_an_image_is_found_by_the_xmls_own_name_where_filename_does_not_help(read_file, joined_rows, filename):
    labels = read_file(voc(f"<object><name>cat</name>{BOX}</object>", filename), "x.xml", format="voc")
    (row,) = joined_rows(labels, ["x.jpg", "y.jpg"])
    assert row["source_uri"] == "file:///source/x.jpg"


@pytest.mark.parametrize("corner", ["", "ten", "1 2"])
def test_a_corner_that_is_no_number_leaves_no_box_and_a_problem(read_file, corner):
    labels = read_file(voc(f"<object><name>cat</name>{BOX.replace('>10<', f'>{corner}<')}</object>"), "x.xml", format="voc")
    assert labels.rows.column("bbox").to_pylist() == [None]
    assert checks(labels) == ["malformed_record"]


def test_corners_that_are_not_finite_are_kept(read_file):
    labels = read_file(
        voc(f"<object><name>cat</name>{BOX.replace('>10<', '>nan<').replace('>50<', '>inf<')}</object>"), "x.xml", format="voc"
    )
    box = labels.rows.column("bbox")[0].as_py()
    assert math.isnan(box["x"])
    assert box["height"] == math.inf


def test_an_object_with_neither_name_nor_box_is_counted_and_left_out(read_file):
    labels = read_file(voc("<object><pose>Left</pose></object><object><name>cat</name></object>"), "x.xml", format="voc")
    assert (labels.rows.num_rows, labels.records, checks(labels)) == (1, 2, ["malformed_record"])


BILLION_LAUGHS = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]><annotation><filename>&y;</filename></annotation>'
EXTERNAL_ENTITY = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation><filename>&x;</filename></annotation>'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<annotation>",
        b"not xml",
        b"\xff\xfe\x00\x01",
        BILLION_LAUGHS.encode(),
        EXTERNAL_ENTITY.encode(),
        b'<?xml version="1.0" encoding="no-such"?><annotation/>',
        b"<dataset><image/></dataset>",
        b"<annotation>\x00</annotation>",
    ],
)
def test_a_file_that_is_no_voc_is_a_problem_of_that_file(read_file, data):
    labels = read_file(data, "x.xml", format="voc")
    assert (labels.rows.num_rows, checks(labels)) == (0, ["unparsable_label"])


def test_nested_parts_become_attributes(read_file):
    part = f"<part><name>head</name>{BOX}</part>"
    labels = read_file(voc(f"<object><name>person</name>{BOX}{part}</object>"), "x.xml", format="voc")
    assert json.loads(labels.rows.column("attributes")[0].as_py())["part"] == {
        "name_0": "head",
        "bndbox_1": "10 20.5 30 50".replace(" ", ""),
    }


def test_a_deeply_nested_file_never_raises(read_file):
    labels = read_file(voc("<object><name>cat</name>" + "<a>" * 200_000 + "</a>" * 200_000 + "</object>"), "x.xml", format="voc")
    assert labels.rows.num_rows == 1
