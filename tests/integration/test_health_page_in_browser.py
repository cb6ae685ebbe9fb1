"""The page of a partition's health in a real browser: wide and narrow, light and dark, and nothing on the console."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import keep_screenshot
from health_data import SHARES, as_of, days, key_of, write

from airflow_cv_dataops import check_health, open_dataset, promote_dataset
from airflow_cv_dataops.core.health.report import health_page
from airflow_cv_dataops.core.health.verdict import Verdict
from airflow_cv_dataops.core.metrics import Metric, write_metrics
from airflow_cv_dataops.core.store.objects import local_path
from airflow_cv_dataops.core.trends.dates import time_of
from airflow_cv_dataops.core.trends.releases import ReleaseMark
from airflow_cv_dataops.core.trends.trends import Series, Trends

pytestmark = [
    pytest.mark.integration,
    pytest.mark.browser,
    pytest.mark.once(reason="what a browser makes of a page does not depend on Airflow's version"),
]

DAYS = [(date(2026, 10, 1) + timedelta(days=number)).isoformat() for number in range(60)]
MISSING = frozenset(DAYS[number] for number in (17, 18, 41))
WEEK = np.array([1.0, 1.05, 1.02, 0.98, 1.1, 0.45, 0.35])
HOSTILE = "<img src=x onerror=alert(1)>"


def trends() -> Trends:
    """Sixty days with a weekly rhythm, three of them missing, four releases, and a last day that is out of the ordinary."""
    random = np.random.default_rng(7)
    rhythm = np.array([WEEK[date.fromisoformat(day).weekday()] for day in DAYS])

    def about(mean: float, spread: float, last: float, *, weekly: bool = False, whole: bool = False) -> np.ndarray:
        values = np.abs(mean * (rhythm if weekly else 1.0) * (1 + spread * random.standard_normal(len(DAYS))))
        values = np.round(values) if whole else values
        values[-1] = last
        values[[DAYS.index(day) for day in MISSING]] = math.nan
        return values

    audits = about(0.021, 0.15, 0.087)
    audits[20:23] = math.nan
    numbers = [
        ("ingest", "images", about(4_200, 0.06, 1_180, weekly=True, whole=True)),
        ("ingest", "reject_ratio", about(0.012, 0.3, 0.011)),
        ("label_import:default", "annotations", about(26_000, 0.05, 3_100, weekly=True, whole=True)),
        ("health", "unlabelled_ratio", about(0.04, 0.25, 0.31)),
        ("audit:label_audit", "label_error_rate", audits),
        ("contract:annotations", "success_ratio", np.minimum(about(0.997, 0.002, 0.91), 1.0)),
        ("health", "breaches", np.round(about(0.4, 0.9, 4))),
        ("health", "image_count_score", about(0.8, 0.5, 8.4)),
    ]
    releases = [
        ("v1", ("staging", "production"), 7),
        ("v2", ("staging",), 23),
        ("v3", ("staging", "production"), 26),
        ("v4", ("staging",), 48),
    ]
    marks = [
        ReleaseMark(name, stages, number, datetime.fromisoformat(DAYS[place]).replace(hour=9, tzinfo=UTC), DAYS[place])
        for number, (name, stages, place) in enumerate(releases, start=1)
    ]
    series = [Series(step, metric, values, [None] * len(DAYS)) for step, metric, values in numbers]
    return Trends("traffic_signs", tuple(DAYS), tuple(map(time_of, DAYS)), MISSING, tuple(series), tuple(marks))


VERDICTS = (
    Verdict(
        "freshness", "newest_image_age", "holds", "error", "The newest image is 2.1 hours old, of at most 24.", 2.1, "at most 24 hours"
    ),
    Verdict(
        "freshness", "newest_label_age", "holds", "error", "The newest label is 3.4 hours old, of at most 48.", 3.4, "at most 48 hours"
    ),
    Verdict("freshness", "unlabelled_ratio", "breach", "warning", "31.0% of the images have no label.", 0.31, "at most 20%", 6.2),
    Verdict(
        *("volume", "image_count", "breach", "error"),
        "1,180 images came, 20% fewer than on Sundays before.",
        *(1180, "1,390 to 1,560 images", -8.4),
    ),
    Verdict("volume", "annotation_count", "breach", "warning", "3,100 labels came.", 3100, "8,700 to 9,900 labels", -7.9),
    Verdict("volume", "missing_partition", "holds", "error", "The partition has images, as on every day."),
    Verdict("schema", "new_category", "holds", "warning", "No category is new."),
    Verdict("schema", "new_image_format", "holds", "warning", "All images are JPEG, as always."),
    Verdict(
        *("distribution", "category_shares", "breach", "info"),
        "19.2% of the labels are of this category.",
        *(0.192, "9.1% to 12.4%", 4.1, {"category": f"stop {HOSTILE}"}),
    ),
    Verdict("distribution", "box_sizes", "holds", "warning", "Boxes are as large as usual."),
    Verdict(
        *("distribution", "image_measures", "not_judged", "warning"),
        "Only 4 of the partitions before have been measured: at least 8 are needed.",
    ),
    Verdict("lineage", "unaudited", "not_judged", "warning", "No release holds the partition yet, and no audit has looked at it."),
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    page: Path = tmp_path_factory.mktemp("health") / "health.html"
    page.write_bytes(health_page("traffic_signs", DAYS[-1], VERDICTS, trends(), recorded_at=datetime(2026, 11, 30, 4, 12, tzinfo=UTC)))
    return page.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_wide_page_shows_five_pillars_in_a_row_and_charts_side_by_side(look: Any, address: str, scheme: str) -> None:
    with look(address, size=(1300, 1500), scheme=scheme) as page:
        tops = {round(box["y"]) for pillar in page.locator(".pillar").all() if (box := pillar.bounding_box())}
        assert (page.locator(".pillar").count(), len(tops)) == (5, 1)
        assert page.locator(".pillar .state").all_inner_texts() == ["In breach", "In breach", "Holds", "In breach", "Not judged"]
        assert page.locator(".broken").first.inner_text().startswith("error")
        assert HOSTILE in page.locator(".broken.info").inner_text()
        assert page.locator("figure").count() == 8
        assert page.locator("circle.current").count() == 8
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_labels_of_releases_do_not_touch_each_other(look: Any, address: str) -> None:
    with look(address, size=(1300, 1500)) as page:
        labels = page.locator("figure").first.locator("text.mark")
        boxes = [label.bounding_box() for label in labels.all()]
        assert labels.all_text_contents() == ["v1 production", "v2 staging", "v3 production", "v4 staging"]
        for number, one in enumerate(boxes):
            for other in boxes[number + 1 :]:
                apart = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
                assert apart or abs(one["y"] - other["y"]) >= 10


def test_a_narrow_page_has_one_column_and_nothing_beyond_its_edge(look: Any, address: str) -> None:
    with look(address, size=(420, 900), scheme="dark") as page:
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        lefts = {round(box["x"]) for part in page.locator(".pillar, figure, .broken").all() if (box := part.bounding_box())}
        assert len(lefts) == 1
        page.locator("summary").click()
        assert page.locator("details table").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_page_of_a_day_on_which_much_is_wrong(look: Any, tmp_path: Path) -> None:
    """Half as many images as on other days, a third of them labelled, and trams, which nobody has labelled before."""
    dataset = open_dataset("traffic_signs", home=str(tmp_path))

    def wrong(day: Any) -> None:
        day.images, day.labelled, day.shares = day.images // 2, 0.35, {**SHARES, "tram": 0.1}

    made = days(5, 45, d44=wrong)
    random = np.random.default_rng(5)
    for first, last, stages in (
        (0, 9, ("staging", "production")),
        (9, 24, ("staging",)),
        (24, 38, ("staging", "production")),
        (38, 45, ()),
    ):
        write(dataset, made[first:last], seed=first, first=first)
        for day in range(first, last):
            images = made[day].images
            numbers = {"images": images, "reject_ratio": float(random.uniform(0.004, 0.012))}
            write_metrics(dataset, key_of(day), "ingest", [Metric(*one) for one in numbers.items()], as_of(day))
            rate = 0.16 if day == 44 else float(random.uniform(0.018, 0.026))
            write_metrics(dataset, key_of(day), "audit:label_audit", [Metric("label_error_rate", rate)], as_of(day))
            result = check_health(dataset, key_of(day), as_of=as_of(day), recorded_at=as_of(day), on_findings="warn")
        for stage in stages:
            promote_dataset(dataset, stage=stage, gates=["images >= 100"])
    assert result.summary.report_uri is not None
    with look(Path(local_path(result.summary.report_uri)).as_uri(), size=(1300, 1500)) as page:
        broken = page.locator(".broken").all_inner_texts()
        assert [name for name in ("image_count", "unlabelled_ratio", "new_category") if not any(name in text for text in broken)] == []
        assert page.locator("text.mark").count() > 0
        keep_screenshot("dataset-health", page.screenshot(full_page=True))
