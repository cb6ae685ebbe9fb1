"""Distribution: do images and labels look as they do in the trailing partitions?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from airflow_cv_dataops.core.health.distances import as_counts, shape_distance
from airflow_cv_dataops.core.health.histograms import IMAGE_BINS, LABEL_BINS, Bins
from airflow_cv_dataops.core.health.look import Look
from airflow_cv_dataops.core.health.novelty import label_sets
from airflow_cv_dataops.core.health.tally import Tally
from airflow_cv_dataops.core.health.verdict import Verdict

_MOST_CATEGORIES = 50
_FEW = 3
_OTHERS = "(others)"
_LABEL_CHECKS = {"boxes_per_image": "boxes_per_image", "box_size": "box_sizes"}


def judge_distribution(look: Look) -> Iterator[Verdict]:
    """Yield for each measure, and of labels by label set, how far the partition is from the trailing ones."""
    if "image_measures" in look.checks:
        is_there, with_images = (
            look.profile.images >= look.threshold("image_measures", "fewest"),
            [one for one in look.profiles if one.images],
        )
        for measure, bins in IMAGE_BINS.items():
            before = [profile.histograms.get(measure, ()) for profile in with_images]
            yield _histogram(
                look,
                "image_measures",
                measure,
                bins,
                look.profile.histograms.get(measure, ()),
                before,
                {"measure": measure},
                is_there=is_there,
            )
    for name in label_sets(look):
        now, dimensions = look.profile.labels.get(name), {"label_set": name}
        sets = [profile.labels[name] for profile in look.profiles if name in profile.labels]
        if "category_shares" in look.checks:
            yield _categories(look, Tally() if now is None else now.categories, [one.categories for one in sets], dimensions)
        is_there = now is not None and sum(now.histograms.get("boxes_per_image", ())) > 0
        for measure, check in _LABEL_CHECKS.items():
            if check in look.checks:
                histogram = () if now is None else now.histograms.get(measure, ())
                before = [one.histograms.get(measure, ()) for one in sets]
                yield _histogram(look, check, measure, LABEL_BINS[measure], histogram, before, dimensions, is_there=is_there)


def _histogram(
    look: Look,
    check: str,
    measure: str,
    bins: Bins,
    now: Sequence[int],
    before: Sequence[Sequence[int]],
    dimensions: Mapping[str, str],
    *,
    is_there: bool,
) -> Verdict:
    def change(rows: Sequence[Sequence[int]]) -> str:
        medians = bins.median(now), bins.median([sum(column) for column in zip(*rows, strict=True)])
        middle, usual = ("none" if median is None else f"{median:.3g}" for median in medians)
        return f"median about {middle}, usually {usual} ({bins.unit})"

    return _judge(look, check, measure.replace("_", " "), now, before, change, dimensions, is_there=is_there)


def _categories(look: Look, now: Tally, before: Sequence[Tally], dimensions: Mapping[str, str]) -> Verdict:
    """Compare the shares of the most frequent categories, and of all others together."""
    pooled: dict[str, float] = {}
    for tally in before:
        for name, count in tally.counts.items():
            pooled[name] = pooled.get(name, 0) + count / max(tally.total, 1)
    usual = sorted(pooled, key=lambda name: (-pooled[name], name))[:_MOST_CATEGORIES]
    names = list(dict.fromkeys([*usual, *list(now.counts)[:_MOST_CATEGORIES]]))

    def counted(tally: Tally) -> list[int]:
        counts = [tally.counts.get(name, 0) for name in names]
        return [*counts, tally.total - sum(counts)]

    def change(rows: Sequence[Sequence[int]]) -> str:
        counts, sums = counted(now), [sum(column) for column in zip(*rows, strict=True)]
        shares = [
            (count / sum(counts), total / sum(sums), name) for count, total, name in zip(counts, sums, [*names, _OTHERS], strict=True)
        ]
        most = sorted(shares, key=lambda share: -abs(share[0] - share[1]))[:_FEW]
        return ", ".join(f"{name} {found:.0%}, usually {was:.0%}" for found, was, name in most)

    return _judge(
        look, "category_shares", "categories", counted(now), [counted(tally) for tally in before], change, dimensions, is_there=False
    )


def _judge(
    look: Look,
    check: str,
    what: str,
    now: Sequence[int],
    before: Sequence[Sequence[int]],
    change: Callable[[Sequence[Sequence[int]]], str],
    dimensions: Mapping[str, str],
    *,
    is_there: bool,
) -> Verdict:
    fewest = look.threshold(check, "fewest")
    filled = [row for row in before if sum(row) >= fewest]
    always = len(filled) >= look.fewest and len(filled) >= look.threshold(check, "presence") * len(before)
    if not sum(now) and is_there and always:
        why = f"{what}: no value, where {len(filled)} of {len(before)} partitions before it have them"
        return look.breach(check, why, value=0.0, expected=f"at least {fewest:,.0f} values", dimensions=dimensions)
    if sum(now) < fewest:
        return look.not_judged(check, f"{what}: {sum(now):,} values; {fewest:,.0f} are needed", dimensions=dimensions)
    if len(filled) < look.fewest:
        why = f"{what}: {len(filled)} partitions before it have at least {fewest:,.0f} values; {look.fewest} are needed"
        return look.not_judged(check, why, dimensions=dimensions)
    found = shape_distance(as_counts([now])[0], as_counts(filled))
    least = max(look.threshold(check, "distance"), look.threshold(check, "excess") * found.habit)
    facts = {"value": found.distance, "expected": f"<= {least:.2f}", "score": found.score, "dimensions": dimensions}
    if found.distance > least and not found.is_chance and found.score > look.threshold(check, "score"):
        return look.breach(check, f"{what}: {change(filled)}; distance {found.distance:.2f}, usually {found.habit:.2f} at most", **facts)
    return look.holds(check, f"{what} as usual: distance {found.distance:.2f}, usually {found.habit:.2f} at most", **facts)
