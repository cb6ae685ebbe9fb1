"""How often the model was wrong, by strategy, beside what was drawn at random; in numbers and in words.

Of a detector the errors per image decide: with many objects an image it is wrong on nearly all images, those drawn at random as well, so
that the share of wrong images could show no difference however many more errors a sample has found.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_cv_dataops.core import wording
from airflow_cv_dataops.core.intervals import Counted, Interval, difference_interval, mean_difference_interval, wilson_interval
from airflow_cv_dataops.core.metrics import Metric
from airflow_cv_dataops.core.sampling.review.verdicts import RIGHT, UNANSWERED, UNCLEAR, WITHOUT_PREDICTION, WRONG, Verdicts

if TYPE_CHECKING:
    import numpy as np

RANDOM = "random"
MORE, FEWER, NO_DIFFERENCE, NOT_JUDGED = "more", "fewer", "no_difference", "not_judged"
_MANY_UNANSWERED = 0.2
_UNKNOWN = Interval(math.nan, math.nan, math.nan)
_KINDS = ("misses", "false_positives", "confusions")


@dataclass(frozen=True)
class Group:
    """Images that were chosen in one way.

    :param name: the strategy, or the other sample. :param images: how many. :param unanswered: nobody has labelled them yet.
    :param unclear: their labels contradict each other or cannot be compared. :param without_prediction: the model has not seen them.
    :param errors: of a detector: misses, false positives and confusions per judged image.
    :param errors_variance: of a detector: of all errors of an image, between judged images; NaN at fewer than two.
    """

    name: str
    images: int
    unanswered: int
    unclear: int
    without_prediction: int
    right: int
    wrong: int
    min_answered: int
    errors: Mapping[str, float] = field(default_factory=dict)
    errors_variance: float = math.nan

    @property
    def answered(self) -> int:
        return self.images - self.unanswered

    @property
    def judged(self) -> int:
        return self.right + self.wrong

    @property
    def is_judged(self) -> bool:
        """Whether enough images could be judged for a rate to say anything."""
        return self.judged >= self.min_answered

    @property
    def wrong_rate(self) -> Interval:
        """The share of judged images on which the model was wrong, with Wilson's interval; NaN where too few were judged."""
        if not self.is_judged:
            return _UNKNOWN
        return Interval(self.wrong / self.judged, *wilson_interval(self.wrong, self.judged))

    @property
    def errors_counted(self) -> Counted:
        """All errors of a detector on judged images."""
        return Counted(self.judged, sum(self.errors.values()), self.errors_variance)

    @property
    def errors_per_image(self) -> Interval:
        """The errors of a detector per judged image, with the interval of the mean; NaN where too few were judged, and of a classifier."""
        return self.errors_counted.interval() if self.errors and self.is_judged else _UNKNOWN


