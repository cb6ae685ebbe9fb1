"""What imports say of what people get wrong: the reason, the file, and what to do."""

from __future__ import annotations

import io
import json
import logging
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from test_label_import import put_images

from airflow_cv_dataops.core.errors import ConfigurationError, EmptySourceError, SourceError
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.imaging.ingest.settings import IngestSettings
from airflow_cv_dataops.core.labels.importing import import_labels
from airflow_cv_dataops.core.predictions.importing import import_predictions
from airflow_cv_dataops.core.store.dataset import Dataset

pytestmark = pytest.mark.integration

KEY = "2026-11-05"
RESULTS = [{"image_id": 1, "category_id": 1, "score": 0.5, "bbox": [1, 2, 3, 4]}]
COCO = {
    "images": [{"id": 1, "file_name": "7.jpg"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}],
    "categories": [{"id": 1, "name": "sign"}],
}
LINE = "0 0.5 0.5 0.1 0.1"


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    """Return a source with the given files: bytes, text, or what is written as JSON."""

    def made(files: dict[str, Any]) -> Path:
        for name, content in files.items():
            file = tmp_path / "source" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            text = content if isinstance(content, (str, bytes)) else json.dumps(content)
            file.write_bytes(text.encode() if isinstance(text, str) else text)
        return tmp_path / "source"

    return made


@pytest.fixture
def dataset(make_dataset: Callable[..., Dataset]) -> Dataset:
    made = make_dataset("signs")
    put_images(made, ["7.jpg"])
    return made


def messages(dataset: Dataset) -> list[str]:
    return sorted(row["message"] for row in dataset.read("findings").to_pylist())


def test_results_that_join_by_a_bare_number_are_told(dataset, folder, caplog):
    source = folder({"p.json": [{**RESULTS[0], "image_id": image} for image in (7, 7, "000000000008")]})
    import_predictions(dataset, KEY, str(source), model="m", min_match_ratio=0)
    [warning] = [record.getMessage() for record in caplog.records if "coco_reference" in record.getMessage()]
    assert warning.startswith("2 results name their image by a number alone, and there is no coco_reference")
    assert f"image_id 7 in file://{source}/p.json joins 7.jpg, else 000000000007.jpg" in warning


def test_results_that_say_their_image_are_not_told(dataset, folder, caplog):
    named = [{**RESULTS[0], "file_name": "7.jpg"}, {**RESULTS[0], "image_id": "7.jpg"}]
    source = folder({"p/p.json": named, "r/p.json": RESULTS, "instances.json": COCO})
    import_predictions(dataset, KEY, str(source / "p"), model="m")
    import_predictions(dataset, KEY, str(source / "r"), model="m", coco_reference=str(source / "instances.json"))
    assert "by a number alone" not in caplog.text


def test_a_reference_that_is_the_source_itself_is_told(dataset, folder):
    source = folder({"p.json": COCO})
    said = r"No prediction file in .*: file://.*/p\.json is given as `coco_reference`.* and so is not read.* as `source`\."
    for given, error in ((source / "p.json", ConfigurationError), (source, EmptySourceError)):
        with pytest.raises(error, match=said):
            import_predictions(dataset, KEY, str(given), model="m", coco_reference=str(source / "p.json"))


def test_where_no_label_is_of_the_partition_the_reason_and_the_advice_are_of_names(dataset, folder):
    source = folder({"labels.json": COCO, "p.json": [{**RESULTS[0], "image_id": "7.jpg"}]})
    options = {"keep_unmatched": False}
    import_labels(dataset, KEY, str(source / "labels.json"), format="coco", **options)
    import_predictions(dataset, KEY, str(source / "p.json"), model="m", **options)
    put_images(dataset, ["8.jpg"])
    said = r"The first: No image of the partition is named 7\.jpg; .*would take out 1 row.* Is it the right source.*set allow_empty=True"
    with pytest.raises(EmptySourceError, match=said) as labels:
        import_labels(dataset, KEY, str(source / "labels.json"), format="coco", **options)
    with pytest.raises(EmptySourceError, match=said) as predictions:
        import_predictions(dataset, KEY, str(source / "p.json"), model="m", **options)
    assert "mounted" not in f"{labels.value} {predictions.value}"
    result = import_labels(dataset, KEY, str(source / "labels.json"), format="coco", allow_empty=True, min_match_ratio=0, **options)
    assert (result.failure, dataset.read("annotations").num_rows) == (None, 0)


