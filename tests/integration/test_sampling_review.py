"""Reviews of samples from real tables: what came back, what was random, metrics, page and lineage."""

from __future__ import annotations

import hashlib
import io
import json
import re
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from PIL import Image
from project import PROJECT_ROOT

from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.report.location import read_report
from airflow_cv_dataops.core.sampling.review.review import review_sample
from airflow_cv_dataops.core.store.schema import arrow_schema

pytestmark = pytest.mark.integration

KEY = "2026-11-05"
NOW = datetime(2026, 11, 5, tzinfo=UTC)


def write(dataset, table: str, rows: list[dict[str, Any]], *, owner: str | None = None, key: str = KEY) -> None:
    names = {name for row in rows for name in row} or {arrow_schema(table).names[1]}
    schema = pa.schema([field for field in arrow_schema(table) if field.name in names])
    dataset.replace_partition(table, key, pa.Table.from_pylist(rows, schema), owner=owner)


def sampled(name: str, rank: int, strategy: str = "entropy", model: str = "m") -> dict[str, Any]:
    uri = f"s3://photos/{name}.png"
    return {
        "image_id": name,
        "source_uri": uri,
        "storage_uri": uri,
        "rank": rank,
        "score": 0.5,
        "strategy": strategy,
        "model": model,
        "seed": 1,
    }


def label(name: str, category: str | None, **more: Any) -> dict[str, Any]:
    task = "classification" if category else "background"
    made = {"annotation_id": f"label of {name}", "file_name": name, "task": task, "format": "csv", "source": "s3://l.csv"}
    return {**made, "image_id": name, "category": category, "source_uri": f"s3://photos/{name}.png"} | more


def output(name: str, category: str, **more: Any) -> dict[str, Any]:
    made = {"prediction_id": f"output of {name}", "image_id": name, "file_name": name, "task": "classification", "source": "s3://p.csv"}
    return {**made, "category": category, "score": 0.6, "source_uri": f"s3://photos/{name}.png"} | more


@pytest.fixture
def photos(make_dataset):
    """Sixty images with a picture each: of 30 chosen ones the model is wrong on 20, of 25 random ones on 5; 5 have no answer yet."""
    dataset = make_dataset("photos")
    images, ids = [], []
    for number in range(60):
        buffer = io.BytesIO()
        Image.new("RGB", (12, 9), (4 * number, 90, 120)).save(buffer, "PNG")
        data = buffer.getvalue()
        ids.append(hashlib.sha256(data).hexdigest())
        uri = dataset.objects().write(f"objects/{ids[-1]}.png", data)
        measured = {"bytes": len(data), "format": "PNG", "width": 12, "height": 9, "mode": "RGB", "frames": 1, "ingested_at": NOW}
        images.append(
            {"source_uri": f"s3://photos/{ids[-1]}.png", "image_id": ids[-1], "file_name": f"{number}.png", "storage_uri": uri, **measured}
        )
    write(dataset, "images", images)
    write(dataset, "predictions", [output(name, "cat") for name in ids], owner="m")
    chosen, random, late = ids[:30], ids[30:55], ids[55:]
    rows = [sampled(name, rank) for rank, name in enumerate([*chosen, *late], 1)]
    write(dataset, "samples", rows + [sampled(name, 35 + rank, "random") for rank, name in enumerate(random, 1)], owner="hard_examples")
    wrong = {*chosen[:19], *random[:5]}
    labels = [label(name, "dog" if name in wrong else "cat") for name in [*chosen[:19], *chosen[20:], *random]]
    write(dataset, "annotations", [*labels, label(chosen[19], None)], owner="round_2")
    return dataset


def numbers(dataset) -> dict[tuple[str, str | None], float]:
    rows = dataset.read("metrics", where="step = 'sampling_review:hard_examples'").to_pylist()
    return {(row["metric"], json.loads(row["dimensions"] or "{}").get("strategy")): row["value"] for row in rows}


def documented() -> set[str]:
    """Return the metrics that docs/metrics.md names."""
    rows = re.findall(r"^\| `sampling_review` \| (.*?) \|", (PROJECT_ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)} - {"strategy"}