@dataclass(frozen=True)
class Comparison:
    """One strategy beside what was drawn at random. :param baseline: ``None``: there is nothing of that kind."""

    group: Group
    baseline: Group | None

    @property
    def difference(self) -> Interval:
        """The strategy's wrong rate less the random one's, -1 to 1, with Newcombe's interval; NaN where one of them is not judged."""
        if self.baseline is None or not (self.group.is_judged and self.baseline.is_judged):
            return _UNKNOWN
        return difference_interval(self.group.wrong, self.group.judged, self.baseline.wrong, self.baseline.judged)

    @property
    def errors_difference(self) -> Interval:
        """The strategy's errors per image less the random ones'; NaN where one of them is not judged, and of a classifier."""
        if self.baseline is None or not (self.group.errors_per_image.is_known and self.baseline.errors_per_image.is_known):
            return _UNKNOWN
        return mean_difference_interval(self.group.errors_counted, self.baseline.errors_counted)

    @property
    def is_of_detector(self) -> bool:
        """Whether errors were counted, image by image."""
        return bool(self.group.errors or (self.baseline is not None and self.baseline.errors))

    @property
    def deciding(self) -> Interval:
        """The difference that makes the verdict: of a detector that of errors per image, else that of wrong rates."""
        return self.errors_difference if self.is_of_detector else self.difference

    @property
    def ratio(self) -> float:
        """How many times as often the model was wrong; NaN where it is not judged, or was never wrong at random."""
        if not self.difference.is_known or self.baseline is None or not self.baseline.wrong:
            return math.nan
        return self.group.wrong_rate.expected / self.baseline.wrong_rate.expected

    @property
    def errors_ratio(self) -> float:
        """How many times as many errors an image has; NaN where that is not judged, or random ones have none."""
        if not self.errors_difference.is_known or self.baseline is None or not self.baseline.errors_per_image.expected:
            return math.nan
        return self.group.errors_per_image.expected / self.baseline.errors_per_image.expected

    @property
    def why_not_judged(self) -> str:
        """Say why there is no difference; empty where there is one."""
        if self.baseline is None:
            return "no images drawn at random"
        # Of a single image's errors nobody knows how far images differ.
        least = max(self.group.min_answered, 2) if self.is_of_detector else self.group.min_answered
        few = " and ".join(group.name for group in (self.group, self.baseline) if group.judged < least)
        return f"{few} {'have' if ' and ' in few else 'has'} fewer than {least:,} judged images" if few else ""

    @property
    def outcome(self) -> str:
        found = self.deciding
        if not found.is_known:
            return NOT_JUDGED
        return MORE if found.low > 0 else FEWER if found.high < 0 else NO_DIFFERENCE

    def in_words(self) -> str:
        """Return the comparison as a sentence."""
        if self.baseline is None:
            return f"{_told(self.group)}; whether that is more often than at random nobody can say: there are no images drawn at random."
        both = f"{_told(self.group)}; {_told(self.baseline)}"
        if not self.deciding.is_known:
            return f"{both}; not judged: {self.why_not_judged}."
        found, counted = self.difference, self.errors_difference
        difference = f"{points(found.expected)} points ({points(found.low)} to {points(found.high)})"
        more, fewer = "the model wrong more often than", "the model wrong less often than"
        if self.is_of_detector:
            errors = f"{signed(counted.expected)} errors an image ({signed(counted.low)} to {signed(counted.high)})"
            difference = f"{errors}, of the share of wrong images {difference}"
            more, fewer = "more errors of the model than", "fewer errors of the model than"
        verdict = {
            MORE: f"{self.group.name} found {more} chance did",
            FEWER: f"{self.group.name} found {fewer} chance did",
            NO_DIFFERENCE: "no difference shown" + (" in errors an image" if self.is_of_detector else ""),
        }[self.outcome]
        return f"{both}; difference {difference}: {verdict}.{self._caution()}"

    def _caution(self) -> str:
        groups = [group for group in (self.group, self.baseline) if group is not None]
        late = [group.name for group in groups if group.unanswered > _MANY_UNANSWERED * group.images]
        return (
            f" Many images of {' and '.join(late)} have no answer yet; those that were answered first may be the easier ones."
            if late
            else ""
        )


def comparisons(
    strategies: Sequence[str], places: np.ndarray, baseline: np.ndarray | None, baseline_name: str, verdicts: Verdicts, *, min_answered: int
) -> list[Comparison]:
    """Compare the strategies of a sample, sorted, each with the baseline.

    :param strategies: of each row of the sample. :param places: of each row its image in ``verdicts``.
    :param baseline: images of the other sample that it is compared with; ``None``: the sample's own rows of strategy ``random``.
    """
    import numpy as np

    names = np.asarray(strategies, dtype=object)
    compared = [name for name in sorted(set(strategies)) if name != RANDOM or baseline is not None]
    if baseline is None:
        own = places[names == RANDOM]
        other = group_of(RANDOM, own, verdicts, min_answered) if len(own) else None
    else:
        other = group_of(baseline_name, baseline, verdicts, min_answered) if len(baseline) else None
    return [Comparison(group_of(name, places[names == name], verdicts, min_answered), other) for name in compared]


