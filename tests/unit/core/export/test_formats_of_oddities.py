"""Names, categories and labels as nobody should have them, in every format."""

from __future__ import annotations

import csv
import json
import os
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from defusedxml import ElementTree
from exports import exported
from unit.core.export.export_rows import ALL_FORMATS, OF_BOXES, box, id_of, png, put_images, put_labels, release

from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.export.export import export_release
from airflow_cv_dataops.core.export.manifest import check_export
from airflow_cv_dataops.core.export.names import Names
from airflow_cv_dataops.core.export.options import ExportOptions
from airflow_cv_dataops.core.export.transform.placement import Resize

NAMES = [
    "a photo of b.png",
    "фото/größe 猫.png",
    "../../../etc/passwd.png",
    "..png",
    ".png",
    "-rf.png",
    "dir/A.png",
    "dir/a.PNG",
    "one/same.png",
    "two/same.png",
    f"{'long' * 60}.png",
    f"{'long' * 60}er.png",
    "con.png",
    "line\u2028break\x85\n.png",
    "b.tar.gz.png",
    "no_extension",
    "x.jpg",
    "x.png",
]
CATEGORIES = [
    "../../etc",
    "a/b",
    "con",
    'Ärger: "x"',
    "<b>",
    "🦊",
    "two\nlines",
    "0",
    "no",
    "# comment",
    "a:b",
    "a_b",
    "A_B",
    "line\u2028separator",
    "..",
    " ",
    "background",
    "~",
    "long" * 60,
    "{release}",
]


@pytest.fixture(scope="module")
def of_names(tmp_path_factory) -> Dataset:
    """An image of each name, each with a label."""
    return of_labels(tmp_path_factory.mktemp("names"), [{}] * len(NAMES), NAMES)


@pytest.fixture(scope="module")
def of_categories(tmp_path_factory) -> Dataset:
    """An image of each category."""
    return of_labels(tmp_path_factory.mktemp("categories"), [{"category": name} for name in CATEGORIES])


def of_labels(home: Path, labels: Sequence[Mapping[str, Any]], names: Sequence[str] = ()) -> Dataset:
    """Return a dataset and release of one image for each label, called as said or by its number."""
    dataset = open_dataset("odd", home=str(home))
    names = names or [f"{number}.png" for number in range(len(labels))]
    ids = put_images(dataset, home, {name: png(number) for number, name in enumerate(names)})
    put_labels(dataset, [{"image_id": image, "category": "cell", "bbox": box(), **label} for image, label in zip(ids, labels, strict=True)])
    release(dataset)
    return dataset


def everything_below(folder: Path) -> set[str]:
    return {os.path.relpath(os.path.join(place, name), folder) for place, _, names in os.walk(folder) for name in names}


@pytest.mark.parametrize("layout", ALL_FORMATS)
def test_odd_file_names_stay_within_the_target_and_each_image_has_its_own(of_names, tmp_path, layout):
    folder, counts = exported(of_names, layout, tmp_path / "out" / "deep" / "target")
    new = everything_below(tmp_path)
    assert all(name.startswith("out/deep/target/") for name in new)
    assert counts["images"] == len(NAMES)
    assert len({name.casefold() for name in new}) == len(new), "also where file systems take no notice of case"
    assert all(len(part.encode()) <= 255 and not part.startswith((".", "-")) for name in new for part in name.split("/"))
    assert not any(char in name for name in new for char in "\n\u2028\x85 ")
    assert_whole_and_found_again(of_names, layout, folder, counts)


@pytest.mark.parametrize("layout", ALL_FORMATS)
def test_odd_categories_stay_within_the_target(of_categories, tmp_path, layout):
    folder, counts = exported(of_categories, layout, tmp_path / "out" / "deep" / "target")
    assert all(name.startswith("out/deep/target/") for name in everything_below(tmp_path))
    assert counts["images"] == counts["labels"] == len(CATEGORIES)
    assert check_export(folder).manifest["categories"] == sorted(CATEGORIES)
    assert_whole_and_found_again(of_categories, layout, folder, counts)


def assert_whole_and_found_again(dataset: Dataset, layout: str, folder: Path, counts: Mapping[str, Any]) -> None:
    check = check_export(folder)
    assert (check.is_whole, check.unexpected, check.files) == (True, (), counts["files"])
    assert exported(dataset, layout, folder)[1]["files_written"] == 0


