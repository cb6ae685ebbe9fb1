"""Verdicts on profiles that are made by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_cv_dataops import ConfigurationError, Dataset
from airflow_cv_dataops.core.health.checks import checks_to_run
from airflow_cv_dataops.core.health.freshness import judge_freshness
from airflow_cv_dataops.core.health.health import check_health
from airflow_cv_dataops.core.health.look import AgeLimits, Look
from airflow_cv_dataops.core.health.novelty import judge_schema
from airflow_cv_dataops.core.health.outcome import breach_of
from airflow_cv_dataops.core.health.partitions import Partitions
from airflow_cv_dataops.core.health.profile import LabelProfile, Profile
from airflow_cv_dataops.core.health.tally import Tally
from airflow_cv_dataops.core.health.verdict import Verdict

CAME = datetime(2026, 11, 5, 6, tzinfo=UTC)
KEYS = [f"2026-10-{day:02}" for day in range(1, 31)]
CATEGORIES = {"car": 300, "bus": 100}


def profile(
    categories: Mapping[str, int] = CATEGORIES, sizes: Mapping[str, int] | None = None, *, labelled: int = 100, came: datetime = CAME
) -> Profile:
    total = sum(categories.values())
    labels = LabelProfile(total, 0, labelled, came + timedelta(hours=3), Tally.of(categories), Tally.of({"coco": total}))
    waiting = came if labelled < 100 else None
    kinds = {"image_size": Tally.of(sizes or {"100x50": 100})}
    return Profile(100, labelled, came, waiting, waiting, kinds, labels={"default": labels} if labelled else {})


def look(now: Profile, before: Sequence[Profile], *, as_of: datetime = CAME, limits: AgeLimits | None = None, **options: Any) -> Look:
    return Look(
        dataset=None,  # type: ignore[arg-type]  # these pillars read nothing more
        key="2026-11-05",
        as_of=as_of,
        partitions=Partitions({}),
        keys=KEYS[: len(before)],
        profile=now,
        profiles=before,
        checks=checks_to_run((), {}, options.get("thresholds", {})),
        limits=limits or AgeLimits(),
        window=56,
        fewest=14,
        metrics=options.get("metrics", []),
    )


def schema(now: Profile, before: Sequence[Profile]) -> dict[str, Verdict]:
    return {verdict.check: verdict for verdict in judge_schema(look(now, before))}


def freshness(now: Profile, before: Sequence[Profile], **options: Any) -> dict[str, Verdict]:
    return {verdict.check: verdict for verdict in judge_freshness(look(now, before, **options))}


def test_a_new_category_is_told_with_its_name_and_number():
    verdict = schema(profile({**CATEGORIES, "tram": 3}), [profile()] * 30)["new_category"]
    assert (verdict.outcome, verdict.value, verdict.dimensions) == ("breach", 1, {"label_set": "default"})
    assert "tram (3)" in verdict.message


def test_where_every_day_brings_new_categories_a_few_more_are_no_news():
    names = [{f"species_{number}": 5 for number in range(3 * day, 3 * day + 300)} for day in range(31)]
    usual = schema(profile(names[30]), [profile(one) for one in names[:30]])["new_category"]
    assert usual.outcome == "holds"
    many = schema(profile({f"odd_{number}": 5 for number in range(50)}), [profile(one) for one in names[:30]])["new_category"]
    assert many.outcome == "breach"


def test_beyond_the_bound_nobody_claims_that_a_category_is_new_or_gone():
    bounded = Tally({f"c{number}": 9 for number in range(20)}, others=50, other_names=10)
    before = [profile() for _ in range(30)]
    before = [replace(one, labels={"default": replace(one.labels["default"], categories=bounded)}) for one in before]
    assert schema(profile({**{f"c{number}": 9 for number in range(20)}, "tram": 3}), before)["new_category"].outcome == "not_judged"
    now = replace(before[0], labels={"default": replace(before[0].labels["default"], categories=Tally({"c0": 9}, 400, 30))})
    judged = schema(now, before)
    assert (judged["new_category"].outcome, judged["vanished_category"].outcome) == ("not_judged", "not_judged")


@pytest.mark.parametrize(("now", "outcome"), [({"car": 300}, "breach"), ({"car": 20}, "holds")])
def test_a_category_has_vanished_only_where_there_should_be_some(now: dict[str, int], outcome: str):
    assert schema(profile(now), [profile()] * 30)["vanished_category"].outcome == outcome


def test_another_size_is_news_only_where_images_come_in_few_sizes():
    one_size, other = [profile()] * 30, profile(sizes={"200x100": 100})
    assert schema(other, one_size)["new_image_size"].outcome == "breach"
    assert schema(profile(sizes={"100x50": 98, "9x9": 2}), one_size)["new_image_size"].outcome == "holds"
    photos = [profile(sizes={f"{day}x{number}": 1 for number in range(100)}) for day in range(30)]
    assert schema(other, photos)["new_image_size"].outcome == "not_judged"


def test_unlabelled_images_are_stale_when_labels_usually_come_sooner():
    before = [profile(came=CAME - timedelta(days=30 - day)) for day in range(30)]
    stale = freshness(profile(labelled=20), before, as_of=CAME + timedelta(hours=18))["unlabelled_ratio"]
    assert (stale.outcome, stale.value) == ("breach", 0.8)
    # Labels that take three days: on the first day nothing is late.
    slow = [replace(one, labels={"default": replace(one.labels["default"], newest=one.newest_image + timedelta(days=3))}) for one in before]
    assert freshness(profile(labelled=0), slow, as_of=CAME + timedelta(hours=18))["unlabelled_ratio"].outcome == "holds"
    assert freshness(profile(labelled=0), slow, as_of=CAME + timedelta(days=4))["unlabelled_ratio"].outcome == "breach"


def test_ages_are_judged_by_limits_alone_and_are_never_below_zero():
    open_ended = freshness(profile(), [], as_of=CAME - timedelta(days=3))
    assert (open_ended["newest_image_age"].outcome, open_ended["newest_image_age"].value) == ("not_judged", 0)
    limits = AgeLimits(max_image_age_hours=24, max_label_age_hours=24, max_unlabelled_hours=24, max_unlabelled_ratio=0.1)
    late = freshness(profile(labelled=50), [], as_of=CAME + timedelta(days=3), limits=limits)
    assert {verdict.outcome for verdict in late.values()} == {"breach"}
    assert late["newest_label_age"].value == 69
    nothing = freshness(profile(labelled=0), [], as_of=CAME + timedelta(days=3), limits=limits)["newest_label_age"]
    assert (nothing.outcome, "no label" in nothing.message) == ("breach", True)


def test_without_labelled_at_the_time_of_the_import_is_told():
    now = profile()
    now = replace(now, labels={"default": replace(now.labels["default"], newest=None)})
    step = {"partition_key": "2026-11-05", "step": "label_import:default", "metric": None, "recorded_at": CAME + timedelta(hours=1)}
    limits = AgeLimits(max_label_age_hours=1)
    verdict = freshness(now, [], as_of=CAME + timedelta(hours=3), limits=limits, metrics=[step])["newest_label_age"]
    assert (verdict.outcome, verdict.value) == ("breach", 2)
    assert "import" in verdict.message


def test_the_message_stays_short_and_has_the_worst_first():
    verdicts = [Verdict("schema", "new_category", "breach", "warning", "x\n" * 500)] * 9
    verdicts.append(Verdict("volume", "image_count", "breach", "error", "half"))
    breach = breach_of("signs", "2026-11-05", verdicts)
    assert breach is not None
    lines = breach.message.splitlines()
    assert (len(lines), lines[1]) == (6, "error image_count: half")
    assert max(map(len, lines)) <= 240
    assert breach_of("signs", "2026-11-05", []) is None


@pytest.mark.parametrize(
    "options",
    [
        {"disabled": ["voluume"]},
        {"disabled": "volume"},
        {"severities": {"image_count": "fatal"}},
        {"thresholds": {"image_count": {"scoore": 1}}},
        {"thresholds": {"image_count": {"score": float("nan")}}},
        {"window": 10},
        {"min_history": 2},
        {"max_image_age_hours": float("nan")},
        {"max_unlabelled_ratio": 2},
        {"on_findings": "cry"},
    ],
)
def test_an_argument_that_cannot_be_used_is_an_error(make_dataset: Callable[..., Dataset], options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        check_health(make_dataset(made=True), "2026-11-05", **options)