def group_of(name: str, places: np.ndarray, verdicts: Verdicts, min_answered: int) -> Group:
    """Count a group. :param places: of its images in ``verdicts``."""
    import numpy as np

    state = verdicts.state[places]
    counts = np.bincount(state, minlength=WRONG + 1).tolist()
    judged = places[state >= RIGHT]
    errors, variance = {}, math.nan
    if verdicts.errors is not None and len(judged):
        errors = {kind: float(getattr(verdicts.errors, kind)[judged].mean()) for kind in _KINDS}
        variance = float(verdicts.errors.total[judged].var(ddof=1)) if len(judged) > 1 else math.nan
    return Group(
        name=name,
        images=len(places),
        unanswered=counts[UNANSWERED],
        unclear=counts[UNCLEAR],
        without_prediction=counts[WITHOUT_PREDICTION],
        right=counts[RIGHT],
        wrong=counts[WRONG],
        min_answered=min_answered,
        errors=errors,
        errors_variance=variance,
    )


def groups_of(found: Sequence[Comparison]) -> list[Group]:
    """Return the strategies' groups, then the one that they are compared with."""
    return [comparison.group for comparison in found] + [other for comparison in found[:1] if (other := comparison.baseline) is not None]


def metrics_of(groups: Sequence[Group], found: Sequence[Comparison]) -> Iterator[Metric]:
    """Yield what is kept of a review; what is not judged has no row."""
    for group in groups:
        of = {"strategy": group.name}
        for name in ("images", "answered", "unanswered", "unclear", "without_prediction", "judged", "wrong"):
            yield Metric(name, getattr(group, name), of)
        yield from _with_interval("wrong_rate", group.wrong_rate, of)
        yield from _with_interval("errors_per_image", group.errors_per_image, of)
        if group.is_judged:
            yield from (Metric(f"{kind}_per_image", value, of) for kind, value in group.errors.items())
    for comparison in found:
        of = {"strategy": comparison.group.name}
        yield from _with_interval("wrong_rate_difference", comparison.difference, of)
        yield Metric("wrong_rate_ratio", comparison.ratio, of)
        yield from _with_interval("errors_per_image_difference", comparison.errors_difference, of)
        yield Metric("errors_per_image_ratio", comparison.errors_ratio, of)


def gain_metrics(gain: Interval) -> Iterator[Metric]:
    yield from _with_interval("expected_gain", gain, {})


def _with_interval(name: str, interval: Interval, dimensions: Mapping[str, str]) -> Iterator[Metric]:
    yield Metric(name, interval.expected, dimensions)
    yield Metric(f"{name}_low", interval.low, dimensions)
    yield Metric(f"{name}_high", interval.high, dimensions)


def _told(group: Group) -> str:
    """Return ``entropy: the model was wrong on 42 of 90 judged images (47%, 37 to 57%)``."""
    rate = group.wrong_rate
    share = f" ({percent(rate.expected)}%, {percent(rate.low)} to {percent(rate.high)}%)" if rate.is_known else ""
    errors = group.errors_per_image
    made = f" and made {errors.expected:.2f} errors an image ({errors.low:.2f} to {errors.high:.2f})" if errors.is_known else ""
    waiting = f", {group.unanswered:,} unanswered" if group.unanswered else ""
    unclear = f", {group.unclear:,} unclear (labels that disagree or cannot be compared)" if group.unclear else ""
    return f"{group.name}: the model was wrong on {group.wrong:,} of {group.judged:,} judged images{share}{made}{waiting}{unclear}"


def percent(share: float) -> str:
    """Return what :func:`.wording.percent` does without its sign, which an interval has once."""
    return wording.percent(share).removesuffix("%")


def points(difference: float) -> str:
    """Return percentage points with their sign; 0 has none."""
    return _with_sign(round(100 * difference), 0)


def signed(difference: float) -> str:
    """Return a number of errors with its sign; 0 has none."""
    return _with_sign(round(difference, 2), 2)


def _with_sign(number: float, places: int) -> str:
    return f"{'+' if number > 0 else '−' if number < 0 else ''}{abs(number):.{places}f}"
