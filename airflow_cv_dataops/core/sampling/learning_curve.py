"""How good a model would be with more labels: a power law through what it reached at several label counts, and how sure one can be of it.

The law is ``v(n) = a - b n^-c`` (inverse power law: Cortes et al., NIPS 1993; Figueroa et al., BMC Medical Informatics 2012; Hestness et
al., arXiv 1712.00409), of an error ``v(n) = a + b n^-c``. A handful of points says little about three numbers, so no single curve is drawn
through them: all curves are weighed by how well they fit, on a grid, and an interval is where 95 % of the weight lies. What that weighing
takes for granted before it sees a point is in :mod:`~airflow_cv_dataops.core.sampling.curve_draws`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.arguments import check_whole_number
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.intervals import Interval
from airflow_cv_dataops.core.sampling.curve_draws import Draws, weigh_curves
from airflow_cv_dataops.core.sampling.evaluations import Evaluation

if TYPE_CHECKING:
    import numpy as np

LEAST_COUNTS = 3
FAR = 4
FARTHEST, FARTHEST_ON_AVERAGE = 5, 2
_ADVICE = (
    "Give evaluations of one model trained to the end, or, where trainings differ by more than their standard errors or images say, leave "
    "those out."
)
_UNKNOWN = Interval(math.nan, math.nan, math.nan)


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """What a model reaches by its number of labels; without an estimate every interval is NaN, and ``reason`` says why there is none.

    :param points: what was measured, by labels, then value.
    :param higher_is_better: whether values are to rise (accuracy, mAP) or to fall (an error).
    :param reason: why there is no estimate, for people; empty where there is one.
    :param asymptote: what no number of such labels would exceed. :param exponent: how steep the curve is, ``c`` of the law.
    """

    points: tuple[Evaluation, ...]
    higher_is_better: bool
    reason: str
    asymptote: Interval = _UNKNOWN
    exponent: Interval = _UNKNOWN
    _draws: Draws | None = field(default=None, repr=False)

    @property
    def labels(self) -> int:
        """The largest label count that was measured; 0 without any."""
        return max((point.labels for point in self.points), default=0)

    def value(self, labels: int) -> Interval:
        """Return what the model would reach with so many labels, averaged over many trainings. :raises ConfigurationError: fewer than 1."""
        check_whole_number("labels", labels, 1)
        return _UNKNOWN if self._draws is None else self._interval(self._draws.values(labels))

    def measured(self, labels: int) -> Interval:
        """Return what a single evaluation would show: wider than :meth:`value` by the noise of one training and one test set."""
        check_whole_number("labels", labels, 1)
        return _UNKNOWN if self._draws is None else self._interval(self._draws.measured(labels))

    def gain(self, next_labels: int) -> Interval:
        """Return by how much the value would get better with so many more labels than were measured last; at least 0."""
        check_whole_number("next_labels", next_labels, 1)
        if self._draws is None:
            return _UNKNOWN
        return Interval.of_draws(self._draws.values(self.labels + next_labels) - self._draws.values(self.labels))

    def labels_for(self, target: float) -> Interval:
        """Return how many labels in all it takes to reach a value; an end that is infinite says that it may never be reached.

        ``expected`` is infinite where that is more likely than not.
        """
        wanted = self._sign * target
        return _UNKNOWN if self._draws is None else Interval.of_draws(self._draws.labels_for(wanted))

    def is_far(self, labels: int) -> bool:
        """Say whether so many labels are more than 4 times as many as were ever measured: then the law itself is in doubt."""
        return labels > FAR * self.labels

    @property
    def has_not_bent(self) -> bool:
        """Say whether the values get better faster with each doubling of the labels: few labels, which are not yet on a power law."""
        import numpy as np

        if len({point.labels for point in self.points}) < LEAST_COUNTS + 1:
            return False
        values = [self._sign * point.value for point in self.points]
        return bool(np.polyfit(np.log([point.labels for point in self.points]), values, 2)[0] > 0)

    def in_words(self, next_labels: int) -> str:
        """Return the expected value after so many more labels as a sentence, or why there is none."""
        if self._draws is None:
            return f"No estimate of what {next_labels:,} more labels would bring: {self.reason}"
        now, then = self.value(self.labels), self.value(self.labels + next_labels)
        gain, last = self.gain(next_labels), fmean(point.value for point in self.points if point.labels == self.labels)
        places = 3 if abs(then.expected - now.expected) < 0.01 else 2
        told = (
            f"{next_labels:,} more labels: from {now.expected:.{places}f} to {then.expected:.{places}f} "
            f"(95% interval {then.low:.{places}f} to {then.high:.{places}f}), better by {gain.low:.{places}f} to {gain.high:.{places}f}"
        )
        # The curve is the mean of many trainings; the last of them may have been a lucky one.
        if f"{last:.{places}f}" != f"{now.expected:.{places}f}":
            told += f" (by the curve: what was measured at {self.labels:,} labels is {last:.{places}f})"
        far = f"; {FAR} times as many labels as were ever measured and more: the curve may not hold so far out"
        steep = "; so far the values rise faster with each doubling of the labels, which no power law does: it may tell too little"
        return told + (far if self.is_far(self.labels + next_labels) else "") + (steep if self.has_not_bent else "") + "."

    @property
    def _sign(self) -> int:
        return 1 if self.higher_is_better else -1

    def _interval(self, draws: np.ndarray) -> Interval:
        return Interval.of_draws(self._sign * draws)


def learning_curve(evaluations: Iterable[Evaluation], *, higher_is_better: bool = True, best: float | None = None) -> LearningCurve:
    """Estimate a learning curve. The same points give the same curve, in whatever order they are.

    A curve is told only where it goes through the points: at every label count within 5 times the noise of what was measured there, and
    within 2 times on average (root mean square), where the noise is what the points and their standard errors say of it, together.

    :param evaluations: of one model on test sets that stay as they are; several of one label count may stand side by side.
    :param higher_is_better: whether values are to rise (accuracy, mAP) or to fall (an error).
    :param best: the best value that there can be; default: 1, of an error 0.
    :raises ConfigurationError: a value is better than ``best``.
    """
    points = tuple(sorted(evaluations, key=lambda point: (point.labels, point.value, point.standard_error or 0)))
    sign = 1 if higher_is_better else -1
    best = (1.0 if higher_is_better else 0.0) if best is None else float(best)
    for point in points:
        if sign * point.value > sign * best:
            raise ConfigurationError(
                f"An evaluation at {point.labels:,} labels has the value {point.value:g}, better than the best that there can be "
                f"({best:g}): give shares from 0 to 1, or say what is best."
            )
    if reason := _no_estimate(points, sign):
        return LearningCurve(points, higher_is_better, reason)
    draws = weigh_curves(
        [point.labels for point in points],
        [sign * point.value for point in points],
        [point.standard_error for point in points],
        best=sign * best,
    )
    if draws is None:
        return LearningCurve(points, higher_is_better, f"the points do not lie on any power law. {_ADVICE}")
    if reason := _off_the_law(points, draws, sign):
        return LearningCurve(points, higher_is_better, reason)
    return LearningCurve(
        points, higher_is_better, "", Interval.of_draws(sign * draws.asymptote), Interval.of_draws(draws.exponent), _draws=draws
    )


def expected_gain(
    evaluations: Iterable[Evaluation], next_labels: int, *, higher_is_better: bool = True, best: float | None = None
) -> Interval:
    """Return by how much a model would get better with so many more labels; see :func:`learning_curve`. NaN where it cannot be told.

    :param evaluations: as of :func:`learning_curve`.
    :param next_labels: how many more than were measured last, at least 1.
    :param higher_is_better: as there.
    :param best: as there.
    :raises ConfigurationError: a value is better than ``best``, or ``next_labels`` below 1.
    """
    return learning_curve(evaluations, higher_is_better=higher_is_better, best=best).gain(next_labels)


def _no_estimate(points: Sequence[Evaluation], sign: int) -> str:
    """Return why no curve can be told from these points; empty where one can."""
    counts = sorted({point.labels for point in points})
    if len(counts) < LEAST_COUNTS:
        return f"it takes evaluations at {LEAST_COUNTS} label counts or more, and there are {len(counts)}."
    import numpy as np

    logs = np.log([point.labels for point in points])
    values = sign * np.array([point.value for point in points])
    values -= values[0]  # of equal values nothing is left that rounding could make rise
    # In the logarithm of the labels the law rises everywhere; of noise around a level half of all slopes do.
    with np.errstate(all="ignore"):  # values near the largest number there is
        slope = float(((logs - logs.mean()) * (values - values.mean())).sum())
    if slope > 0:
        return ""
    word = "rise" if sign > 0 else "fall"
    return f"the values do not {word} from {counts[0]:,} to {counts[-1]:,} labels, so more labels of this kind are not shown to help."


def _off_the_law(points: Sequence[Evaluation], draws: Draws, sign: int) -> str:
    """Return why curves cannot be told that pass what was measured by; empty where they do not."""
    import numpy as np

    errors = [point.standard_error for point in points]
    known = [error for error in errors if error is not None]
    unit = np.array(known if len(known) == len(errors) else [1.0] * len(points))
    noise = float(np.median(draws.noise) / np.median(unit))
    labels, values = np.array([point.labels for point in points]), sign * np.array([point.value for point in points])
    counts, at = np.unique(labels, return_inverse=True)
    weight = np.bincount(at, weights=unit**-2)
    seen = np.bincount(at, weights=values * unit**-2) / weight
    told = np.array([Interval.of_draws(draws.values(int(count))).expected for count in counts])
    off = np.abs(seen - told) * np.sqrt(weight) / noise
    if off.max() <= FARTHEST and np.sqrt((off**2).mean()) <= FARTHEST_ON_AVERAGE:
        return ""
    worst = int(off.argmax())
    return (
        f"the points do not lie on any power law: at {counts[worst]:,} labels {sign * seen[worst]:.4g} was measured, where the nearest "
        f"curve has {sign * told[worst]:.4g}. {_ADVICE}"
    )