def test_equal_names_and_equal_images_in_two_partitions_are_told_apart(make_dataset, tmp_path):
    dataset = make_dataset()
    one = put_images(dataset, tmp_path, {"same.png": png(1), "copy.png": png(3)})
    other = put_images(dataset, tmp_path, {"same.png": png(2), "copy.png": png(3)}, "2026-11-06")
    put_labels(dataset, [{"image_id": image, "category": "cell", "bbox": box()} for image in one])
    put_labels(dataset, [{"image_id": image, "category": "nucleus", "bbox": box()} for image in other[:1]], "2026-11-06")
    release(dataset)
    for layout in ALL_FORMATS:
        folder, counts = exported(dataset, layout)
        assert (counts["images"], counts["labels"]) == (3, 3)
        names = {path.name for path in folder.rglob("*.png")}
        packed = layout in ("webdataset", "huggingface")
        assert names == (set() if packed else {f"same-{one[0][:12]}.png", f"same-{other[0][:12]}.png", "copy.png"})


def test_coco_gives_odd_categories_back(of_categories):
    folder, _ = exported(of_categories, "coco")
    found = json.loads((folder / "annotations/instances_train.json").read_text(encoding="utf-8"))
    assert [category["name"] for category in found["categories"]] == sorted(CATEGORIES)
    names = {category["id"]: category["name"] for category in found["categories"]}
    files = {image["id"]: int(Path(image["file_name"]).stem) for image in found["images"]}
    assert {files[label["image_id"]]: names[label["category_id"]] for label in found["annotations"]} == dict(enumerate(CATEGORIES))


@pytest.mark.parametrize("layout", ["yolo", "yolo_seg"])
def test_yolo_gives_odd_categories_back(of_categories, layout):
    folder, _ = exported(of_categories, layout)
    said = yaml.safe_load((folder / "data.yaml").read_text(encoding="utf-8"))
    assert said == {"train": "images/train", "nc": len(CATEGORIES), "names": dict(enumerate(sorted(CATEGORIES)))}
    found = {int(path.stem): said["names"][int(path.read_text().split()[0])] for path in folder.glob("labels/train/*.txt")}
    assert found == dict(enumerate(CATEGORIES))


def test_voc_gives_odd_categories_back(of_categories):
    folder, counts = exported(of_categories, "voc")
    found = {int(path.stem): ElementTree.parse(path).getroot().findtext("object/name") for path in folder.glob("Annotations/*.xml")}
    assert found == dict(enumerate(CATEGORIES))
    lines = (folder / "labelmap.txt").read_text(encoding="utf-8").split("\n")
    assert all(line.count(":") == 3 or line in ("# label:color_rgb:parts:actions", "") for line in lines)
    assert [line.split(":")[0] for line in lines[2:-1]] == [
        name for name in sorted(CATEGORIES) if ":" not in name and "\n" not in name and name not in ("# comment", " ", "background")
    ]
    assert counts["categories_without_labelmap"] == 5


def test_csv_gives_odd_categories_back(of_categories):
    folder, _ = exported(of_categories, "csv")
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        found = {int(Path(line["image"]).stem): line["label"] for line in csv.DictReader(file)}
    assert found == dict(enumerate(CATEGORIES))


def test_image_folder_gives_odd_categories_back_each_from_a_folder_of_its_own(of_categories):
    folder, _ = exported(of_categories, "imagefolder")
    names = json.loads((folder / "classes.json").read_text(encoding="utf-8"))
    found = {int(path.stem): names[path.parent.name] for path in folder.glob("train/*/*.png")}
    assert found == dict(enumerate(CATEGORIES))
    assert len({name.casefold() for name in names}) == len(CATEGORIES)
    assert not any(name.casefold() in ("con", "..", "") or name.startswith(".") or name[-1] in ". " for name in names)


def test_image_folder_tells_apart_what_a_number_would_make_alike(tmp_path):
    """``x:`` is like ``x/``, and with its number like ``x__2``, which is a category of its own."""
    odd = ["x__2", "x/", "x:"]
    folder, _ = exported(of_labels(tmp_path, [{"category": name} for name in odd]), "imagefolder", categories=odd)
    names = json.loads((folder / "classes.json").read_text())
    assert {int(path.stem): names[path.parent.name] for path in folder.glob("train/*/*.png")} == dict(enumerate(odd))


