from __future__ import annotations

import json

from airflow_cv_dataops.core.audit.structure import duplicate_id, image_without_label, missing_image, size_mismatch, unknown_category


def test_a_label_that_joined_no_image_is_found(audit_input, flagged):
    data = audit_input([{}, {"image_id": None, "source_uri": None, "file_name": "lost.jpg"}])
    found = missing_image(data)
    assert flagged(found) == ["1"]
    assert "lost.jpg" in found["message"][0].as_py()
    assert found["source_uri"].to_pylist() == ["s3://labels/coco.json"], "without an image the label file is the place to look"


def test_a_label_whose_image_has_changed_since_the_import_is_found(audit_input, flagged):
    found = missing_image(audit_input([{}, {"image_id": "b" * 64}]))
    assert flagged(found) == ["1"]
    assert "no longer in the partition" in found["message"][0].as_py()


def test_labels_with_their_image_are_not_missing_one(audit_input):
    assert missing_image(audit_input([{}, {}])) is None


def test_an_image_without_label_is_found_once_for_byte_identical_files(audit_input):
    images = [
        {},
        {"image_id": "b" * 64, "source_uri": "s3://photos/z.jpg", "file_name": "z.jpg"},
        {"image_id": "b" * 64, "source_uri": "s3://photos/y.jpg", "file_name": "y.jpg"},
    ]
    found = image_without_label(audit_input([{}], images=images))
    assert found.to_pylist() == [{"message": "no label for y.jpg", "image_id": "b" * 64, "source_uri": "s3://photos/y.jpg"}]


def test_a_copy_of_a_labelled_image_counts_as_labelled(audit_input):
    images = [{}, {"source_uri": "s3://photos/copy.jpg"}]
    assert image_without_label(audit_input([{}], images=images)) is None


def test_a_category_outside_the_taxonomy_is_found_and_the_closest_one_suggested(audit_input, flagged):
    data = audit_input([{"category": "RBC"}, {"category": "rbc"}, {"category": None}, {"category": "truck"}], categories=("RBC", "WBC"))
    found = unknown_category(data)
    assert flagged(found) == ["1", "2", "3"]
    assert found["message"].to_pylist() == [
        "category 'rbc' is not in the list of categories",
        "the label has no category",
        "category 'truck' is not in the list of categories",
    ]
    assert [text and json.loads(text) for text in found["suggestion"].to_pylist()] == [{"category": "RBC"}, None, None]


def test_without_a_taxonomy_only_an_absent_category_is_unknown(audit_input, flagged):
    assert flagged(unknown_category(audit_input([{"category": "anything"}, {"category": None}]))) == ["1"]
    assert unknown_category(audit_input([{"category": "anything"}])) is None


def test_an_id_that_a_label_file_gives_twice_is_found(audit_input, flagged):
    data = audit_input([{"source_id": "7"}, {"source_id": "8"}, {"source_id": "7"}, {"source_id": "7"}])
    found = duplicate_id(data)
    assert flagged(found) == ["2", "3"]
    assert found["message"][0].as_py() == "id 7 stands more than once in the label file; first at annotation 0"


def test_equal_ids_of_different_files_and_labels_without_id_are_no_duplicates(audit_input):
    data = audit_input([{"source_id": "7"}, {"source_id": "7", "source": "s3://labels/other.json"}, {}, {}])
    assert duplicate_id(data) is None


def test_a_stated_size_that_is_not_the_images_is_found_once_an_image(audit_input):
    wrong = {"stated_width": 480, "stated_height": 640}
    found = size_mismatch(audit_input([wrong, wrong, {"stated_width": 640, "stated_height": 480}, {}]))
    assert found["message"].to_pylist() == ["the label file states 480 x 640 px, the image has 640 x 480 px (swapped: EXIF orientation?)"]
    assert "annotation_id" not in found.column_names


def test_a_right_or_absent_stated_size_is_no_mismatch(audit_input):
    right = {"stated_width": 640, "stated_height": 480}
    assert size_mismatch(audit_input([right, {}, {"image_id": None, "stated_width": 1, "stated_height": 1}])) is None
