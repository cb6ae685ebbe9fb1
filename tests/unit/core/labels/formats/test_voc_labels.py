"""Pascal VOC files, well-formed and hostile."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_tests import examples

from airflow_cv_dataops.core.labels.formats.voc_reader import parse_voc
from airflow_cv_dataops.core.labels.reading import read_labels
from airflow_cv_dataops.core.labels.records import RecordBuilder

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


def cases(shared_data, name: str) -> dict[str, dict]:
    """Return the rows of a folder of field cases by image."""
    labels = read_labels(str(shared_data("field_cases") / name), format="voc")
    assert not labels.problems
    return {row["file_name"].rpartition("/")[2]: row for row in labels.rows.to_pylist()}


def test_boxes_and_encodings_as_people_have_them(shared_data):
    rows = cases(shared_data, "voc_variants")
    assert (rows["zerosize.jpg"]["stated_width"], rows["zerosize.jpg"]["stated_height"]) == (None, None)
    assert (rows["gbk.jpg"]["category"], rows["gbk.jpg"]["stated_width"]) == ("猫", 100)
    rotated = rows["robnd"]
    assert (rotated["task"], rotated["category"]) == ("detection", "ship")
    width, height = 30 * math.cos(0.7) + 10 * math.sin(0.7), 30 * math.sin(0.7) + 10 * math.cos(0.7)
    assert rotated["bbox"] == pytest.approx({"x": 50 - width / 2, "y": 40 - height / 2, "width": width, "height": height})
    assert json.loads(rotated["attributes"])["robndbox"] == {"cx": 50, "cy": 40, "w": 30, "h": 10, "angle": 0.7}
    part = rows["part.jpg"]
    assert (part["category"], part["bbox"]) == ("person", {"x": 1.0, "y": 1.0, "width": 49.0, "height": 59.0})


def test_parts_and_attributes_of_cvat_are_kept_with_their_numbers(shared_data):
    (row,) = cases(shared_data, "voc_cvat_attrs").values()
    assert json.loads(row["attributes"]) == {
        "occluded": 0,
        "rotation": "30.0",
        "colour": "dark red",
        "parts": [
            {"name": "head", "xmin": 2, "ymin": 3, "xmax": 4, "ymax": 5},
            {"name": "hand", "xmin": 6, "ymin": 7, "xmax": 8, "ymax": 9},
        ],
    }


def test_a_part_whose_numbers_are_none_is_a_problem_and_kept_as_it_is(read_file):
    part = f"<part><name>head</name>{BOX.replace('>10<', '>ten<')}<note>x</note></part>"
    labels = read_file(voc(f"<object><name>person</name>{BOX}{part}</object>"), "x.xml", format="voc")
    (head,) = json.loads(labels.rows.column("attributes")[0].as_py())["parts"]
    assert head == {"name": "head", "xmin": "ten", "ymin": 20.5, "xmax": 30, "ymax": 50, "note": "x"}
    assert checks(labels) == ["malformed_record"]


def test_what_stands_there_twice_is_kept_twice(read_file):
    attributes = "<attributes><attribute><name>occluded</name><value>yes</value></attribute></attributes>"
    labels = read_file(
        voc(f"<object><name>a</name><occluded>0</occluded><note>x</note><note>y</note>{attributes}{BOX}</object>"), "x.xml", format="voc"
    )
    assert json.loads(labels.rows.column("attributes")[0].as_py()) == {"occluded": [0, "yes"], "note": ["x", "y"]}


POINTS = "<pt><x>1</x><y>2</y></pt><pt><x>5</x><y>2</y></pt><pt><x>5</x><y>8.5</y></pt>"


@pytest.mark.parametrize("points", [POINTS, "<x1>1</x1><y1>2</y1><x2>5</x2><y2>2</y2><x3>5</x3><y3>8.5</y3>"])
def test_a_polygon_is_a_segmentation_with_its_enclosing_box(read_file, points):
    for box, bbox in (("", (1.0, 2.0, 4.0, 6.5)), (BOX, (10.0, 20.5, 20.0, 29.5))):
        labels = read_file(voc(f"<object><name>a</name>{box}<polygon>{points}</polygon></object>"), "x.xml", format="voc")
        (row,) = labels.rows.to_pylist()
        assert (row["task"], tuple(row["bbox"].values()), labels.problems) == ("segmentation", bbox, ())
        assert json.loads(row["segmentation"]) == [[1, 2, 5, 2, 5, 8.5]]


@pytest.mark.parametrize(
    "shape",
    [
        f"<polygon>{POINTS.replace('8.5', 'x')}</polygon>",
        "<polygon><pt><x>1</x><y>2</y></pt></polygon>",
        "<polygon/>",
        "<robndbox><cx>5</cx><cy>5</cy><w>x</w><h>3</h><angle>0</angle></robndbox>",
        "<robndbox><cx>5</cx><cy>5</cy><w>3</w><h>3</h></robndbox>",
        "<segm><box><xmin>1</xmin><ymin>2</ymin></box><mask>a.png</mask></segm>",
        "<points>1,2;3,4;5,6</points>",
        "<quad><p1>3</p1><p2>4</p2></quad>",
        "<xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax>",
        "<bndbox/>",
    ],
)
def test_a_shape_that_cannot_be_read_is_told_and_no_classification(read_file, shape):
    labels = read_file(voc(f"<object><name>cat</name>{shape}</object>"), "x.xml", format="voc")
    (row,) = labels.rows.to_pylist()
    assert (row["task"], row["bbox"], row["segmentation"], checks(labels)) == ("detection", None, None, ["malformed_record"])


@pytest.mark.parametrize(
    "rest", ["", "<pose>Left</pose><difficult>1</difficult><id>7</id>", "<actions><jumping>1</jumping><running>0</running></actions>"]
)
def test_an_object_without_any_shape_is_a_classification(read_file, rest):
    labels = read_file(voc(f"<object><name>cat</name>{rest}</object>"), "x.xml", format="voc")
    assert (labels.rows.column("task").to_pylist(), labels.problems) == (["classification"], ())


@pytest.mark.parametrize(
    ("path", "filename", "expected"),
    [
        ("cam2/0001.xml", "0001.jpg", "cam2/0001.jpg"),
        ("Annotations/day/0001.xml", "0001.jpg", "JPEGImages/day/0001.jpg"),
        ("cam2/0001.xml", "cam1/0001.jpg", "cam1/0001.jpg"),
        ("cam2/0001.xml", "cam1\\0001.jpg", "cam1\\0001.jpg"),
        ("0001.xml", "0001.jpg", "0001.jpg"),
        ("cam2/0001.xml", "", "cam2/0001"),
    ],
)
def test_the_folder_of_the_xml_counts_where_the_name_has_none(tmp_path, path, filename, expected):
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(voc(f"<object><name>cat</name>{BOX}</object>", f"<filename>{filename}</filename>"))
    assert read_labels(str(tmp_path), format="voc").rows.column("file_name").to_pylist() == [expected]


def test_the_folder_of_the_xml_counts_in_the_field_case(shared_data):
    labels = read_labels(str(shared_data("field_cases") / "join_conflicts_more" / "voc"), format="voc")
    assert labels.rows.column("file_name").to_pylist() == ["cam2/0001.jpg"]


@pytest.mark.parametrize(
    ("filename", "path", "expected"),
    [
        ("a.jpg", "/home/ann/b.jpg", "b"),
        ("a.jpg", "C:\\ann\\b.jpg", "b"),
        ("a.jpg", "/home/ann/a.jpg", "a.jpg"),
        ("b.jpg", "/home/ann/a.jpg", "b.jpg"),
        ("renamed.jpg", "", "renamed.jpg"),
    ],
)
def test_a_filename_that_was_left_over_in_a_copy_does_not_count(read_file, filename, path, expected):
    text = voc(f"<object><name>cat</name>{BOX}</object>", f"<filename>{filename}</filename><path>{path}</path>")
    assert read_file(text, "b.xml", format="voc").rows.column("file_name").to_pylist() == [expected]


def test_of_two_xmls_that_name_one_image_the_one_named_so_has_it(tmp_path, joined_rows):
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.xml").write_text(voc(f"<object><name>{name}</name>{BOX}</object>"))
    rows = joined_rows(read_labels(str(tmp_path), format="voc"), ["a.jpg", "b.jpg"])
    assert [(row["category"], row["source_uri"]) for row in rows] == [
        ("a", "file:///source/a.jpg"),
        ("b", "file:///source/b.jpg"),
        ("c", None),
    ]


def test_deleted_objects_of_labelme_are_left_out(read_file):
    gone = f"<object><name>dog</name><deleted>1</deleted>{BOX}</object>"
    labels = read_file(voc(f"{gone}<object><name>cat</name><deleted>0</deleted>{BOX}</object>"), "x.xml", format="voc")
    assert (labels.rows.column("category").to_pylist(), labels.problems) == (["cat"], ())
    assert read_file(voc(gone), "y.xml", format="voc").rows.column("task").to_pylist() == ["background"]


@pytest.mark.parametrize(
    ("objects", "categories", "says"),
    [
        (f"<objects><object><name>cat</name>{BOX}</object></objects>", ["cat"], None),
        (f"<outputs><object><name>cat</name>{BOX}</object></outputs>", [], "1 objects stand neither below <annotation>"),
        (f"<item><name>cat</name>{BOX}</item>", [], "There is a <bndbox>, and no <object>"),
        (
            f"<object><name>car</name>{BOX}<object><name>wheel</name>{BOX}</object></object>",
            ["car"],
            "Object 0 has 1 more objects within it",
        ),
    ],
)
def test_objects_elsewhere_are_read_or_told_and_never_an_empty_file(read_file, objects, categories, says):
    labels = read_file(voc(objects), "x.xml", format="voc")
    assert labels.rows.column("category").to_pylist() == categories
    assert [problem.message.startswith(says) for problem in labels.problems] == ([True] if says else [])


def test_an_xml_without_objects_says_that_nothing_is_there(read_file):
    labels = read_file(voc(""), "x.xml", format="voc")
    (row,) = labels.rows.to_pylist()
    assert (row["task"], row["file_name"], row["category"], row["bbox"], row["attributes"]) == ("background", "a.jpg", None, None, None)
    assert not labels.problems
    assert read_file(voc("<object/>"), "y.xml", format="voc").rows.num_rows == 0


@pytest.mark.parametrize(
    "encoding", ["gb2312", "GBK", "gb18030", "big5", "shift_jis", "euc-kr", "utf-8", "utf-16", "windows-1252", "koi8-r", "iso-8859-1"]
)
def test_the_declared_encoding_is_read(read_file, encoding):
    name = {"big5": "貓", "euc-kr": "고양이", "windows-1252": "é€", "koi8-r": "кот", "iso-8859-1": "é"}.get(encoding, "猫")
    text = f'<?xml version="1.0" encoding="{encoding}"?>' + voc(f"<object><name>{name}</name>{BOX}</object>")
    labels = read_file(text.encode(encoding), "x.xml", format="voc")
    assert (labels.rows.column("category").to_pylist(), labels.problems) == ([name], ())


@pytest.mark.parametrize("encoding", ["rot13", "base64", "zip", "idna", "unicode_escape", "no-such", "undefined", "hex", "gbk"])
def test_an_encoding_that_is_none_or_another_is_a_problem_of_that_file(read_file, encoding):
    data = f'<?xml version="1.0" encoding="{encoding}"?><annotation>'.encode() + b"\xff\xff</annotation>"
    labels = read_file(data, "x.xml", format="voc")
    assert (labels.rows.num_rows, checks(labels)) == (0, ["unparsable_label"])


def test_an_attack_in_another_encoding_is_refused_as_well(read_file):
    for text in (BILLION_LAUGHS, EXTERNAL_ENTITY):
        labels = read_file(f'<?xml version="1.0" encoding="gbk"?>{text}', "x.xml", format="voc")
        assert checks(labels) == ["unparsable_label"]


tags = st.sampled_from(
    ["object", "name", "bndbox", "robndbox", "polygon", "pt", "part", "attributes", "attribute", "xmin", "x", "w", "value", "x1"]
)
trees = st.recursive(
    st.sampled_from(["", "5", "-1.5", "nan", "x", "1e400"]),
    lambda inner: st.lists(st.tuples(tags, inner), max_size=5).map(
        lambda children: "".join(f"<{tag}>{text}</{tag}>" for tag, text in children)
    ),
    max_leaves=25,
)


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(trees, max_size=3), st.binary(max_size=20))
def test_whatever_the_file_holds_each_object_is_a_row_or_a_problem(objects, more):
    records = RecordBuilder("default", "voc")
    records.start_file("x.xml", "file:///x.xml", 0)
    parse_voc(voc("".join(f"<object>{tree}</object>" for tree in objects)).encode(), "x.xml", records)
    labels = records.finish()
    labels.rows.validate(full=True)
    lost = sum(1 for problem in labels.problems if problem.annotation_id is None)
    assert labels.records == labels.rows.num_rows + lost == max(len(objects), 1)
    parse_voc(b"<annotation>" + more + b"</annotation>", "y.xml", records)


def test_a_deeply_nested_file_never_raises(read_file):
    labels = read_file(voc("<object><name>cat</name>" + "<a>" * 200_000 + "</a>" * 200_000 + "</object>"), "x.xml", format="voc")
    assert labels.rows.num_rows == 1
