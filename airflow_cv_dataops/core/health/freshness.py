"""Freshness: how old are the newest image and label, how many images wait for a label, and for how long?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from airflow_cv_dataops.core.health.look import Look
from airflow_cv_dataops.core.health.profile import Profile
from airflow_cv_dataops.core.health.verdict import Verdict
from airflow_cv_dataops.core.metrics import LABEL_IMPORT

_HOUR_SECONDS = 3600
_USUAL = 0.95


def judge_freshness(look: Look) -> Iterator[Verdict]:
    """Yield the ages, and what is unlabelled, beside what people allow or what is usual."""
    yield _image_age(look)
    yield _label_age(look)
    yield _unlabelled_ratio(look)
    yield _unlabelled_wait(look)


def newest_label(look: Look) -> tuple[datetime | None, str]:
    """Return when the newest label was made; where no label says so, when labels were last imported. And which of the two it is."""
    if (at := look.profile.newest_label) is not None:
        return at, "by labeled_at"
    return max(look.steps_of(look.key, LABEL_IMPORT).values(), default=None), "by the time of the import, as no label says when it was made"


def _image_age(look: Look) -> Verdict:
    check, limit, newest = "newest_image_age", look.limits.max_image_age_hours, look.profile.newest_image
    if newest is None:
        return look.not_judged(check, "there is no image")
    age = look.hours_since(newest)
    return _age(look, check, age, limit, f"the newest image came {_before(age, look.as_of)}")


def _label_age(look: Look) -> Verdict:
    check, limit = "newest_label_age", look.limits.max_label_age_hours
    newest, clock = newest_label(look)
    if newest is not None and look.profile.labels:
        age = look.hours_since(newest)
        return _age(look, check, age, limit, f"the newest label came {_before(age, look.as_of)} ({clock})")
    if look.profile.labels:
        why = "no label says when it was made, and no import has recorded when it ran"
        return look.not_judged(check, why) if limit is None else look.breach(check, why, expected=f"<= {limit:g} h")
    waits = look.profile.oldest_unlabelled
    if waits is None or limit is None:
        return look.not_judged(check, "there is no label")
    # Nothing is labelled: no label is newer than images that have waited for so long.
    age = look.hours_since(waits)
    return _age(look, check, age, limit, f"there is no label, and images have been there for {_in_words(age)}")


def _unlabelled_wait(look: Look) -> Verdict:
    check, limit, profile = "unlabelled_wait", look.limits.max_unlabelled_hours, look.profile
    if not profile.images:
        return look.not_judged(check, "there is no image")
    if profile.oldest_unlabelled is None or profile.median_unlabelled is None:
        return look.holds(check, "every image has a label", value=0.0)
    oldest, median = look.hours_since(profile.oldest_unlabelled), look.hours_since(profile.median_unlabelled)
    waiting = profile.images - profile.labelled
    message = f"{waiting:,} images have no label, the oldest for {_in_words(oldest)}, half of them for {_in_words(median)}"
    return _age(look, check, oldest, limit, message)


def _age(look: Look, check: str, hours: float, limit: float | None, message: str) -> Verdict:
    if limit is None:
        return look.not_judged(check, f"{message}; no limit is set", value=hours)
    facts = {"value": hours, "expected": f"<= {limit:g} h"}
    return look.breach(check, message, **facts) if hours > limit else look.holds(check, message, **facts)


def _unlabelled_ratio(look: Look) -> Verdict:
    check, limit, profile = "unlabelled_ratio", look.limits.max_unlabelled_ratio, look.profile
    if not profile.images or profile.newest_image is None:
        return look.not_judged(check, "there is no image")
    ratio = profile.unlabelled_ratio
    found = f"{profile.images - profile.labelled:,} of {profile.images:,} images have no label ({ratio:.0%})"
    if limit is not None:
        facts = {"value": ratio, "expected": f"<= {limit:g}"}
        return look.breach(check, found, **facts) if ratio > limit else look.holds(check, found, **facts)
    age = look.hours_since(profile.newest_image)
    usual = _usual_ratios(look, age)
    if len(usual) < look.fewest:
        why = f"{found}: when labels came is known of {len(usual)} partitions before it; {look.fewest} are needed"
        return look.not_judged(check, why, value=ratio)
    worst = sorted(usual)[min(int(_USUAL * len(usual)), len(usual) - 1)]
    facts = {"value": ratio, "expected": f"at most {worst:.0%}, as before"}
    message = f"{found}; {_in_words(age)} after they came it is usually {worst:.0%} at most"
    return look.breach(check, message, **facts) if ratio > worst + look.threshold(check, "change") else look.holds(check, message, **facts)


def _usual_ratios(look: Look, age: float) -> list[float]:
    """Return what share of the images of each trailing partition had no label when its images were as old as the partition's are now.

    Labels that come a few hours later are taken for as prompt: steps of one run follow one another.
    """
    ratios = []
    for key, profile in zip(look.keys, look.profiles, strict=True):
        if not profile.images or profile.newest_image is None:
            continue
        if not profile.labelled:
            ratios.append(1.0)
            continue
        came = _labels_came(look, key, profile)
        if came is None:
            continue
        lag = (came - profile.newest_image).total_seconds() / _HOUR_SECONDS
        ratios.append(profile.unlabelled_ratio if lag <= age + look.threshold("unlabelled_ratio", "grace_hours") else 1.0)
    return ratios


def _labels_came(look: Look, key: str, profile: Profile) -> datetime | None:
    """Return when the labels were there: when they were imported, or else when the newest was made."""
    return max(look.steps_of(key, LABEL_IMPORT).values(), default=profile.newest_label)


def _in_words(hours: float) -> str:
    return f"{hours:,.1f} h" if hours < 72 else f"{hours / 24:,.1f} days"


def _before(hours: float, moment: datetime) -> str:
    return f"{_in_words(hours)} before {_moment(moment)}" if hours else f"after {_moment(moment)}"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M %Z}"
