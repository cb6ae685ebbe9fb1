"""Schema: values that were never there before, and values that always were and are not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from airflow_cv_dataops.core.health.checks import KINDS
from airflow_cv_dataops.core.health.look import Look
from airflow_cv_dataops.core.health.profile import LabelProfile
from airflow_cv_dataops.core.health.tally import Tally
from airflow_cv_dataops.core.health.verdict import Verdict

_FEW = 8
_NAMED_BY_SIZE = 20


def judge_schema(look: Look) -> Iterator[Verdict]:
    """Yield for each kind of value what is new and what has vanished, of labels by label set."""
    with_images = [profile for profile in look.profiles if profile.images]
    for kind in KINDS:
        before = [profile.kinds.get(kind, Tally()) for profile in with_images]
        yield from _judge(look, kind, look.profile.kinds.get(kind, Tally()), before, {}, "images", is_there=look.profile.images > 0)
    for name in label_sets(look):
        now = look.profile.labels.get(name)
        sets = [profile.labels[name] for profile in look.profiles if name in profile.labels]
        for kind in ("category", "label_format"):
            tally = Tally() if now is None else _tally(now, kind)
            before = [_tally(one, kind) for one in sets]
            yield from _judge(look, kind, tally, before, {"label_set": name}, "labels", is_there=now is not None)
        yield _label_set(look, name, len(sets), is_there=now is not None)


def _label_set(look: Look, name: str, times: int, *, is_there: bool) -> Verdict:
    """Judge whether a label set that is always there is: where no label has come at all, freshness tells."""
    check, facts = "vanished_label_set", {"dimensions": {"label_set": name}}
    with_labels = sum(bool(profile.labels) for profile in look.profiles)
    if is_there:
        return look.holds(check, "it is there", **facts)
    if not look.profile.labels:
        return look.not_judged(check, "no label set is there; unlabelled_ratio says whether that is usual", **facts)
    if with_labels < look.fewest:
        return look.not_judged(check, f"{with_labels} partitions before it have labels; {look.fewest} are needed", **facts)
    message = f"{times} of the {with_labels} partitions before it that have labels have it"
    if times >= look.threshold(check, "presence") * with_labels:
        return look.breach(check, f"it is not there, and {message}", **facts)
    return look.holds(check, f"it is not there: {message}", **facts)


def label_sets(look: Look) -> list[str]:
    """Return those of the partition and those that half of the trailing partitions have."""
    counted: dict[str, int] = {}
    for profile in look.profiles:
        for name in profile.labels:
            counted[name] = counted.get(name, 0) + 1
    return sorted(look.profile.labels.keys() | {name for name, times in counted.items() if times * 2 > len(look.profiles)})


def _tally(labels: LabelProfile, kind: str) -> Tally:
    return labels.categories if kind == "category" else labels.formats


def _judge(
    look: Look, kind: str, now: Tally, before: Sequence[Tally], dimensions: Mapping[str, str], what: str, *, is_there: bool
) -> Iterator[Verdict]:
    words, facts = kind.replace("_", " "), {"dimensions": dimensions}
    filled = [tally for tally in before if tally.total]
    why = None
    if not now.total:
        why = f"no {words} is known of the partition's {what}"
    elif len(filled) < look.fewest:
        why = f"{len(filled)} partitions before it have {words} values; {look.fewest} are needed"
    for check, judged in ((f"new_{kind}", _new), (f"vanished_{kind}", _vanished)):
        if check not in look.checks:
            continue
        if judged is _vanished and (lost := _lost(look, check, words, now, filled, before, is_there)):
            yield look.breach(check, f"{lost} of the partition's {what}", expected="0 vanished", **facts)
        else:
            yield look.not_judged(check, why, **facts) if why else judged(look, check, words, now, filled, dimensions)


def _lost(look: Look, check: str, words: str, now: Tally, filled: Sequence[Tally], before: Sequence[Tally], is_there: bool) -> str | None:
    """Say that nothing is known where there are rows, and something was of the partitions before; ``None``: it is not so."""
    if now.total or not is_there or len(filled) < look.fewest or len(filled) < look.threshold(check, "presence") * len(before):
        return None
    return f"no {words} is known, as it is in {len(filled)} of {len(before)} partitions before it,"


def _new(look: Look, check: str, words: str, now: Tally, before: Sequence[Tally], dimensions: Mapping[str, str]) -> Verdict:
    """Values of which no trailing partition has any; where new ones are nothing new, only more of them than usual."""
    seen = {name for tally in before for name in tally.counts}
    new = [name for name in now.counts if name not in seen]
    share = sum(now.counts[name] for name in new) / now.total
    facts = {"value": float(len(new)), "dimensions": dimensions}
    # Beyond the bound nobody knows what there was, or is.
    unknown = now.other_names or (new and any(tally.other_names for tally in before))
    if "covered" in look.checks.thresholds[check] and (why := _of_any_size(look, check, before)):
        return look.not_judged(check, f"{len(new)} {words}s of {share:.0%} of the images are new, but {why}", **facts)
    usual = _usual_number(before)
    if new and not unknown and len(new) > usual and share > look.threshold(check, "share"):
        counted = ", ".join(f"{name} ({now.counts[name]:,})" for name in new[:_FEW]) + _and_more(new)
        return look.breach(
            check, f"new {words}, in none of {len(before)} partitions before it: {counted}", expected=_expected(usual), **facts
        )
    if unknown:
        why = f"there are {now.distinct:,} {words} values, more than a profile names: whether one of the rest is new is not known"
        return look.not_judged(check, why, **facts)
    note = f"{len(new)} are, of {share:.1%}: no more than may be" if new else "none is"
    return look.holds(check, f"of {now.distinct:,} {words} values new in the window: {note}", expected=_expected(usual), **facts)


def _expected(usual: int) -> str:
    return f"at most {usual} new"


def _usual_number(before: Sequence[Tally]) -> int:
    """Return how many new values the partitions of the window's second half brought: the most but for one, and half as many again."""
    seen: set[str] = set()
    brought = []
    for tally in before:
        brought.append(len(tally.counts.keys() - seen))
        seen |= tally.counts.keys()
    later = sorted(brought[len(brought) // 2 :])
    # Where most partitions bring none, one that does is news.
    return 0 if later[len(later) // 2] == 0 else round(later[-2] * 1.5) if len(later) > 1 else later[0]


def _of_any_size(look: Look, check: str, before: Sequence[Tally]) -> str | None:
    """Say that images come in so many sizes that a new one is nothing; ``None``: they come in few."""
    pooled: dict[str, int] = {}
    for tally in before:
        for name, count in tally.counts.items():
            pooled[name] = pooled.get(name, 0) + count
    total = sum(tally.total for tally in before)
    named = sum(sorted(pooled.values(), reverse=True)[:_NAMED_BY_SIZE])
    if named >= look.threshold(check, "covered") * total:
        return None
    return f"images come in {len(pooled):,} sizes, the {_NAMED_BY_SIZE} most frequent of {named / total:.0%} of them"


def _vanished(look: Look, check: str, words: str, now: Tally, before: Sequence[Tally], dimensions: Mapping[str, str]) -> Verdict:
    """Values that about every trailing partition has, and of which there should be many among so many rows."""
    from statistics import median

    always = [name for name, times in _presence(before).items() if times >= look.threshold(check, "presence") * len(before)]
    absent = [name for name in always if not now.may_hold(name)]
    expected = {name: now.total * median(tally.counts.get(name, 0) / tally.total for tally in before) for name in absent}
    gone = sorted((name for name in absent if expected[name] >= look.threshold(check, "expected")), key=lambda name: -expected[name])
    facts = {"value": float(len(gone)), "dimensions": dimensions}
    if gone:
        counted = ", ".join(f"{name} (some {expected[name]:,.0f} expected)" for name in gone[:_FEW]) + _and_more(gone)
        return look.breach(check, f"{words} that is always there, and is not: {counted}", expected="0 vanished", **facts)
    if now.other_names and any(name not in now.counts for name in always):
        return look.not_judged(check, f"there are {now.distinct:,} {words} values, more than a profile names", **facts)
    return look.holds(check, f"of {len(always):,} {words} values that are always there none has vanished", **facts)


def _presence(before: Sequence[Tally]) -> dict[str, int]:
    times: dict[str, int] = {}
    for tally in before:
        for name in tally.counts:
            times[name] = times.get(name, 0) + 1
    return times


def _and_more(names: Sequence[str]) -> str:
    return f" and {len(names) - _FEW:,} more" if len(names) > _FEW else ""