def test_a_name_that_joins_nothing_is_told_with_its_label_file(dataset, folder):
    source = folder({"labels/9.txt": LINE, "classes.txt": "sign"})
    result = import_labels(dataset, KEY, str(source), format="yolo")
    said = f"No image of the partition is named labels/9; records without image: 1 in file://{source}/labels/9.txt"
    assert messages(dataset) == [said]
    assert said in result.failure


@pytest.mark.parametrize("step", ["labels", "predictions"])
def test_a_partition_without_images_is_told_as_such(make_dataset, folder, caplog, step):
    dataset = make_dataset("signs")
    put_images(dataset, ["7.jpg"], key="2026-11-04")
    source = folder({"labels.json": COCO, "p.json": [{**RESULTS[0], "image_id": "7.jpg"}]})
    if step == "labels":
        result = import_labels(dataset, KEY, str(source / "labels.json"), format="coco")
    else:
        result = import_predictions(dataset, KEY, str(source / "p.json"), model="m")
    assert "(1 absent_image). The partition has no image. All are in" in result.failure
    assert "Ingest its images before this import, or look whether partition_key is the one" in result.failure
    assert "1 without image (1 absent_image), as the partition has no image; problems" in caplog.text
    assert [message.partition(";")[0] for message in messages(dataset)] == ["The partition has no image, so none is named 7.jpg"]


@pytest.mark.parametrize(("keep", "kept"), [(True, 2), (False, 1)])
def test_the_log_tells_what_was_read_from_what_was_kept(dataset, folder, caplog, keep, kept):
    caplog.set_level(logging.INFO)
    source = folder({"labels.csv": "image,label\n7.jpg,sign\n8.jpg,sign\n"})
    result = import_labels(dataset, KEY, str(source), format="csv", keep_unmatched=keep)
    assert f"label_import:default: 2 annotations read, {kept} kept, 1 without image (1 absent_image); problems" in caplog.text
    assert result.summary.counts["annotations"] == kept


def test_statements_alone_are_told_as_such(dataset, folder):
    result = import_labels(dataset, KEY, str(folder({"8.txt": "", "9.txt": ""})), format="yolo", classes=["sign"])
    assert result.failure.startswith("0 of 2 backgrounds joined an image")


def test_a_class_file_two_folders_above_the_labels_is_pointed_at(dataset, folder):
    source = folder({"data.yaml": "names: [sign]", "train/labels/7.txt": LINE})
    for given in (source / "train/labels", source / "train", source / "train/labels/7.txt"):
        with pytest.raises(ConfigurationError, match=rf"There is file://{source}/data\.yaml, outside the source: give it as `classes`"):
            import_labels(dataset, KEY, str(given), format="yolo")
    assert import_labels(dataset, KEY, str(source), format="yolo").failure is None


def archive() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as made:
        made.writestr("labels.json", json.dumps(COCO))
    return sink.getvalue()


@pytest.mark.parametrize("label_format", ["coco", "voc", "yolo", "csv"])
def test_an_archive_of_labels_is_refused_with_what_to_do(dataset, folder, label_format):
    source = folder({"labels.zip": archive()})
    options = {"format": label_format, "classes": ["sign"] if label_format == "yolo" else None}
    unpack = r"is an archive or a compressed file.*: unpack it"
    with pytest.raises(ConfigurationError, match=rf"labels\.zip {unpack}"):
        import_labels(dataset, KEY, str(source / "labels.zip"), **options)
    with pytest.raises(ConfigurationError, match=r"labels\.zip!/labels\.json is within an archive"):
        import_labels(dataset, KEY, f"{source}/labels.zip!/labels.json", **options)
    with pytest.raises(EmptySourceError, match=r"No label file in .* There is labels\.zip, an archive.*: unpack it"):
        import_labels(dataset, KEY, str(source), **options)