def test_the_sample_is_compared_with_its_own_random_share(photos):
    result = review_sample(photos, KEY, recorded_at=NOW)
    summary = result.summary.to_dict()
    assert summary["counts"] == {
        "images": 60, "answered": 55, "unanswered": 5, "unclear": 0, "without_prediction": 0, "judged": 55, "wrong": 25,
        "judged_by_strategy": {"entropy": 30, "random": 25}, "wrong_by_strategy": {"entropy": 20, "random": 5},
    }  # fmt: skip
    assert summary["outcomes"] == {"entropy": "more"}
    assert summary["verdicts"][0].startswith("entropy: the model was wrong on 20 of 30 judged images (67%, 49 to 81%), 5 unanswered; ")
    found = numbers(photos)
    assert found["wrong_rate", "entropy"] == pytest.approx(20 / 30)
    assert found["wrong_rate", "random"] == pytest.approx(0.2)
    assert (
        found["wrong_rate_difference", "entropy"]
        == pytest.approx(summary["metrics"]["wrong_rate_difference.entropy"])
        == pytest.approx(7 / 15)
    )
    assert found["wrong_rate_ratio", "entropy"] == pytest.approx(10 / 3)
    assert ("wrong_rate_difference", "random") not in found
    assert result.failure is None


def test_a_rerun_leaves_the_same_numbers_and_the_same_page(photos):
    first, rows = review_sample(photos, KEY, recorded_at=NOW), photos.read("metrics")
    second = review_sample(photos, KEY, recorded_at=NOW)
    assert photos.read("metrics").equals(rows)
    assert second.summary.report_uri == first.summary.report_uri


def test_without_random_images_the_review_says_that_nobody_can_judge(photos):
    kept = [row for row in photos.read("samples").drop_columns(["partition_key", "sample_id"]).to_pylist() if row["strategy"] != "random"]
    write(photos, "samples", kept, owner="hard_examples")
    result = review_sample(photos, KEY)
    assert result.summary.details["outcomes"] == {"entropy": "not_judged"}
    assert "cannot be judged: the sample has no rows of strategy random" in result.summary.details["verdicts"][1]
    assert {name for name, _ in numbers(photos) if "difference" in name or "ratio" in name} == set()
    write(photos, "samples", [sampled(row["image_id"], n) for n, row in enumerate(kept[:25], 1)], owner="random_batch")
    compared = review_sample(photos, KEY, compared_with="random_batch")
    assert compared.summary.counts["judged_by_strategy"] == {"entropy": 30, "random_batch": 25}
    assert compared.summary.counts["judged"] == 30
    absent = review_sample(photos, KEY, compared_with="absent")
    assert "sample absent has no images in this partition" in absent.summary.details["verdicts"][1]


def test_only_the_named_label_sets_are_answers(photos):
    result = review_sample(photos, KEY, label_sets=["round_3"])
    assert result.summary.counts["unanswered"] == 60
    assert result.summary.details["outcomes"] == {"entropy": "not_judged"}
    assert ("wrong_rate", "entropy") not in numbers(photos)
    assert numbers(photos)["unanswered", "entropy"] == 35


def test_a_label_set_that_is_not_there_is_told(photos, caplog):
    """In log, summary and page, but no error: before the first labels come back none of their label set is there."""
    told = (
        f"There is no label of label set ruond_2 in partition {KEY} (label sets there: round_2): where only it has the answers, images "
        "count as unanswered. Import the labels, or check the spelling in label_sets."
    )
    summary = review_sample(photos, KEY, label_sets=["ruond_2"]).summary
    assert summary.details["verdicts"][-1] == told
    assert [record.levelname for record in caplog.records if record.getMessage() == told] == ["WARNING"]
    assert "no label of label set ruond_2" in read_report(photos, summary.report_uri).decode()
    with_one = review_sample(photos, KEY, label_sets=["round_2", "ruond_2"]).summary
    assert with_one.details["verdicts"][-1] == told
    assert with_one.details["outcomes"] == {"entropy": "more"}
    assert "label set" not in " ".join(review_sample(photos, KEY, label_sets=["round_2"]).summary.details["verdicts"])


def test_a_label_set_that_is_about_other_images_is_there(photos):
    write(photos, "annotations", [label("another image", "cat")], owner="round_3")
    summary = review_sample(photos, KEY, label_sets=["round_3"]).summary
    assert summary.counts["unanswered"] == 60
    assert not any("label set" in sentence for sentence in summary.details["verdicts"])


def test_a_label_that_comes_later_is_counted_by_the_next_run(photos):
    review_sample(photos, KEY)
    late = [row["image_id"] for row in photos.read("samples").sort_by("rank").to_pylist() if row["strategy"] == "entropy"][-5:]
    write(photos, "annotations", [label(name, "dog") for name in late], owner="round_3")
    assert review_sample(photos, KEY).summary.counts["wrong_by_strategy"] == {"entropy": 25, "random": 5}


