"""The page of a batch: what it shows of each image, what it says of the whole, its limits, and the same bytes for the same input."""

from __future__ import annotations

import base64
import io
import json
import math
import re
from dataclasses import replace

from PIL import Image
from unit.core.report.conftest import KEY, encoded, photo
from unit.core.sampling.report.conftest import sample

from airflow_cv_dataops.core.sampling.report.values import BatchImage, Distribution, LeftOut, PredictedBox
from airflow_cv_dataops.core.sampling.report.write import write_sample_report


def cards(page: str) -> list[str]:
    return re.findall(r'<article class="card".*?</article>', page, re.DOTALL)


def words(html: str) -> str:
    """Return what one reads."""
    read = re.sub(r"<(title|style|script)\b.*?</\1>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", read)).strip()


def pictures(page: str) -> list[Image.Image]:
    return [Image.open(io.BytesIO(base64.b64decode(data))) for data in re.findall(r'href="data:image/\w+;base64,([^"]*)"', page)]


def test_a_card_shows_the_picture_the_score_and_the_reasons(cells, batch_of, page_of):
    images = batch_of(cells, reasons=["entropy 0.971: net hesitates", "finding: suspect_label"], probabilities={"RBC": 0.6, "WBC": 0.4})
    page = page_of(cells, sample(images))
    assert [words(card) for card in cards(page)] == [
        f"{rank} entropy score 0.9{10 - rank}0 predicted RBC entropy 0.971: net hesitates finding: suspect_label RBC 60% WBC 40% {name}.png"
        for rank, name in ((1, "a"), (2, "b"), (3, "c"))
    ]
    assert [shown.tobytes() for shown in pictures(page)] == [photo(64, 48, seed).tobytes() for seed in range(3)]
    assert page.count('class="crisp"') == 3


def test_boxes_lie_over_the_whole_image_and_the_most_uncertain_one_is_marked(cells, batch_of, page_of):
    boxes = [PredictedBox("RBC", 0.97, (1, 2, 10, 12)), PredictedBox("WBC", 0.46, (30, 5, 20, 8)), PredictedBox("RBC", 0.07, (3, 30, 9, 9))]
    [first, *_] = cards(page_of(cells, sample(batch_of(cells, boxes=boxes)[:1])))
    assert 'viewBox="0 0 64 48"' in first
    drawn = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)" class="box (\w+)"', first)
    assert sorted(drawn) == [("1", "2", "10", "12", "suggested"), ("3", "30", "9", "9", "suggested"), ("30", "5", "20", "8", "given")]
    assert "3 boxes, most uncertain: WBC 46%" in words(first)


def test_no_box_is_marked_where_no_score_is_a_confidence(cells, batch_of, page_of):
    boxes = [PredictedBox("RBC", math.nan, (1, 2, 10, 12)), PredictedBox(None, 7.0, (30, 5, math.nan, 8))]
    [first, *_] = cards(page_of(cells, sample(batch_of(cells, boxes=boxes)[:1])))
    assert first.count('class="box suggested"') == 1
    assert 'class="box given"' not in first
    assert "2 boxes (1 drawn)" in words(first)
    assert "most uncertain" not in first


def test_of_very_many_boxes_the_most_uncertain_are_drawn(cells, batch_of, page_of):
    boxes = [PredictedBox("RBC", 0.5 + number / 1000, (number % 60, number % 40, 4, 4)) for number in range(300)]
    [first, *_] = cards(page_of(cells, sample(batch_of(cells, boxes=boxes)[:1])))
    assert "300 boxes (200 drawn), most uncertain: RBC 50%" in words(first)
    assert "RBC 70%" in first
    assert "RBC 71%" not in first


def test_the_five_largest_probabilities_are_shown(cells, batch_of, page_of):
    probabilities = {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.05, "e": 0.05, "f": 0.3, "g": math.nan}
    [first, *_] = cards(page_of(cells, sample(batch_of(cells, probabilities=probabilities)[:1])))
    assert "c 30% f 30% b 20% a 10% d 5%" in words(first)