def test_archives_and_json_lines_of_predictions_are_refused_with_what_to_do(dataset, folder):
    source = folder({"a/p.zip": archive(), "b/p.jsonl": "{}\n{}\n", "c/p.json": '{"image_id": 1}\n{"image_id": 2}\n'})
    with pytest.raises(ConfigurationError, match=r"p\.zip is an archive"):
        import_predictions(dataset, KEY, str(source / "a/p.zip"), model="m")
    with pytest.raises(ConfigurationError, match=r"p\.jsonl is a file of JSON lines, which are not read: write one JSON document"):
        import_predictions(dataset, KEY, str(source / "b/p.jsonl"), model="m")
    with pytest.raises(EmptySourceError, match=r"\.csv.* for probabilities or \.json for coco\. There is p\.jsonl, a file of JSON lines"):
        import_predictions(dataset, KEY, str(source / "b"), model="m")
    with pytest.raises(SourceError, match=r"not JSON: Extra data.*JSON lines are to be written as one JSON document .*p\.json\)"):
        import_predictions(dataset, KEY, str(source / "c"), model="m")


def test_json_lines_of_labels_are_refused(dataset, folder):
    source = folder({"labels.ndjson": "{}\n{}\n"})
    with pytest.raises(EmptySourceError, match=r"There is labels\.ndjson, a file of JSON lines"):
        import_labels(dataset, KEY, str(source), format="coco")


def test_an_annotations_file_beside_results_is_told_with_what_to_do(dataset, folder):
    source = folder({"p.json": [{**RESULTS[0], "image_id": "7.jpg"}], "instances.json": COCO})
    result = import_predictions(dataset, KEY, str(source), model="m")
    said = (
        "it is a COCO annotations file, not results: give it as `coco_reference` if the results' ids are from it, else leave it out by `ex"
    )
    assert said in messages(dataset)[0]
    assert f"(file://{source}/instances.json)" in result.failure
    assert import_predictions(dataset, KEY, str(source), model="m", exclude=["instances.json"]).failure is None


TASK = {"id": 1, "data": {"image": "/data/7.jpg"}, "annotations": [{"id": 3, "result": [{"type": "rectanglelabels", "value": {"x": 1}}]}]}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (
            {**{key: COCO[key] for key in ("images", "categories")}, "objects": COCO["annotations"]},
            "no `annotations`; `objects` is not read",
        ),
        (TASK, "not COCO, but Label Studio's own JSON, which is not read: export the project as COCO"),
        ([TASK], "not COCO, but Label Studio's own JSON"),
        (RESULTS, "COCO results, which are predictions: import them as such"),
        ({"version": "5", "shapes": [], "imagePath": "7.jpg"}, "LabelMe's JSON of one image"),
    ],
)
def test_json_of_another_kind_is_refused_by_name(dataset, folder, document, said):
    with pytest.raises(SourceError, match=said):
        import_labels(dataset, KEY, str(folder({"labels.json": document})), format="coco")


def test_a_coco_file_of_images_alone_states_nothing(dataset, folder):
    source = folder({"labels.json": {"info": {}, "licenses": [{"id": 1}], "images": COCO["images"], "categories": COCO["categories"]}})
    result = import_labels(dataset, KEY, str(source), format="coco")
    assert (result.failure, result.summary.counts["annotations"]) == (None, 0)


def test_the_yolo_data_set_by_split_of_the_docs_joins_split_by_split(make_dataset, folder):
    dataset = make_dataset("signs")
    files: dict[str, Any] = {"data.yaml": "names: [stop, yield]"}
    for split, colour, label in (("train", "red", "0"), ("val", "blue", "1")):
        sink = io.BytesIO()
        Image.new("RGB", (64, 48), colour).save(sink, "JPEG")
        files |= {f"{split}/images/0001.jpg": sink.getvalue(), f"{split}/labels/0001.txt": f"{label}{LINE[1:]}"}
    source = folder(files)
    ingest_images(dataset, KEY, str(source), IngestSettings(pattern="**/images/*"), workers=1)
    expected = [("train/images/0001.jpg", "stop"), ("val/images/0001.jpg", "yield")]

    def joined(label_set: str) -> list[tuple[str, str]]:
        rows = dataset.read("annotations").to_pylist()
        return sorted((row["source_uri"].partition("/source/")[2], row["category"]) for row in rows if row["label_set"] == label_set)

    assert import_labels(dataset, KEY, str(source), format="yolo").failure is None
    assert joined("default") == expected
    for classes in (str(source / "data.yaml"), ["stop", "yield"]):
        result = import_labels(dataset, KEY, str(source / "train/labels"), format="yolo", classes=classes, label_set="train")
        assert (result.failure, joined("train")) == (None, expected[:1])
