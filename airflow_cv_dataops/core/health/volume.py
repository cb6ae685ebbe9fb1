"""Volume: is there as much as there usually is?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from airflow_cv_dataops.core.health.look import Look
from airflow_cv_dataops.core.health.season import Slot, season_of, slots_before, usually_empty
from airflow_cv_dataops.core.health.verdict import Verdict
from airflow_cv_dataops.core.health.volume_score import NotEnough, volume_score
from airflow_cv_dataops.core.store.partition_time import key_at, moment_of, step_of

STEP = "health"
_MOST_GAP = 31
_FEW = 5
_LABELLED_AS_USUAL = 0.9


def judge_volume(look: Look) -> Iterator[Verdict]:
    """Yield whether the partition is there, which before it are not, and how unusual its counts are."""
    counts = {key: look.partitions.rows(look.partitions.leading, key) for key in look.keys}
    slots = slots_before(look.key, counts, look.window)
    is_there = look.partitions.is_there(look.key)
    yield _missing(look, slots, is_there)
    yield _missing_before(look, slots)
    images = {key: look.partitions.rows("images", key) for key in look.keys}
    if not is_there:
        yield look.not_judged("image_count", "there is no image; missing_partition says whether there should be", value=0.0)
        return
    yield _count(look, "image_count", images, look.partitions.rows("images", look.key), "images")
    yield _annotations(look)
    for model in sorted({file.owner or "" for file in look.partitions.files_of("predictions", look.key)} | _models_before(look)):
        by_key = {key: _predictions(look, key, model) for key in look.keys}
        found = _predictions(look, look.key, model)
        yield _count(look, "prediction_count", by_key, found, f"predictions of {model}", dimensions={"model": model})


def _missing(look: Look, slots: list[Slot], is_there: bool) -> Verdict:
    if is_there:
        return look.holds("missing_partition", "the partition is there")
    season = season_of(look.key)
    if usually_empty(slots, season):
        return look.holds("missing_partition", f"there is nothing, as on most {season} before it", value=0.0)
    what = "no image" if look.partitions.leading == "images" else "no label"
    usual = f"; {sum(slot.count > 0 for slot in slots)} of the {len(slots)} partitions before it have some" if slots else ""
    return look.breach("missing_partition", f"there is {what} in the partition{usual}", value=0.0, expected="at least 1")


def _missing_before(look: Look, slots: list[Slot]) -> Verdict:
    """Tell of what nobody was there to tell: slots right before the partition of which no run of health has a word."""
    check, step, moment = "missing_partition_before", step_of(look.key), moment_of(look.key)
    if step is None or moment is None:
        return look.not_judged(check, "its key is no day or hour: nobody knows which partition should come before it")
    if not look.keys:
        return look.not_judged(check, "there is no partition before it")
    missing = []
    for slot in reversed(slots[-_MOST_GAP:]):
        if slot.count:
            break
        missing.append(slot)
    told = [slot for slot in missing if usually_empty(slots, slot.season) or STEP in look.steps_of(slot.key)]
    untold = [slot.key for slot in reversed(missing) if slot not in told]
    if not untold:
        return look.holds(check, "no partition is missing right before it that nobody has told of", value=0.0)
    return look.breach(check, f"nothing in {_in_short(untold)}, and health never ran there", value=float(len(untold)), expected="0")


def keys_to_ask(key: str) -> list[str]:
    """Return the keys of the slots before a partition, of which a run of health may have left word."""
    step, moment = step_of(key), moment_of(key)
    if step is None or moment is None or moment - moment.min.replace(tzinfo=moment.tzinfo) < timedelta(days=_MOST_GAP + 1):
        return []
    return [key_at(moment - step * back, key) for back in range(1, _MOST_GAP + 1)]


def _annotations(look: Look) -> Verdict:
    """Judge how many labels there are only where they have come: of those that have not, freshness tells."""
    profile, check = look.profile, "annotation_count"
    ratios = sorted(one.labelled / one.images for one in look.profiles if one.images)
    usual = ratios[len(ratios) // 2] if ratios else 0.0
    if profile.images and profile.labelled / profile.images < usual * _LABELLED_AS_USUAL:
        why = f"{profile.labelled:,} of {profile.images:,} images are labelled so far; unlabelled_ratio says whether that is usual"
        return look.not_judged(check, why, value=float(profile.annotations))
    return _count(
        look,
        check,
        {key: one.annotations for key, one in zip(look.keys, look.profiles, strict=True)},
        profile.annotations,
        "labels",
    )


def _count(
    look: Look, check: str, counts: Mapping[str, int], found: int, what: str, dimensions: Mapping[str, str] | None = None
) -> Verdict:
    facts = {"value": float(found), "dimensions": dimensions or {}}
    score = volume_score(slots_before(look.key, counts, look.window), season_of(look.key), found, fewest=look.fewest)
    if isinstance(score, NotEnough):
        return look.not_judged(check, f"{found:,} {what}: {score.why}", **facts)
    facts |= {"expected": f"about {score.expected:,.0f}", "score": score.score}
    least = 1 - look.threshold(check, "change")
    matters = score.ratio < least or score.ratio * least > 1
    message = f"{found:,} {what}, {score.ratio:.0%} of the {score.expected:,.0f} that are usual (score {score.score:+.1f})"
    if abs(score.score) > look.threshold(check, "score") and matters:
        return look.breach(check, message, **facts)
    return look.holds(check, message, **facts)


def _models_before(look: Look) -> set[str]:
    """Return the models that most of the trailing partitions have predictions of."""
    counted: dict[str, int] = {}
    for key in look.keys:
        for model in {file.owner or "" for file in look.partitions.files_of("predictions", key)}:
            counted[model] = counted.get(model, 0) + 1
    return {model for model, partitions in counted.items() if partitions * 2 > len(look.keys)}


def _predictions(look: Look, key: str, model: str) -> int:
    return sum(file.rows for file in look.partitions.files_of("predictions", key) if file.owner == model)


def _in_short(keys: list[str]) -> str:
    return ", ".join(keys[:_FEW]) + (f" and {len(keys) - _FEW} more" if len(keys) > _FEW else "")