def test_the_top_says_what_was_chosen_from_what_and_how(cells, batch_of, page_of):
    notes = ["Minimum not met: Blasts at least 5, the pool has none."]
    left_out = [LeftOut("declared empty", 12), LeftOut("already labelled", 210, "in this partition")]
    report = sample(
        batch_of(cells), candidates=364, notes=notes, left_out=left_out, numbers={"coverage radius": "0.43"}, expected_gain="+0.01"
    )
    said = words(page_of(cells, report))
    told = "3 of 364 images that could be chosen were chosen by entropy of the class probabilities (entropy) , from what net predicts."
    assert f"{told} Budget: 50 images ." in said
    assert "Before it is sent Minimum not met: Blasts at least 5, the pool has none." in said
    assert "Expected of these labels: +0.01" in said
    assert "coverage radius 0.43" in said
    assert "Left out 222 why: below" in said
    assert "images why 210 already labelled in this partition 12 declared empty" in said
    assert "Showing all 3 images." in said


def test_what_is_not_known_is_not_said(cells, batch_of, page_of):
    images = [replace(image, score=math.nan, category=None, reasons=[]) for image in batch_of(cells)]
    page = page_of(cells, sample(images, model=None))
    said = words(page)
    assert "3 images were chosen by entropy of the class probabilities (entropy) , without a model." in said
    assert words(cards(page)[0]) == "1 entropy no score No reason was given. a.png"
    for unknown in ("candidates", "Highest score", "Predicted", "Left out", "pool", "Expected of", "Before it is sent", "nan"):
        assert unknown not in said


def test_an_empty_batch_says_that_nothing_was_chosen_and_why(cells, page_of):
    page = page_of(cells, sample([], left_out=[LeftOut("already labelled", 1797)], candidates=0))
    said = words(page)
    assert "Nothing could be chosen by entropy" in said
    assert "1,797 already labelled" in said
    assert "Nothing was chosen: there is nothing to send. Why stands above." in said
    assert cards(page) == []
    assert "No reason was recorded." in words(page_of(cells, sample([])))


def test_a_picture_that_cannot_be_read_is_told_in_its_card(cells, batch_of, page_of):
    gone, changed, sound = batch_of(cells)
    gone = replace(gone, storage_uri=gone.storage_uri + "x")
    changed = replace(changed, storage_uri=sound.storage_uri)
    unknown = replace(sound, rank=4, image_id="0" * 64)
    page = page_of(cells, sample([gone, changed, sound, unknown]))
    told = [words(card) for card in cards(page)]
    assert told[0].startswith("The picture cannot be read: FileNotFoundError.")
    assert told[1].startswith("The file has changed since it was ingested.")
    assert told[2].startswith("3 entropy")
    assert told[3].startswith("The table of images has no such image any more.")
    assert len(pictures(page)) == 1


def test_bytes_that_are_no_picture_cost_only_their_picture(make_dataset, store_images, batch_of, page_of):
    dataset = make_dataset("cells")
    store_images(dataset, {"a.png": b"\x89PNG\r\n\x1a\nnothing", "b.png": encoded(photo(64, 48))})
    told = [words(card) for card in cards(page_of(dataset, sample(batch_of(dataset))))]
    assert told[0].startswith("The picture cannot be decoded:")
    assert told[1].startswith("2 entropy")


def test_a_large_image_is_shrunk_and_shown_upright(make_dataset, store_images, batch_of, page_of):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the upright image is 1,500 px high
    dataset = make_dataset("cells")
    store_images(dataset, {"a.jpg": encoded(photo(1500, 1000), "JPEG", exif=exif)}, size=(1000, 1500))
    page = page_of(dataset, sample(batch_of(dataset)))
    [shown] = pictures(page)
    assert shown.size == (427, 640)
    assert 'viewBox="0 0 1000 1500"' in page
    assert 'class="crisp"' not in page


def test_equal_input_makes_the_same_file_whatever_the_order_of_images_and_counts(cells, batch_of):
    images = batch_of(
        cells, probabilities={"a": 0.5, "b": 0.5}, boxes=[PredictedBox("b", 0.5, (1, 1, 9, 9)), PredictedBox("a", 0.5, (2, 1, 9, 9))]
    )
    left_out = [LeftOut("one", 1), LeftOut("two", 1)]
    counts = {"x": 3, "y": 3}
    there = sample(images, left_out=left_out, distributions=[Distribution("source", counts, {"x": 2, "y": 1})])
    turned = [replace(image, probabilities={"b": 0.5, "a": 0.5}, boxes=image.boxes[::-1]) for image in images[::-1]]
    back = Distribution("source", dict(reversed(counts.items())), {"y": 1, "x": 2})
    again = sample(turned, left_out=left_out[::-1], distributions=[back])
    uri = write_sample_report(cells, there)
    assert write_sample_report(cells, again) == uri
    assert write_sample_report(cells, replace(again, seed=8)) != uri
    assert f"/reports/sample_hard/{KEY}/" in uri


