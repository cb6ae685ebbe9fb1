"""Labels that go out and come in again are the same labels."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_tests import examples

from airflow_cv_dataops.core.labels.formats.coco_writer import to_coco
from airflow_cv_dataops.core.labels.formats.voc_writer import to_voc
from airflow_cv_dataops.core.labels.formats.yolo_writer import to_yolo
from airflow_cv_dataops.core.labels.join import join_labels
from airflow_cv_dataops.core.labels.reading import read_labels
from airflow_cv_dataops.core.labels.records import BACKGROUND, Record, RecordBuilder

CLASSES = ["cat", "Hund & <Katze>", '猫 "x"']
WIDTH, HEIGHT = 641, 479
NAMES = ["a.jpg", "sub/b c.png", "sub/deep/ü.webp"]
TOLERANCE = 1e-6

coordinates = st.floats(-1000, 10_000, allow_subnormal=False)
boxes = st.tuples(coordinates, coordinates, st.floats(0, 10_000), st.floats(0, 10_000))
polygons = st.lists(st.tuples(st.floats(0, WIDTH), st.floats(0, HEIGHT)), min_size=3, max_size=8)
labels_of_images = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(CLASSES), boxes), min_size=1, max_size=12)


def images() -> pa.Table:
    return pa.table(
        {
            "source_uri": [f"file:///source/{name}" for name in NAMES],
            "image_id": [f"{row:064x}" for row in range(len(NAMES))],
            "file_name": NAMES,
            "width": pa.array([WIDTH] * len(NAMES), pa.int32()),
            "height": pa.array([HEIGHT] * len(NAMES), pa.int32()),
        }
    )


def annotations(labels, segmentations=None) -> pa.Table:
    records = RecordBuilder("default", "coco")
    records.start_file("a.json", "file:///a.json", 0)
    for ordinal, (name, category, box) in enumerate(labels):
        segmentation = segmentations[ordinal] if segmentations else None
        task = "segmentation" if segmentation else "detection"
        records.add(Record(ordinal, name, task, category, box, segmentation))
    return join_labels(records.finish().rows, images()).rows


def again(files: dict[str, str], **options) -> pa.Table:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            file = Path(folder, "labels", name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return join_labels(read_labels(str(Path(folder, "labels")), **options).rows, images()).rows


def by_image(rows: pa.Table) -> dict[str, list[tuple]]:
    found: dict[str, list[tuple]] = {}
    for row in rows.to_pylist():
        found.setdefault(row["source_uri"], []).append((row["category"], tuple(row["bbox"].values())))
    return found


def assert_same(first: pa.Table, second: pa.Table, tolerance: float) -> None:
    one, other = by_image(first), by_image(second)
    assert one.keys() == other.keys()
    for image, labels in one.items():
        assert [category for category, _ in labels] == [category for category, _ in other[image]]
        for (_, box), (_, box_again) in zip(labels, other[image], strict=True):
            assert box_again == pytest.approx(box, abs=tolerance, rel=0)


@settings(max_examples=examples(40), deadline=None)
@given(labels_of_images)
def test_coco_gives_back_the_very_numbers(labels):
    before = annotations(labels)
    after = again({"instances.json": json.dumps(to_coco(images(), before), allow_nan=False)}, format="coco")
    assert_same(before, after, tolerance=0)


@settings(max_examples=examples(40), deadline=None)
@given(labels_of_images)
def test_voc_moves_no_box_by_a_millionth_of_a_pixel(labels):
    before = annotations(labels)
    after = again(to_voc(images(), before), format="voc")
    assert_same(before, after, TOLERANCE)


@settings(max_examples=examples(40), deadline=None)
@given(labels_of_images)
def test_yolo_moves_no_box_by_a_millionth_of_a_pixel(labels):
    before = annotations(labels)
    after = again(to_yolo(images(), before, CLASSES), format="yolo", classes=CLASSES)
    assert_same(before, after, TOLERANCE)


@settings(max_examples=examples(40), deadline=None)
@given(st.lists(polygons, min_size=1, max_size=4))
def test_yolo_moves_no_polygon_by_a_millionth_of_a_pixel(outlines):
    flat = [[side for point in outline for side in point] for outline in outlines]
    labels = [(NAMES[0], CLASSES[0], (0.0, 0.0, 1.0, 1.0))] * len(flat)
    before = annotations(labels, [json.dumps([points]) for points in flat])
    after = again(to_yolo(images(), before, CLASSES), format="yolo", classes=CLASSES)
    for points, text in zip(flat, after.column("segmentation").to_pylist(), strict=True):
        assert json.loads(text) == [pytest.approx(points, abs=TOLERANCE, rel=0)]


json_numbers = st.one_of(st.integers(-(10**6), 10**6), st.floats(allow_nan=False, allow_infinity=False))


@settings(max_examples=examples(40), deadline=None)
@given(
    st.one_of(
        st.lists(st.lists(json_numbers, min_size=6), min_size=1, max_size=3),
        st.builds(lambda c: {"size": [4, 5], "counts": c}, st.one_of(st.text(), st.lists(st.integers(0, 2**40)))),
    )
)
def test_coco_gives_back_the_very_segmentation(segmentation):
    before = annotations([(NAMES[0], CLASSES[0], (0.0, 0.0, 1.0, 1.0))], [json.dumps(segmentation)])
    after = again({"a.json": json.dumps(to_coco(images(), before))}, format="coco")
    assert json.loads(after.column("segmentation")[0].as_py()) == segmentation


def backgrounds(*names) -> pa.Table:
    records = RecordBuilder("default", "coco")
    records.start_file("a.json", "file:///a.json", 0)
    for ordinal, name in enumerate(names):
        records.add(Record(ordinal, name, BACKGROUND))
    return join_labels(records.finish().rows, images()).rows


def test_an_image_in_which_nothing_is_said_to_be_is_written_without_labels():
    before = backgrounds(NAMES[0], NAMES[2])
    assert to_yolo(images(), before, CLASSES) == {"a.txt": "", "sub/deep/ü.txt": ""}
    coco = to_coco(images(), before)
    assert [(image["id"], image["file_name"]) for image in coco["images"]] == [(1, NAMES[0]), (3, NAMES[2])]
    assert coco["annotations"] == coco["categories"] == []
    voc = to_voc(images(), before)
    assert list(voc) == ["a.xml", "sub/deep/ü.xml"]
    assert not any("<object>" in text for text in voc.values())


@pytest.mark.parametrize(
    ("write", "options"),
    [
        (lambda rows: {"a.json": json.dumps(to_coco(images(), rows))}, {"format": "coco"}),
        (lambda rows: to_voc(images(), rows), {"format": "voc"}),
        (lambda rows: to_yolo(images(), rows, CLASSES), {"format": "yolo", "classes": CLASSES}),
    ],
    ids=["coco", "voc", "yolo"],
)
def test_that_nothing_is_there_goes_out_and_comes_in_again(write, options):
    before = backgrounds(NAMES[0], NAMES[2])
    after = again(write(before), **options)
    assert sorted(after["task"].to_pylist()) == [BACKGROUND] * 2
    assert sorted(after["image_id"].to_pylist()) == sorted(before["image_id"].to_pylist())


def test_an_image_of_which_nothing_is_said_is_not_written_as_if_it_were_empty():
    before = annotations([(NAMES[1], CLASSES[0], (1.0, 2.0, 3.0, 4.0))])
    assert list(to_yolo(images(), before, CLASSES)) == ["sub/b c.txt"]
    assert list(to_voc(images(), before)) == ["sub/b c.xml"]
    coco = to_coco(images(), before)
    assert [image["file_name"] for image in coco["images"]] == [NAMES[1]]
    assert coco["annotations"][0]["image_id"] == coco["images"][0]["id"]
    assert to_coco(images(), before, every_image=True)["images"][1] == coco["images"][0]
    assert len(to_coco(images(), before, every_image=True)["images"]) == 3


def test_a_label_beside_the_statement_of_another_label_set_is_written():
    before = pa.concat_tables([backgrounds(NAMES[0]), annotations([(NAMES[0], CLASSES[1], (1.0, 2.0, 3.0, 4.0))])])
    assert [len(text.splitlines()) for text in to_yolo(images(), before, CLASSES).values()] == [1]
    assert [text.count("<object>") for text in to_voc(images(), before).values()] == [1]
    assert [len(to_coco(images(), before)[part]) for part in ("images", "annotations", "categories")] == [1, 1, 1]


def test_in_yolo_a_label_of_no_class_says_that_nothing_of_the_classes_is_there_and_one_without_a_box_says_nothing():
    drawn = annotations([(NAMES[0], "another", (1.0, 2.0, 3.0, 4.0)), (NAMES[1], CLASSES[0], None)])
    assert to_yolo(images(), drawn, CLASSES) == {"a.txt": ""}


def test_in_yolo_an_image_of_labels_without_category_is_not_said_to_be_empty(caplog):
    box = (1.0, 2.0, 3.0, 4.0)
    drawn = annotations([(NAMES[0], None, box), (NAMES[0], "another", box), (NAMES[1], None, box), (NAMES[1], CLASSES[0], box)])
    files = to_yolo(images(), drawn, CLASSES)
    assert {name: text.split()[0] for name, text in files.items()} == {"sub/b c.txt": "0"}
    assert "no place for 2 labels, which have no category or no box; 1 images have no label file" in caplog.text
    said = pa.concat_tables([annotations([(NAMES[0], None, box)]), backgrounds(NAMES[0])])
    assert to_yolo(images(), said, CLASSES) == {}