def test_parquet_and_hugging_face_give_odd_categories_back(of_categories):
    folder, _ = exported(of_categories, "parquet")
    assert sorted(pq.read_table(folder / "annotations.parquet")["category"].to_pylist()) == sorted(CATEGORIES)
    folder, _ = exported(of_categories, "huggingface")
    features = json.loads(pq.read_schema(next(folder.glob("data/*.parquet"))).metadata[b"huggingface"])["info"]["features"]
    assert features["objects"]["category"]["feature"]["names"] == sorted(CATEGORIES)


ODD_BOXES = [box(x=float("nan")), box(width=float("inf")), box(width=-5.0), box(height=0.0), box(x=400.0)]


def test_labels_without_area_are_left_out_with_their_images_which_are_no_background(tmp_path):
    dataset = of_labels(tmp_path, [*({"bbox": odd} for odd in ODD_BOXES), {}])
    for layout in OF_BOXES:
        folder, counts = exported(dataset, layout, without_labels="all", max_left_out_ratio=1.0)
        assert check_export(folder).is_whole
        if layout == "parquet":
            assert (counts["images"], counts["labels"], counts["labels_left_out"]) == (6, 6, {})
            continue
        assert (counts["images"], counts["labels"], counts["images_background"]) == (1, 1, 0)
        assert counts["labels_left_out"] == {"no_area": 4, "outside_image": 1}
        assert counts["images_left_out"] == {"labels_left_out": 5}


def test_what_leaves_too_much_out_writes_nothing_at_all(tmp_path):
    dataset = of_labels(tmp_path, [*({"bbox": odd} for odd in ODD_BOXES), {}])
    before = everything_below(tmp_path)
    for layout in (name for name in OF_BOXES if name != "parquet"):
        result = export_release(dataset, target=tmp_path / layout, options=ExportOptions(format=layout, max_left_out_ratio=0.5))
        assert result.failure is not None
        assert "leave out 5 of 6 labels" in result.failure
        assert not (tmp_path / layout).exists()
    assert everything_below(tmp_path) == before


# JSON escapes what no text can hold, and Python reads numbers that are none.
ODD_ATTRIBUTES = ['{"half": "\\ud800"}', '{"none": NaN, "deep": [[Infinity, 1e999]]}', '{"\\uDFFF": 1}', '["no object"]', "no json"]


def test_no_attribute_stops_an_export_or_makes_its_json_unreadable(tmp_path):
    dataset = of_labels(tmp_path, [{"attributes": odd} for odd in ODD_ATTRIBUTES])
    for layout in OF_BOXES:
        folder, counts = exported(dataset, layout)
        assert counts["labels"] == len(ODD_ATTRIBUTES)
        texts = [path.read_text(encoding="utf-8") for path in folder.rglob("*.json")]
        if layout == "parquet":
            texts += pq.read_table(folder / "annotations.parquet")["attributes"].drop_null().to_pylist()
        for text in texts:
            json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


BROKEN_MASKS = [
    '{"size": [30, 40], "counts": [5, 5]}',
    '{"size": [3000, 4000], "counts": [5, 11999995]}',
    '{"size": [30, 40], "counts": "~~~"}',
    '{"size": [30, 40], "counts": [NaN]}',
    '{"size": [30, 40], "counts": null}',
]


def test_a_mask_that_says_nothing_goes_and_its_box_stays(tmp_path):
    dataset = of_labels(tmp_path, [{"task": "segmentation", "segmentation": odd} for odd in BROKEN_MASKS])
    for layout in ("coco", "webdataset", "huggingface"):
        folder, counts = exported(dataset, layout)
        assert (counts["labels"], counts["not_carried"]) == (len(BROKEN_MASKS), {"broken_segmentations": len(BROKEN_MASKS)})
        for path in folder.rglob("instances_train.json"):
            assert [label["segmentation"] for label in json.loads(path.read_text())["annotations"]] == [[]] * len(BROKEN_MASKS)


def test_numbers_of_any_length_stop_no_export(tmp_path):
    huge = str(10**400)
    dataset = of_labels(tmp_path, [{"segmentation": f"[[0, 0, {huge}, 0, 5, 5]]"}, {}])
    for layout in OF_BOXES:
        _, counts = exported(dataset, layout)
        assert (counts["labels"], counts["not_carried"].get("broken_segmentations")) == (2, 1)