def test_a_report_keeps_within_its_bytes_and_spends_them_on_the_first(make_dataset, store_images, batch_of, page_of):
    dataset = make_dataset("cells")
    store_images(dataset, {f"{number:02}.png": encoded(photo(640, 480, number)) for number in range(12)}, size=(640, 480))
    page = page_of(dataset, sample(batch_of(dataset)), max_bytes=1_000_000)
    assert 500_000 < len(page.encode()) <= 1_000_000
    shown = ["Without picture" not in card for card in cards(page)]
    assert 1 < sum(shown) < 12
    assert shown == sorted(shown, reverse=True)


def test_only_so_many_pictures_are_read(cells, batch_of, page_of):
    page = page_of(cells, sample(batch_of(cells)), max_pictures=2)
    assert ["<image" in card for card in cards(page)] == [True, True, False]
    assert "this page holds pictures of the first images only" in cards(page)[2]


def test_a_huge_batch_with_endless_names_stays_within_its_bytes(cells, batch_of, page_of):
    [image, *_] = batch_of(cells)
    endless = '"<é' * 40_000
    box = PredictedBox(endless, 0.5, (1, 1, 9, 9))
    images = [
        replace(image, rank=rank, category=f"{rank}{endless}", strategy=f"{rank}{endless}", reasons=[endless] * 20, boxes=[box] * 3)
        for rank in range(1, 1_000)
    ]
    many = {f"{number}{'<' * 500}": 1 for number in range(2_000)}
    report = sample(images, notes=[endless] * 100, left_out=[LeftOut(endless, 1, endless)] * 100, numbers={endless: endless})
    report = replace(report, distributions=[Distribution(endless, many, many, dict.fromkeys(many, endless))] * 20, strategy=endless)
    page = page_of(cells, report, max_bytes=1_000_000)
    assert len(page.encode()) <= 1_000_000
    assert 0 < len(cards(page)) < 999
    assert f"Showing the first {len(cards(page)):,} of 999 images; the table “samples” has all." in words(page)


def test_cards_name_their_groups_by_places_in_the_data(cells, batch_of, page_of):
    first, second, third = batch_of(cells)
    page = page_of(cells, sample([first, replace(second, category=None), replace(third, strategy="exploration")]))
    [data] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    assert json.loads(data) == {"category": ["(no category)", "RBC"], "strategy": ["entropy", "exploration"]}
    assert re.findall(r'data-category="(\d)" data-strategy="(\d)"', page) == [("1", "0"), ("0", "0"), ("1", "1")]


def test_a_batch_over_several_partitions_names_them(cells, batch_of, page_of):
    first, second, _ = batch_of(cells)
    told = [words(card) for card in cards(page_of(cells, sample([first, replace(second, partition_key="2026-11-06")])))]
    assert [one.partition(".png ")[2] for one in told] == [f"partition {KEY}", "partition 2026-11-06"]


def test_images_of_several_partitions_are_found_in_theirs(make_dataset, store_images, batch_of, page_of):
    dataset = make_dataset("cells")
    batch = []
    for seed, key in enumerate(("2026-11-06", "2026-11-07")):
        store_images(dataset, {f"{key}.png": encoded(photo(64, 48, seed))})
        rows = dataset.images(partition_key=KEY)
        [image] = batch_of(dataset)
        batch.append(replace(image, rank=seed + 1, partition_key=key))
        dataset.replace_partition("images", key, rows.drop_columns(["partition_key"]))
    page = page_of(dataset, sample(batch))
    assert [shown.tobytes() for shown in pictures(page)] == [photo(64, 48, seed).tobytes() for seed in (0, 1)]
    assert [words(card).partition(".png ")[2] for card in cards(page)] == ["partition 2026-11-06", "partition 2026-11-07"]


def test_no_credentials_of_a_source_reach_the_page(cells, batch_of, page_of):
    secret = "https://user:hunter2@photos.example/a.png?X-Amz-Signature=hunter2"
    images = [replace(image, source_uri=secret) for image in batch_of(cells)]
    images.append(BatchImage(9, "0" * 64, secret, secret, 0.1, "s", None, [], KEY))
    assert "hunter2" not in page_of(cells, sample(images))