def test_the_page_shows_what_the_model_got_wrong_and_runs_no_script(photos):
    write(photos, "annotations", [label(photos.read("samples")["image_id"][0].as_py(), "<script>alert(1)</script>")], owner="round_4")
    result = review_sample(photos, KEY, label_sets=["round_2"])
    page = read_report(photos, result.summary.report_uri).decode()
    assert page.count('class="card mistake"') == 25
    assert page.count("data:image/png;base64,") == 25
    assert "nothing there" in page
    assert "+47 points" in page
    shown = read_report(photos, review_sample(photos, KEY, label_sets=["round_4"], min_answered=1).summary.report_uri).decode()
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert" in shown


def test_evaluations_add_the_gain_of_as_many_labels_as_the_sample_has(photos):
    evaluations = [{"labels": 100 * 2**n, "value": 0.95 - 2**-n / 4} for n in range(5)]
    result = review_sample(photos, KEY, evaluations=evaluations)
    assert result.summary.details["gain"].startswith("60 more labels: from 0.934 to 0.9")
    found = numbers(photos)
    assert 0 < found["expected_gain_low", None] < found["expected_gain", None] < found["expected_gain_high", None]
    assert "What more labels would bring" in read_report(photos, result.summary.report_uri).decode()
    assert {name for name, _ in found} == {name for name in documented() if "_per_image" not in name}
    short = review_sample(photos, KEY, evaluations=evaluations[:2], report=None)
    assert "there are 2" in short.summary.details["gain"]
    assert ("expected_gain", None) not in numbers(photos)


def test_a_detector_is_judged_by_its_boxes(photos):
    ids = [row["image_id"] for row in photos.read("samples").sort_by("rank").to_pylist()]
    box = {"x": 1, "y": 1, "width": 5, "height": 5}
    write(photos, "predictions", [output(name, "cat", task="detection", bbox=box) for name in ids[:30]], owner="m")
    labels = [label(name, "dog" if n < 10 else "cat", task="detection", bbox=box) for n, name in enumerate(ids)]
    write(photos, "annotations", labels, owner="round_2")
    summary = review_sample(photos, KEY).summary
    # Of the 35 chosen 10 are confused, and 5 without any prediction missed; of the 25 random ones the model saw none.
    assert summary.counts["wrong_by_strategy"] == {"entropy": 15, "random": 25}
    assert summary.details["outcomes"] == {"entropy": "fewer"}
    found = numbers(photos)
    assert found["confusions_per_image", "entropy"] == pytest.approx(10 / 35)
    assert found["misses_per_image", "random"] == found["errors_per_image", "random"] == 1
    difference = found["errors_per_image_difference", "entropy"]
    assert difference == pytest.approx(15 / 35 - 1) == summary.metrics["errors_per_image_difference.entropy"]
    assert found["errors_per_image_difference_high", "entropy"] < 0
    assert {name for name, _ in found} | {"wrong_rate_ratio"} == documented() - {"expected_gain", "expected_gain_low", "expected_gain_high"}
    page = read_report(photos, summary.report_uri).decode()
    assert 'class="box suggested"' in page
    assert "−0.57 an image" in page
    assert "0.4 times as many errors an image as at random" in page


def test_the_lineage_names_what_was_read_and_the_metrics(photos):
    lineage = review_sample(photos, KEY).lineage
    assert lineage.step == "sampling_review"
    assert [use.table for use in lineage.inputs] == ["samples", "images", "annotations", "predictions"]
    assert [(use.table, use.owner) for use in lineage.outputs] == [("metrics", "sampling_review:hard_examples")]
    assert lineage.facts["judged"] == {"entropy": 30, "random": 25}


def test_what_cannot_be_reviewed_is_said(photos, caplog):
    empty = review_sample(photos, KEY, sample_id="absent")
    assert empty.summary.counts["images"] == 0
    assert "samples there: hard_examples" in caplog.text
    with pytest.raises(ConfigurationError, match="Model 'other', by which"):
        review_sample(photos, KEY, model="other")
    with pytest.raises(DatasetNotFoundError):
        review_sample(photos, "2026-11-06")
    name = photos.read("samples")["image_id"][0].as_py()
    write(photos, "samples", [sampled(name, 1), sampled(name, 2, model="n")], owner="two")
    with pytest.raises(ConfigurationError, match="several models: m, n"):
        review_sample(photos, KEY, sample_id="two")
    with pytest.raises(ConfigurationError, match="is the sample itself"):
        review_sample(photos, KEY, compared_with="hard_examples")
