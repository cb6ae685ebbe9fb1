"""The report's content: which findings, which pictures, how large, and the same bytes for the same input."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import logging
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image
from unit.core.report.conftest import KEY, bbox, encoded, photo

from airflow_cv_dataops.core.audit.label_errors.estimates import EstimatedErrors
from airflow_cv_dataops.core.audit.report import _tiles, why_unable
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.report.entries import gallery_image
from airflow_cv_dataops.core.report.limits import ReportLimits
from airflow_cv_dataops.core.store.objects import local_path


def opened(picture: dict) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(picture["data"])))


@pytest.fixture
def cells(make_dataset, store_images):
    """Three noisy images of 64 x 48 px."""
    dataset = make_dataset("cells")
    store_images(dataset, {name: encoded(photo(64, 48, seed)) for seed, name in enumerate(("a.png", "b.png", "c.png"))})
    return dataset


def test_a_finding_shows_its_label_its_suggestion_and_its_picture(cells, report_of):
    label = {"annotation_id": "7", "source_uri": "s3://photos/a.png", "category": "cell", "bbox": bbox(4, 5, 10, 12)}
    suggestion = json.dumps({"bbox": [6, 5, 10, 12], "category": "blob", "score": 0.93})
    row = {"annotation_id": "7", "source_uri": "s3://photos/a.png", "category": "cell", "score": 0.07, "suggestion": suggestion}
    report = report_of(cells, {"error:swapped": [{**row, "message": "this is a blob"}]}, [label])
    [finding] = report.data["findings"]
    assert {name: finding[name] for name in ("message", "score", "category", "label", "bbox")} == {
        "message": "this is a blob",
        "score": 0.07,
        "category": "cell",
        "label": "7",
        "bbox": [4, 5, 10, 12],
    }
    assert finding["suggestion"] == {"category": "blob", "bbox": [6, 5, 10, 12], "score": 0.93}
    assert report.data["checks"][finding["check"]]["id"] == "swapped"
    image = report.data["images"][finding["image"]]
    assert (image["uri"], image["width"], image["height"], image["others"]) == ("s3://photos/a.png", 64, 48, [[4, 5, 10, 12]])
    assert opened(image["picture"]).tobytes() == photo(64, 48, 0).tobytes()  # a small picture is shown without loss


def test_numbers_and_what_checks_mean_stand_in_the_page_itself(cells, report_of):
    labels = [{"annotation_id": str(n), "source_uri": "s3://photos/a.png", "category": "cell"} for n in range(8)]
    report = report_of(cells, {"error:one": [{"annotation_id": "1"}, {"annotation_id": "2"}], "info:two": []}, labels)
    assert "<dt>Label error rate</dt><dd>25%</dd>" in report.html
    assert "2 of 8 labels wrong or suspect" in report.html
    assert "<dt>Findings</dt><dd>2</dd>" in report.html
    assert "What <code>side_px</code> means. <i>How to mend it.</i>" in report.html
    assert "<summary>1 check looked and found nothing</summary>" in report.html


def test_both_error_rates_are_shown_alike():
    estimate = EstimatedErrors(None, 400, 32.0, 330)
    numbers = SimpleNamespace(
        label_error_rate=0.08,
        interval=(0.057, 0.111),
        erroneous=32,
        annotations=400,
        estimated=[estimate],
        findings=40,
        annotations_with_findings=35,
        by_severity={"error": 0, "warning": 32, "info": 8},
        images=410,
        labelled_images=400,
        backgrounds=0,
        predictions=410,
    )
    given, estimated = _tiles(numbers)[:2]
    assert (given.value, estimated.value, given.style, estimated.style) == ("8%", "8%", "main", "main")
    assert given.note == "32 of 400 labels wrong or suspect; 95% interval 5.7% to 11.1%"
    assert estimated.note == "of 400 labels that models could judge; 95% interval 5.72% to 11.1%"
    numbers.estimated = [EstimatedErrors(None, 400, 210.0, 136)]
    unknown = _tiles(numbers)[1]
    assert (unknown.value, unknown.note) == ("–", "the models agree with 34% of 400 labels only")


@pytest.mark.parametrize(
    ("suggestion", "shown"),
    [
        ({"category": "3", "probability": 0.97}, {"category": "3", "score": 0.97}),
        ({"votes": {"cat": 2, "dog": 1}}, {"votes": [["cat", 2], ["dog", 1]]}),
        ({"bbox": [1, 2, 3]}, {"other": '{"bbox": [1, 2, 3]}'}),
        ({"bbox": [1, 2, 3, None], "category": "x"}, {"category": "x"}),
        ({"bbox": {"x": 1, "y": 2, "width": 3, "height": 4}}, {"bbox": [1, 2, 3, 4]}),
        ({"category": "x", "score": 7}, {"category": "x"}),
        ({"votes": {"cat": "many"}}, {"other": '{"votes": {"cat": "many"}}'}),
        ([1], {"other": "[1]"}),
    ],
)
def test_suggestions_of_any_shape_are_shown(cells, report_of, suggestion, shown):
    [finding] = report_of(cells, {"info:check": [{"suggestion": json.dumps(suggestion)}]}).data["findings"]
    assert finding["suggestion"] == shown


def test_a_finding_may_be_about_an_image_an_overlooked_object_a_file_or_nothing(cells, report_of):
    image_id = cells.images().to_pylist()[1]["image_id"]
    rows = {
        "about_image": {"source_uri": "s3://photos/a.png"},
        "overlooked": {"image_id": image_id, "suggestion": json.dumps({"bbox": [1, 1, 5, 5], "category": "cell"})},
        "about_file": {"source_uri": "https://key:secret@labels/a.xml?token=secret"},
        "about_dataset": {},
    }
    report = report_of(cells, {f"info:{check}": [row] for check, row in rows.items()})
    shown = {report.data["checks"][finding["check"]]["id"]: finding for finding in report.data["findings"]}
    images = report.data["images"]
    assert images[shown["about_image"]["image"]]["uri"] == "s3://photos/a.png"
    assert images[shown["overlooked"]["image"]]["uri"] == "s3://photos/b.png"
    assert "bbox" not in shown["overlooked"]
    assert (shown["about_file"]["source"], "image" in shown["about_file"]) == ("https://labels/a.xml", False)
    assert {"image", "source"}.isdisjoint(shown["about_dataset"])
    assert "secret" not in report.html


def test_equal_input_makes_the_same_file_whatever_the_order_of_rows(cells, report_of):
    labels = [{"annotation_id": str(n), "source_uri": f"s3://photos/{name}", "category": name} for n, name in enumerate(["a.png", "b.png"])]
    rows = [{"annotation_id": str(n), "source_uri": f"s3://photos/{name}", "score": 0.5} for n, name in enumerate(["a.png", "b.png"])]
    first = report_of(cells, {"error:one": rows, "info:two": rows[:1]}, labels)
    assert report_of(cells, {"info:two": rows[:1], "error:one": rows[::-1]}, labels) == first
    assert first.uri.endswith(f"/cells/reports/label_audit/{KEY}/{hashlib.sha256(first.page).hexdigest()[:32]}.html")


def test_the_worst_of_every_check_comes_before_the_second_worst_of_any(cells, report_of):
    findings = {
        "info:many": [{"score": n / 10, "message": f"m{n}"} for n in (3, 1, 2)],
        "error:few": [{"score": 0.9, "message": "f"}],
        "warning:unscored": [{"message": "u"}],
    }
    assert [finding["message"] for finding in report_of(cells, findings).data["findings"]] == ["f", "u", "m1", "m2", "m3"]


def test_no_findings_make_a_page_that_says_so(cells, report_of):
    report = report_of(cells, {"error:one": []}, [{"annotation_id": "0", "category": "cell"}])
    assert "Nothing was found" in report.html
    assert report.data["findings"] == []


def test_ten_thousand_findings_are_listed_and_the_best_of_more_are_left_out(cells, report_of):
    rows = [{"source_uri": "s3://photos/a.png", "score": n / 20_000, "message": f"finding {n}"} for n in range(10_500)]
    report = report_of(cells, {"warning:check": rows})
    assert (len(report.data["findings"]), report.data["total"]) == (10_000, 10_500)
    assert [report.data["findings"][place]["message"] for place in (0, -1)] == ["finding 0", "finding 9999"]
    assert len(report.page) < 3_000_000


def test_a_report_keeps_within_its_bytes_and_spends_them_on_the_worst(make_dataset, store_images, report_of):
    dataset = make_dataset("noise")
    files = {f"{n:02}.jpg": encoded(photo(640, 480, n), "JPEG", quality=90) for n in range(12)}
    store_images(dataset, files, (640, 480))
    rows = [{"source_uri": f"s3://photos/{name}", "score": n / 12} for n, name in enumerate(files)]
    report = report_of(dataset, {"error:check": rows}, max_bytes=1_000_000)
    pictured = ["picture" in report.data["images"][finding["image"]] for finding in report.data["findings"]]
    assert len(report.page) <= 1_000_000
    assert 3 <= sum(pictured) < 12
    assert pictured == sorted(pictured, reverse=True)
    assert len(report.data["findings"]) == 12


def test_long_messages_do_not_push_a_report_over_its_bytes(cells, report_of):
    rows = [{"message": "\u4e00" * 5_000, "category": '"' * 5_000, "source_uri": f"s3://labels/{n}/" + "x" * 5_000} for n in range(3_000)]
    report = report_of(cells, {"error:check": rows}, max_bytes=1_000_000)
    assert len(report.page) <= 1_000_000
    assert 50 < len(report.data["findings"]) < report.data["total"] == 3_000


def test_only_so_many_pictures_are_read(cells, report_of):
    rows = [{"source_uri": f"s3://photos/{name}.png"} for name in "abc"]
    report = report_of(cells, {"error:check": rows}, max_pictures=2)
    assert ["picture" in image for image in report.data["images"]] == [True, True, False]


def test_a_picture_that_cannot_be_read_costs_only_its_picture(make_dataset, store_images, report_of):
    dataset = make_dataset("cells")
    files = {
        "a.png": encoded(photo(64, 48)),
        "b.png": encoded(photo(64, 48, 1)),
        "c.png": b"no image at all",
        "d.png": encoded(photo(64, 48, 2)),
    }
    store_images(dataset, files)
    stored = {row["file_name"]: row["storage_uri"].removeprefix(f"{dataset.root_uri}/") for row in dataset.images().to_pylist()}
    dataset.objects().write(stored["b.png"], encoded(photo(64, 48, 9)))
    Path(local_path(f"{dataset.root_uri}/{stored['d.png']}")).unlink()
    report = report_of(dataset, {"error:check": [{"source_uri": f"s3://photos/{name}"} for name in files]})
    found = {image["uri"][-5:]: image.get("problem", "shown") for image in report.data["images"]}
    assert found == {
        "a.png": "shown",
        "b.png": "The file has changed since it was ingested.",
        "c.png": "The picture cannot be decoded: no allowed image format begins like this",
        "d.png": "The picture cannot be read: FileNotFoundError.",
    }


def test_a_small_box_in_a_huge_image_has_a_picture_of_its_own(make_dataset, store_images, report_of):
    dataset = make_dataset("huge")
    huge = Image.new("RGB", (3_000, 2_000), "white")
    huge.paste((255, 0, 0), (2_000, 1_000, 2_020, 1_015))
    store_images(dataset, {"a.png": encoded(huge)}, huge.size)
    label = {"annotation_id": "0", "source_uri": "s3://photos/a.png", "bbox": bbox(2_000, 1_000, 20, 15)}
    report = report_of(dataset, {"error:check": [{"annotation_id": "0", "source_uri": "s3://photos/a.png"}]}, [label])
    [finding] = report.data["findings"]
    assert opened(report.data["images"][0]["picture"]).size == (640, 427)
    x, y, width, height = finding["crop"]["view"]
    assert x < 2_000 < 2_020 < x + width
    assert y < 1_000 < 1_015 < y + height
    assert width < 80
    crop = opened(finding["crop"])
    assert crop.size == (width, height)  # a crop is never enlarged
    red = crop.getpixel((2_010 - x, 1_007 - y))
    assert red[0] > 200 > 60 > red[1]


def test_boxes_lie_on_the_upright_image(make_dataset, store_images, report_of):
    dataset = make_dataset("turned")
    lying = Image.new("RGB", (100, 60), "white")
    lying.paste((0, 0, 255), (0, 0, 10, 10))  # top left as stored: top right when turned clockwise
    exif = Image.Exif()
    exif[0x0112] = 6
    store_images(dataset, {"a.png": encoded(lying, exif=exif)}, (60, 100))
    report = report_of(dataset, {"error:check": [{"source_uri": "s3://photos/a.png"}]})
    upright = opened(report.data["images"][0]["picture"])
    assert upright.size == (60, 100)
    assert upright.getpixel((57, 3)) == (0, 0, 255)


def test_pictures_carry_nothing_of_what_the_file_said_of_itself(make_dataset, store_images, report_of):
    dataset = make_dataset("secrets")
    exif = Image.Exif()
    exif[0x010E] = "somebody's name"
    content = encoded(photo(300, 200), "JPEG", exif=exif, comment=b"somebody's comment")
    store_images(dataset, {"a.jpg": content}, (300, 200))
    report = report_of(dataset, {"error:check": [{"source_uri": "s3://photos/a.jpg"}]})
    assert b"somebody" not in base64.b64decode(report.data["images"][0]["picture"]["data"])


def test_the_log_says_what_was_written(cells, report_of, caplog):
    caplog.set_level(logging.INFO)
    report = report_of(cells, {"error:check": [{"source_uri": "s3://photos/a.png"}]})
    assert "Report of 1 of 1 findings with 1 pictures" in caplog.text
    assert report.uri in caplog.text


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"max_bytes": 500_000}, "report_max_megabytes is 0.5 (max_bytes 500,000): a report needs at least 1 MB; expected 1 or more."),
        ({"max_pictures": -1}, "report_max_pictures (max_pictures) is -1: expected 0 or more."),
    ],
)
def test_limits_that_cannot_be_kept_are_refused_by_the_name_of_the_operators_argument(wrong, message):
    with pytest.raises(ConfigurationError, match=f"^{re.escape(message)}$"):
        ReportLimits(**wrong)


def test_names_of_a_megabyte_and_crowds_of_boxes_do_not_break_the_limit(cells, report_of):
    names = [f"{number}{'x' * 1_000_000}" for number in range(5)]
    labels = [
        {"annotation_id": str(n), "source_uri": "s3://photos/a.png", "category": name, "bbox": bbox(n, n, 5, 5)}
        for n, name in enumerate(names)
    ]
    crowd = [
        {
            "annotation_id": f"c{n}",
            "source_uri": f"s3://photos/{'ab'[n % 2]}.png",
            "category": "cell",
            "bbox": bbox(n % 60 + 0.1, 1.3, 2.7, 3.9),
        }
        for n in range(40_000)
    ]
    rows = [{"annotation_id": str(n), "source_uri": "s3://photos/a.png", "category": name} for n, name in enumerate(names)]
    report = report_of(cells, {"error:long_name": rows}, [*labels, *crowd], max_bytes=1_000_000)
    assert len(report.page) <= 1_000_000
    assert len(report.data["findings"]) == 5


def test_the_worst_categories_stand_in_the_order_of_the_summary(cells, report_of):
    labels = [{"annotation_id": str(n), "source_uri": "s3://photos/a.png", "category": "many" if n else "single"} for n in range(41)]
    rows = [{"annotation_id": str(n), "source_uri": "s3://photos/a.png", "category": "many" if n else "single"} for n in range(31)]
    page = report_of(cells, {"error:wrong": rows}, labels).html
    table = page[page.index("Worst categories") :]
    assert table.index("many") < table.index("single"), "one wrong label of one says less than 30 of 40"


def test_a_worst_category_shows_its_rate_and_interval_drawn_and_in_numbers(cells, report_of):
    labels = [{"annotation_id": str(n), "source_uri": "s3://photos/a.png", "category": "many" if n else "single"} for n in range(41)]
    rows = [{"annotation_id": str(n), "source_uri": "s3://photos/a.png"} for n in range(31)]
    page = report_of(cells, {"error:wrong": rows}, labels).html
    many, single = re.findall(r'<tr><th scope="row"><bdi>(?:many|single).*?</tr>', page)
    assert "<b>75%</b> <span>59.8% to 85.8%</span>" in many  # Wilson's interval of 30 of 40
    assert "<b>100%</b> <span>20.7% to 100%</span>" in single
    assert '30 <span class="small">of 40</span>' in many
    assert '<rect x="95.7" y="3" width="41.6" height="6" rx="3"/><path class="rate" d="M120.0 0V12"/>' in many  # of 160
    assert '<rect x="33.0" y="3" width="127.0" height="6" rx="3"/><path class="rate" d="M160.0 0V12"/>' in single


def test_a_check_that_could_not_look_does_not_look_like_a_clean_one(cells, report_of):
    unable = why_unable(["suspect_label"], ["invalid_rle"])
    page = report_of(cells, {"error:clean": [], "info:invalid_rle": [], "warning:suspect_label": []}, unable=unable).html
    assert '<summary>1 check looked and found nothing</summary><p class="ids">clean</p>' in page
    told = page[page.index('<details class="unable">') :]
    assert "<summary>2 checks could not look: that is no clean bill</summary>" in told
    assert "<dt>This partition has nothing of what they look at:</dt><dd>invalid_rle</dd>" in told
    assert "<dt>No predictions of the kind that they compare labels with:</dt><dd>suspect_label</dd>" in told
    assert "Nothing was found: there is nothing to look at. 2 of 3 checks could not look, though." in page


def test_where_every_check_looked_none_is_said_not_to_have(cells, report_of):
    page = report_of(cells, {"error:clean": []}).html
    assert "could not look" not in page
    assert "Nothing was found: there is nothing to look at.</p>" in page


def test_an_image_is_named_by_its_id_unless_it_lies_on_the_web(cells, report_of):
    [image] = report_of(cells, {"error:wrong": [{"source_uri": "s3://photos/a.png"}]}).data["images"]
    assert image["id"] == hashlib.sha256(encoded(photo(64, 48, 0))).hexdigest()
    row = {"source_uri": "https://host/a.png", "image_id": image["id"], "bytes": 1, "width": 1, "height": 1}
    assert gallery_image({**row, "storage_uri": "https://host/a.png"}, 0).values == {
        "uri": "https://host/a.png",
        "width": 1,
        "height": 1,
        "link": True,
    }
    assert gallery_image({**row, "storage_uri": "s3://bucket/objects/a"}, 0).values["id"] == image["id"]
