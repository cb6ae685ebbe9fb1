"""Large COCO files, whose annotations of the usual shape become rows many at a time: the same rows and problems as one by one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_tests import examples

from airflow_cv_dataops.core.labels.formats import coco_columns, coco_reader
from airflow_cv_dataops.core.labels.formats.coco_json import scan_coco, value_of
from airflow_cv_dataops.core.labels.formats.coco_reader import parse_coco
from airflow_cv_dataops.core.labels.records import Labels, RecordBuilder

IMAGES = [{"id": number, "file_name": f"{number}.jpg", "width": 640, "height": 480} for number in range(1, 6)]
CATEGORIES = [{"id": 7, "name": "cat"}, {"id": "8", "name": "Ätzend"}, {"id": 9, "name": "a"}, {"id": 9, "name": "b"}]


def read(data: bytes, *, scanned_from: int) -> Labels:
    """Read a file; above ``scanned_from`` bytes entry by entry."""
    records = RecordBuilder("default", "coco")
    records.start_file("a.json", "file:///a.json", len(data))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coco_reader, "SCANNED_FROM", scanned_from)
        patch.setattr(coco_columns, "_AT_ONCE", 3)
        parse_coco(data, records)
    return records.finish()


def assert_read_alike(data: bytes) -> Labels:
    one_by_one, in_columns = read(data, scanned_from=len(data) + 1), read(data, scanned_from=0)
    # As text: NaN is not itself.
    assert repr(in_columns.rows.to_pylist()) == repr(one_by_one.rows.to_pylist())
    assert in_columns.rows.schema == one_by_one.rows.schema
    assert in_columns.problems == one_by_one.problems
    assert in_columns.records == one_by_one.records
    in_columns.rows.validate(full=True)
    return in_columns


numbers = (
    st.integers(-(10**3), 10**3)
    | st.integers()
    | st.floats()
    | st.floats(0, 1000).map(lambda value: round(value, 2))
    | st.floats(-1, 1).map(lambda value: round(value, 5))
    | st.sampled_from(
        [0.0, -0.0, 1e-4, 9.9e-5, 1e16, 123456789012345680.0, 5e-324, 1e22, 10**30, 0.1 + 0.2, 100000.00001, 999999.123456789]
    )
)
odd = st.none() | st.booleans() | st.sampled_from(["", "1", "x", "ä", "猫\n", '"', [], {}, [[]], [[], []], [None], "\ud800"]) | numbers
shown = st.sampled_from([1, 2, 3, "4", "5"])
usual = {
    "id": st.integers(0, 9),
    "category_id": st.sampled_from([7, 8, "7", "8"]),
    "bbox": st.lists(numbers, min_size=4, max_size=4),
    "segmentation": st.lists(st.lists(numbers, min_size=1, max_size=9), max_size=3)
    | st.fixed_dictionaries({"size": st.just([2, 2]), "counts": st.just("04,: ") | st.lists(numbers, max_size=3)}),
    "area": numbers,
    "iscrowd": st.sampled_from([0, 1, False, True]),
    "keypoints": st.lists(numbers, max_size=6),
    "num_keypoints": numbers,
    "annotator": st.sampled_from(["", "anna", "Ünal"]),
    "attributes": st.dictionaries(st.sampled_from("abcä"), odd, max_size=3),
}
strange = {
    **dict.fromkeys(usual, odd),
    "image_id": st.sampled_from([1, 1.0, 6, "1", None, True]),
    "category_id": st.sampled_from([7, 7.0, 9, 99, "x", None, []]),
    "iscrowd": st.sampled_from([0.0, "1", 2]),
    "segments_info": st.just([]),
    "caption": st.just("two cats"),
    "score": numbers,
}
annotations = st.fixed_dictionaries({"image_id": shown}, optional=usual) | st.fixed_dictionaries({}, optional=strange) | odd
images = st.just(IMAGES) | st.lists(
    st.sampled_from([*IMAGES, {"id": 1, "file_name": "z.jpg"}, {"id": 6}, None, {"id": 2, "file_name": "1.jpg"}])
)


@settings(max_examples=examples(300), deadline=None)
@given(
    images=images,
    annotations=st.lists(annotations, max_size=9),
    indent=st.sampled_from([None, 1]),
    tight=st.booleans(),
    ascii=st.booleans(),
)
def test_rows_and_problems_are_those_of_annotations_one_by_one(images, annotations, indent, tight, ascii):  # noqa: A002
    document = {"images": images, "categories": CATEGORIES, "annotations": annotations}
    separators = (",", ":") if tight else None
    text = json.dumps(document, indent=indent, separators=separators, ensure_ascii=ascii)
    assert_read_alike(text.encode("utf-8", "surrogatepass"))


def test_most_annotations_are_never_python_objects_and_the_odd_ones_keep_their_places():
    annotations = [{"id": number, "image_id": 1, "category_id": 7, "bbox": [1, 2, 3, 4]} for number in range(8)]
    annotations[1]["bbox"], annotations[4], annotations[7]["score"] = [1, 2, 3], None, 0.5
    text = json.dumps({"images": IMAGES[:1], "categories": CATEGORIES[:1], "annotations": annotations})
    labels = assert_read_alike(text.encode())
    assert labels.rows["source_id"].to_pylist() == ["0", "1", "2", "3", "5", "6", "7"]
    assert labels.rows["attributes"].to_pylist() == [None] * 6 + ['{"score": 0.5}']
    assert [problem.message for problem in labels.problems] == [
        "annotations[1].bbox cannot be used: [1, 2, 3]",
        "annotations[4] is null, not an object.",
    ]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("[[1.50,2,3e2,-0,0.1,7]]", "[[1.5, 2, 300.0, 0, 0.1, 7]]"),
        ("[[0.00001,1E16,-0.0,12345678.123456789,1,2]]", "[[1e-05, 1e+16, -0.0, 12345678.12345679, 1, 2]]"),
        ("[[ 1,2 ,3,4,5,6 ],\n[1,2,3,4,5,6]]", "[[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]]"),
        ("[[0.10000000000000000555,1,2,3,4,5]]", "[[0.1, 1, 2, 3, 4, 5]]"),
        ("[[9007199254740993.0,100000000000000000000,1,2,3,4]]", "[[9007199254740992.0, 100000000000000000000, 1, 2, 3, 4]]"),
        ("[1,2,3,4,5,6.0]", "[[1, 2, 3, 4, 5, 6.0]]"),
        ('{"counts":"a,b:c\\\\","size":[2,3]}', '{"counts": "a,b:c\\\\", "size": [2, 3]}'),
        ("[ [ ] ]", None),
    ],
)
def test_a_segmentation_is_written_as_python_writes_its_numbers(given, kept):
    text = f'{{"images":{json.dumps(IMAGES)},"annotations":[{{"image_id":1,"bbox":[1,2,3,4],"segmentation":{given}}}]}}'
    labels = assert_read_alike(text.encode())
    assert labels.rows["segmentation"][0].as_py() == kept


@pytest.mark.parametrize(
    "data",
    [
        b'{"images": [], "annotations": [], "annotations": [{"image_id": 1, "image_id": 2, "category_id": 7}]}',
        b'{"images": [{"id": 1, "file_name": "a"}], "annotations": [{"image_id": 1, "area": NaN}, {"image_id": 1, "area": 1e400}]}',
        b'{"images": [{"id": 1, "file_name": "a"}], "annotations": [{"image_id": 1, "area": 1e400}, {"image_id": 1, "id": 1e39}]}',
        b'\xef\xbb\xbf{"images": [{"id": 1, "file_name": "a"}], "annotations": [{"image_id": 1}]}',
        b'{"images": [{"id": 1, "file_name": "\xff"}], "annotations": [{"image_id": 1}]}',
        b'{"images": [{"id": 1, "file_name": "a"}], "annotations": [{"image_id": 1}], "info": "\xff"}',
        b'{"images": [{"id": 1, "file_name": "a"}], "annotations": [{"image_id": 1}]} ]',
        b'{"images": [{"id": 1, "file_name": "a"}], "annotations": [{"image_id": 1}',
        b'{"images": [{"id": 1, "file_name": "a"}], "annotations": [{"image_id": 1}], "info": [01]}',
        b'{"images": [], "annotations": [], "imagePath": "a.jpg", "shapes": []}',
        b'{"images": [{"id": 1}], "annotations": {}, "shapes": []}',
        b'{"images": [{"id": 1, "file_name": "a"}], "annotations": [{"image_id": 1, "x": ' + b"[" * 960 + b"]" * 960 + b"}]}",
        b'{"images": [{"id": 1, "file_name": "a"}], "annotations": [{"image_id": 1, "x": ' + b"9" * 5000 + b"}]}",
        '{"images": [{"id": 1, "file_name": "\\ud83d\\ude00ä"}], "annotations": [{"image_id": 1, "ä": "ö"}]}'.encode(),
        '{"images": [{"id": 1, "file_name": "\\ud83d"}], "annotations": [{"image_id": 1, "ä": "\\udc00"}]}'.encode(),
    ],
)
def test_hostile_json_is_told_alike(data):
    assert_read_alike(data)


@settings(max_examples=examples(500), deadline=None)
@given(st.lists(st.sampled_from([*list('{}[]",:\\ \n\t0123456789.-+eEutrfalsnN'), "\x00", "\x7f", "ä", "\\u00e4", "null", '"a"'])))
def test_what_is_scanned_is_json_to_python_with_the_same_values(parts):
    text = f'{{"images":[],"annotations":[{"".join(parts)}]}}'.encode()
    if (scanned := scan_coco(text)) is not None:
        assert repr(list(map(value_of, scanned.annotations))) == repr(json.loads(text)["annotations"])
