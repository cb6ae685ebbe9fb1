"""The page of a partition's health says what holds, what does not, and what nobody knows."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from unit.core.trends.trend_rows import NOW, write_images, write_numbers, write_releases

from airflow_cv_dataops.core.health.pillars import pillar_states
from airflow_cv_dataops.core.health.report import health_page, write_health_report
from airflow_cv_dataops.core.health.verdict import PILLARS, Verdict
from airflow_cv_dataops.core.report.limits import ReportLimits
from airflow_cv_dataops.core.report.location import read_report
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.trends.trends import Trends

NASTY = '</script><script>alert(1)</script>"><img src=x onerror=alert(1)>\u202e\x00'
NOTHING = Trends("digits")


def verdict(pillar: str = "volume", outcome: str = "holds", severity: str = "error", message: str = "as usual", **more: object) -> Verdict:
    return Verdict(pillar, "image_count", outcome, severity, message, **more)  # type: ignore[arg-type]


def pillars(page: str) -> list[tuple[str, str, str]]:
    """Return class, name and state of each pillar, with its counts."""
    found = re.findall(r'<li class="pillar ([\w -]+)">.*?<h2>(\w+)</h2><p class="state">([\w ]+)</p>', page)
    return [(name, style, state) for style, name, state in found]


def test_five_pillars_say_their_state_and_one_that_nobody_asked_about_does_not_hold() -> None:
    verdicts = [
        verdict("freshness"),
        verdict("volume", "breach", "warning"),
        verdict("volume", "breach", "error"),
        verdict("volume"),
        verdict("schema", "not_judged"),
        verdict("distribution"),
        verdict("distribution", "not_judged"),
    ]
    assert pillars(health_page("digits", "2026-11-05", verdicts, NOTHING).decode()) == [
        ("Freshness", "holds", "Holds"),
        ("Volume", "breach error", "In breach"),
        ("Schema", "not-judged", "Not judged"),
        ("Distribution", "partly", "Holds"),
        ("Lineage", "not-judged", "Not judged"),
    ]
    assert [state.pillar for state in pillar_states([verdict("cost")])] == [*PILLARS, "cost"]


def test_what_is_in_breach_comes_first_with_how_much_and_what_was_expected() -> None:
    verdicts = [
        verdict(),
        verdict(outcome="not_judged", message="only 3 partitions before this one"),
        verdict(outcome="breach", severity="warning", message="the lesser one"),
        verdict(outcome="breach", message="1,180 came", value=1180.0, expected="4,010 to 4,690 images", score=-8.43),
    ]
    page = health_page("digits", "2026-11-05", verdicts, NOTHING, recorded_at=datetime(2026, 11, 6, 4, 12, tzinfo=UTC)).decode()
    order = ["1,180 came", "the lesser one", "Could not be judged", "only 3 partitions before this one", "1 check holds", "Trends"]
    assert [page.index(text) for text in order] == sorted(page.index(text) for text in order)
    counted = health_page("digits", "p", [verdict(outcome="breach", value=1180)], NOTHING).decode()
    assert "<dd>1,180</dd>" in counted, "counts are whole numbers, which know no is_integer before Python 3.12"
    for text in ("<dd>1,180</dd>", "4,010 to 4,690 images", "−8.4 σ", "2026-11-06 04:12 UTC", "1 of 4 checks hold", "2 are in breach"):
        assert text in page


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        ([], "Nothing was looked at: that is no clean bill."),
        ([verdict()], "1 of 1 checks hold, none is in breach."),
        ([verdict(), verdict(outcome="not_judged")], "1 of 2 checks hold, none is in breach, 1 could not be judged."),
    ],
)
def test_the_first_sentence_says_it_all(verdicts: list[Verdict], words: str) -> None:
    assert f'<p class="verdict">{words}</p>' in health_page("digits", "p", verdicts, NOTHING).decode()


def test_no_text_becomes_an_element_and_nothing_is_loaded() -> None:
    odd = Verdict("volume", NASTY, "breach", "error", NASTY, float("nan"), NASTY, float("inf"), {NASTY: NASTY})
    page = health_page(NASTY, NASTY, [odd, verdict(outcome="not_judged", message=NASTY)], NOTHING).decode()
    assert "<img" not in page
    assert page.count("<script") == 2
    [style] = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; script-src 'sha256-{base64.b64encode(hashlib.sha256(b'').digest()).decode()}'; " in page
    assert f"style-src 'sha256-{digest}'" in page
    assert "url(" not in style


def test_a_page_with_trends_and_releases_is_written_once(make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset()
    snapshots = [write_images(dataset, f"2026-11-0{day}") for day in (1, 2, 3)]
    for day in (1, 2, 3, 5):
        write_numbers(dataset, f"2026-11-0{day}", "ingest", images=day, reject_ratio=0.25)
        write_numbers(dataset, f"2026-11-0{day}", "contract:annotations", success_ratio=1.0)
    write_releases(
        dataset,
        {"release": "v1", "stage": NASTY, "images": snapshots[1]},
        {"release": "v2", "stage": "staging", "images": "99"},
    )
    uri = write_health_report(dataset, "2026-11-05", [verdict()], recorded_at=NOW)
    page = read_report(dataset, uri).decode()
    assert write_health_report(dataset, "2026-11-05", [verdict()], recorded_at=NOW) == uri
    for title in ("Images · ingest", "Reject ratio · ingest", "Success ratio · contract:annotations"):
        assert f"<figcaption>{title}</figcaption>" in page
    assert page.count('class="current"') == 3
    assert "1 partition is missing" in page
    assert page.count('<path class="mark"') == 3
    assert "unknown: it holds no image, or its snapshot is gone" in page
    assert page.count("<script") == 2


def test_a_page_that_would_be_too_large_leaves_out_charts_and_says_so(
    make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = make_dataset()
    names = [f"number_{number}" for number in range(40)]
    write_numbers(dataset, "2026-11-05", "ingest", **dict.fromkeys(names, 1.0))
    page = read_report(dataset, write_health_report(dataset, "2026-11-05", [], metrics=names)).decode()
    assert page.count("<figure>") == 24
    assert "Left out: ingest/number_24, " in page
    monkeypatch.setattr(ReportLimits, "__post_init__", lambda self: None)
    small = read_report(dataset, write_health_report(dataset, "2026-11-05", [], metrics=names, limits=ReportLimits(max_bytes=25_500)))
    assert (len(small) <= 25_500, small.count(b"<figure>")) == (True, 6)