def test_a_name_that_another_image_comes_to_have_by_its_id_is_told_apart(make_dataset, tmp_path):
    """As names of an earlier export are, whose images were changed since."""
    dataset = make_dataset("again")
    one, other, third = map(png, range(3))
    files = {"one/0001.png": one, "two/0001.png": other, f"0001-{id_of(one)[:12].upper()}.png": third}
    ids = put_images(dataset, tmp_path, files)
    put_labels(dataset, [{"image_id": image, "category": f"of {at}", "bbox": box()} for at, image in enumerate(ids)])
    release(dataset)
    for layout in OF_BOXES:
        folder, counts = exported(dataset, layout)
        assert (counts["images"], counts["labels"]) == (3, 3), layout
        assert check_export(folder).is_whole


def test_no_two_images_have_one_name_however_they_are_called():
    ids = [id_of(png(number)) for number in range(5)]
    images = [("a.png", ids[0]), ("A.jpg", ids[1]), (f"a-{ids[0][:12]}.png", ids[2]), ("..png", ids[3])]
    images += [("\uac00.png", "2" * 64), ("\u1100\u1161.png", "3" * 64)]  # one syllable, for a file system of macOS one name
    images += [(f"{ids[3][:24].upper()}.png", ids[4]), (f"a-{ids[0][:12]}-{ids[2][:12]}.png", "0" * 64), ("b.png", "1" * 64)]
    names = Names()
    names.collect(images)
    names.settle()
    found = [names.stem(*image) for image in images]
    assert len({unicodedata.normalize("NFC", stem.casefold()) for stem in found}) == len(images)
    assert found[-1] == "b"


@pytest.fixture(scope="module")
def of_huge_numbers(tmp_path_factory) -> Dataset:
    far = "[[-1e300,-1e300,1e300,-1e300,1e300,1e300]]"
    labels = [{"bbox": box(0, 0, 1e300, 1e300)}, {"bbox": box(), "segmentation": far}, {"bbox": box(), "area": 1e308}, {"bbox": box()}]
    return of_labels(tmp_path_factory.mktemp("huge"), [{"category": "a", **label} for label in labels])


@pytest.mark.parametrize("resize", [Resize(), Resize(size=(400, 400), fit="pad"), Resize(crop=(0, 0, 0.5, 0.5))])
@pytest.mark.parametrize("layout", OF_BOXES)
def test_numbers_whose_area_no_float_holds_stop_no_export(of_huge_numbers, tmp_path, layout, resize):
    result = export_release(of_huge_numbers, target=tmp_path / "out", options=ExportOptions(layout, resize=resize, max_left_out_ratio=1.0))
    counts = result.summary.to_dict()["counts"]
    assert result.failure is None
    assert counts["labels"] + sum(counts["labels_left_out"].values()) == 4
    assert check_export(tmp_path / "out").is_whole
    if layout == "coco":
        json.loads((tmp_path / "out/annotations/instances_train.json").read_text(), parse_constant=_refuse)


def test_a_carriage_return_ends_no_line_of_csv(tmp_path):
    dataset = of_labels(tmp_path, [{"category": "a\rb", "bbox": box()}])
    export_release(dataset, target=tmp_path / "out", options=ExportOptions("csv"))
    with (tmp_path / "out/labels.csv").open(newline="") as file:
        assert [row["label"] for row in csv.DictReader(file)] == ["a\rb"]


@pytest.mark.parametrize(
    ("layout", "split"), [("yolo", "images"), ("imagefolder", "_export"), ("imagefolder", "classes.json"), ("huggingface", "all")]
)
def test_a_split_that_no_reader_would_find_is_refused(make_dataset, tmp_path, layout, split):
    dataset = make_dataset("odd")
    ids = put_images(dataset, tmp_path, {"a.png": png(1)})
    put_labels(dataset, [{"image_id": ids[0], "category": "a", "bbox": box()}])
    release(dataset, splits={split: 1.0})
    with pytest.raises(ConfigurationError, match=split):
        export_release(dataset, target=tmp_path / "out", options=ExportOptions(layout))
    assert not (tmp_path / "out").exists()
