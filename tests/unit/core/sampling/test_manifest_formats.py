"""The manifest as CSV and COCO: what readers of these formats make of it, and that no image loses its id on the way."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_tests import examples

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.sampling.manifest import EXTENSIONS, label_studio_tasks, manifest_bytes, manifest_path
from airflow_cv_dataops.core.sampling.manifest_formats import CSV_COLUMNS, convert_manifest, encode_manifest, image_ids, unguarded

# Arrow holds no lone surrogates, and so no entry does.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "'=1", "''=1")


def entry(rank: int = 1, **values: Any) -> dict[str, Any]:
    """An entry as the sampling step makes it."""
    found = {
        "rank": rank,
        "image_id": f"{rank:064x}",
        "source_uri": f"s3://photos/2026/{rank}.jpg",
        "storage_uri": f"s3://lake/objects/{rank:064x}.jpg",
        "score": 1 / rank,
        "category": "RBC",
        "probabilities": {"RBC": 0.6},
        "reasons": ["entropy 0.971 by model m", "finding: suspect_label"],
        "dataset": "cells",
        "partition_key": "2026-11-05",
    }
    return {**found, **values}


def box(category: str | None, score: float, *bbox: float) -> dict[str, Any]:
    return {"category": category, "score": score, "bbox": list(bbox)}


def rows_of(manifest: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(manifest.decode(), newline="")))


def test_a_csv_has_a_header_a_line_an_image_and_all_text_in_quotes():
    assert encode_manifest([entry(strategy="entropy")], "csv").decode().split("\r\n") == [
        ",".join(f'"{name}"' for name in CSV_COLUMNS),
        f'1,"{1:064x}","1.jpg","s3://photos/2026/1.jpg","s3://lake/objects/{1:064x}.jpg",1.0,"RBC","entropy",'
        '"entropy 0.971 by model m; finding: suspect_label","2026-11-05"',
        "",
    ]


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_text_of_a_csv_begins_like_a_formula(formula):
    manifest = encode_manifest([entry(category=formula, strategy=formula, reasons=["first", formula], file_name=formula)], "csv")
    [row] = rows_of(manifest)
    assert [row[name] for name in ("category", "strategy", "file_name")] == [f"'{formula}"] * 3
    assert row["reasons"] == f"first; '{formula}"
    assert unguarded(row["category"]) == formula


def test_names_that_only_look_odd_stay_as_they_are():
    odd = ["'s-Hertogenbosch", "a=b", "x-1", '"quoted"', "", "; ,"]
    rows = rows_of(encode_manifest([entry(rank, category=name) for rank, name in enumerate(odd, start=1)], "csv"))
    assert [row["category"] for row in rows] == odd
    assert [unguarded(row["category"]) for row in rows] == odd


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(st.tuples(texts, texts, texts), max_size=4))
def test_any_text_comes_back_from_a_csv(rows):
    entries = [
        entry(rank, category=category, strategy=strategy, file_name=f"{rank}{name}")
        for rank, (category, strategy, name) in enumerate(rows, 1)
    ]
    found = rows_of(encode_manifest(entries, "csv"))
    read = [tuple(unguarded(row[name]) for name in ("category", "strategy", "file_name", "image_id")) for row in found]
    assert read == [tuple(one[name] for name in ("category", "strategy", "file_name", "image_id")) for one in entries]
    assert [(int(row["rank"]), float(row["score"])) for row in found] == [(one["rank"], one["score"]) for one in entries]


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.tuples(texts, texts, st.lists(texts, max_size=3)), max_size=4), st.sampled_from(sorted(EXTENSIONS)))
def test_image_ids_come_back_from_every_format_whatever_the_names(rows, kind):
    entries = [
        entry(rank, category=category, source_uri=source, reasons=reasons, boxes=[box(category, 0.5, 1, 2, 3, 4)])
        for rank, (category, source, reasons) in enumerate(rows, start=1)
    ]
    manifest = manifest_bytes(entries)
    found = convert_manifest(manifest, kind)
    assert image_ids(found, kind) == [one["image_id"] for one in entries]
    assert found == encode_manifest(entries, kind)
    assert [task["data"]["image_id"] for task in label_studio_tasks(manifest)] == [one["image_id"] for one in entries]


def test_pycocotools_reads_images_and_the_boxes_that_are_to_be_corrected(tmp_path):
    coco = pytest.importorskip("pycocotools.coco")
    entries = [
        entry(1, width=640, height=480, boxes=[box("WBC", 0.52, 10, 20, 30, 40), box("RBC", 0.9, 0, 0, 5.5, 4)]),
        entry(2, boxes=[]),
        entry(3, boxes=[box("RBC", 0.4, 1, 1, 2, 2), box(None, 0.3, 1, 1, 2, 2), box("RBC", 0.9, 7, 7, 0, 9)]),
    ]
    (tmp_path / "batch.json").write_bytes(encode_manifest(entries, "coco"))
    read = coco.COCO(str(tmp_path / "batch.json"))
    assert read.getImgIds() == [1, 2, 3]
    first, second = read.loadImgs([1, 2])
    assert (first["file_name"], first["width"], first["height"]) == ("1.jpg", 640, 480)
    assert (first["image_id"], first["coco_url"], first["rank"]) == (entries[0]["image_id"], entries[0]["storage_uri"], 1)
    assert first["reasons"] == entries[0]["reasons"]
    assert "width" not in second
    names = {one["id"]: one["name"] for one in read.loadCats(read.getCatIds())}
    assert [names[number] for number in sorted(names)] == ["RBC", "WBC", "object"]
    boxes = read.loadAnns(read.getAnnIds(imgIds=[1]))
    assert [(names[one["category_id"]], one["bbox"], one["area"], one["score"]) for one in boxes] == [
        ("WBC", [10, 20, 30, 40], 1200, 0.52),
        ("RBC", [0, 0, 5.5, 4], 22.0, 0.9),
    ]
    assert read.getAnnIds(imgIds=[2]) == []
    assert len(read.getAnnIds(imgIds=[3])) == 2  # a box without area is nothing to correct


def test_without_predicted_boxes_a_coco_manifest_has_images_alone():
    found = json.loads(encode_manifest([entry(1), entry(2)], "coco"))
    assert (found["annotations"], found["categories"], len(found["images"])) == ([], [], 2)


@pytest.mark.parametrize("bbox", [None, [1, 2, 3], ["a", 1, 2, 3], [float("nan"), 0, 1, 1], {"x": 1}])
def test_what_is_no_box_is_refused(bbox):
    with pytest.raises(ConfigurationError, match=r"expected \[x, y, width, height\]"):
        encode_manifest([entry(boxes=[{"category": "RBC", "score": 0.5, "bbox": bbox}])], "coco")


def test_files_of_one_name_in_several_folders_are_named_by_their_whole_place():
    sources = ["file:///data/a/1%20x.png", "file:///data/b/1%20x.png", "s3://photos/c/2%20x.png", "plain.png"]
    entries = [entry(rank, source_uri=source) for rank, source in enumerate(sources, start=1)]
    names = [row["file_name"] for row in rows_of(encode_manifest(entries, "csv"))]
    assert names == ["data/a/1 x.png", "data/b/1 x.png", "2%20x.png", "plain.png"]
    assert names == [image["file_name"] for image in json.loads(encode_manifest(entries, "coco"))["images"]]


def test_an_empty_batch_is_a_readable_manifest_in_every_format():
    assert {name: image_ids(encode_manifest([], name), name) for name in EXTENSIONS} == {name: [] for name in EXTENSIONS}


def test_the_path_has_the_extension_of_the_format():
    assert [manifest_path("s", "2026-11-05", name) for name in ("jsonl", "csv", "coco")] == [
        f"samples/s/2026-11-05.{extension}" for extension in ("jsonl", "csv", "json")
    ]


def test_an_unknown_format_is_refused_with_what_there_is():
    for refused in (lambda: manifest_path("s", "k", "json"), lambda: encode_manifest([], "xml"), lambda: image_ids(b"", "COCO")):
        with pytest.raises(ConfigurationError, match="jsonl, csv, coco"):
            refused()


def test_a_name_with_a_line_separator_is_one_line_of_the_manifest():
    manifest = manifest_bytes([entry(category="a\u2028b\u0085c\x1ed")])
    assert [task["data"]["category"] for task in label_studio_tasks(manifest)] == ["a\u2028b\u0085c\x1ed"]
