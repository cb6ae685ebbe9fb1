"""All power laws that could have made some points, weighed by how well they fit.

With ``m`` the value at the largest count N and r = n / N, the law ``a - b n^-c`` is ``a (1 - r^-c) + m r^-c``: linear in ``a`` and ``m``
once ``c`` is given. So ``c`` and the noise are on a grid, and there ``a`` and ``m`` follow a normal distribution that is known in full.

What is taken for granted before any point is seen:

- ``m <= a <= best``, each value as likely as another;
- ``c`` from 0.05 to 2, each order of magnitude as likely as another (deep models: 0.07 to 0.35, Hestness et al. 2017; linear: up to 1);
- noise of one evaluation: where standard errors are given, those times 1 (log-normal, 95 % from 0.4 to 2.7), for trainings differ beside
  test sets; else 5 % of the way from the worst value to the best (log-normal, 95 % from 0.5 to 50 %). Many points outvote it.
  Chosen on simulated curves of other seeds than those that ``benchmarks/learning_curve.py`` reports.

Nothing is drawn by lot: the weighed curves are thinned out at even steps of their weight.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_EXPONENTS = (0.05, 2.0, 40)
_NOISE = 0.05
_NOISE_SPREAD, _KNOWN_NOISE_SPREAD = 1.2, 0.5
_NOISES = 24
_ASYMPTOTES = 40
_REACH = 4.0  # standard deviations
_LEVELS = 9
_DRAWS = 4_000


@dataclass(frozen=True, eq=False)
class Draws:
    """Curves, each as likely as another; arrays of one length. Values are higher where they are better.

    :param labels: the largest label count N. :param level: the value there. :param noise: the standard deviation of one evaluation.
    """

    labels: int
    asymptote: np.ndarray
    level: np.ndarray
    exponent: np.ndarray
    noise: np.ndarray

    def values(self, labels: int) -> np.ndarray:
        """Return each curve's value at so many labels."""
        return self.asymptote - (self.asymptote - self.level) * (labels / self.labels) ** -self.exponent

    def measured(self, labels: int) -> np.ndarray:
        """Return what evaluations there would show: each value at the steps of its noise."""
        import numpy as np

        return (self.values(labels)[:, None] + self.noise[:, None] * _normal_steps(21)[None, :]).ravel() if len(self.level) else np.empty(0)

    def labels_for(self, target: float) -> np.ndarray:
        """Return how many labels it takes each curve to reach a value; infinite where it never does."""
        import numpy as np

        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            needed = self.labels * ((self.asymptote - self.level) / (self.asymptote - target)) ** (1 / self.exponent)
        return np.where(self.asymptote > target, needed, np.inf)


def weigh_curves(labels: Sequence[int], values: Sequence[float], errors: Sequence[float | None], *, best: float) -> Draws:
    """Return the curves that points allow.

    :param values: higher is better. :param errors: standard errors; ``None`` where one is not known.
    """
    import numpy as np

    counts, seen = np.asarray(labels, float), np.asarray(values, float)
    unit, median, spread = _noise(seen, errors, best)
    exponent = np.geomspace(*_EXPONENTS)
    noise_steps = np.linspace(-2.5, 2.5, _NOISES)
    noise = median * np.exp(spread * noise_steps)
    weight = unit**-2
    ratio = (counts / counts.max())[None, :] ** -exponent[:, None]
    of_asymptote, of_level = 1 - ratio, ratio  # (exponents, points): what multiplies a and m
    # Normal equations of weighted least squares, one for each exponent; the noise only scales their inverse.
    s_aa, s_am, s_mm = (weight * of_asymptote**2).sum(1), (weight * of_asymptote * of_level).sum(1), (weight * of_level**2).sum(1)
    t_a, t_m = (weight * of_asymptote * seen).sum(1), (weight * of_level * seen).sum(1)
    determinant = s_aa * s_mm - s_am**2
    a_hat, m_hat = (s_mm * t_a - s_am * t_m) / determinant, (s_aa * t_m - s_am * t_a) / determinant
    residual = seen - a_hat[:, None] * of_asymptote - m_hat[:, None] * of_level
    misfit = (weight * residual**2).sum(1)

    sd_a = np.sqrt(s_mm / determinant)[:, None] * noise[None, :]
    low = np.maximum(a_hat[:, None] - _REACH * sd_a, seen.min())
    high = np.minimum(a_hat[:, None] + _REACH * sd_a, best)
    step = np.maximum(high - low, 0) / _ASYMPTOTES
    a = low[..., None] + (np.arange(_ASYMPTOTES) + 0.5) * step[..., None]  # (exponents, noises, asymptotes)
    # m given a: another normal distribution, whose middle moves with a.
    middle = m_hat[:, None, None] - (s_am / s_mm)[:, None, None] * (a - a_hat[:, None, None])
    sd_m = (1 / np.sqrt(s_mm))[:, None] * noise[None, :]
    m = middle[..., None] + sd_m[..., None, None] * _normal_steps(_LEVELS)
    points = len(seen)
    log_weight = (
        -points * np.log(noise)[None, :]
        - misfit[:, None] / (2 * noise**2)[None, :]
        + np.log(sd_m)
        - noise_steps[None, :] ** 2 / 2
        + np.log(np.maximum(step, 1e-300))
    )[..., None] - ((a - a_hat[:, None, None]) / sd_a[..., None]) ** 2 / 2
    shape = m.shape
    weights = np.exp(log_weight - log_weight.max())[..., None] * (m <= a[..., None]) * (step > 0)[..., None, None]
    chosen = _thinned(weights.ravel())
    at_exponent, at_noise, at_a, at_m = np.unravel_index(chosen, shape)
    typical = float(np.median(unit))
    return Draws(
        labels=int(counts.max()),
        asymptote=a[at_exponent, at_noise, at_a],
        level=m[at_exponent, at_noise, at_a, at_m],
        exponent=exponent[at_exponent],
        noise=noise[at_noise] * typical,
    )


def _noise(seen: np.ndarray, errors: Sequence[float | None], best: float) -> tuple[np.ndarray, float, float]:
    """Return the points' noise in units, what a unit is likely to be, and how sure that is (standard deviation of its logarithm)."""
    import numpy as np

    known = [error for error in errors if error is not None]
    if len(known) < len(errors):  # of which some nobody knows how far they are off: all count alike
        return np.ones(len(seen)), _NOISE * max(best - float(seen.min()), 1e-9), _NOISE_SPREAD
    return np.asarray(known, float), 1.0, _KNOWN_NOISE_SPREAD


def _thinned(weights: np.ndarray) -> np.ndarray:
    """Return places at even steps of the weight: of systematic resampling, with the offset in the middle of a step."""
    import numpy as np

    cumulated = np.cumsum(weights)
    steps = (np.arange(_DRAWS) + 0.5) / _DRAWS * cumulated[-1]
    return np.minimum(np.searchsorted(cumulated, steps, side="right"), len(weights) - 1)


def _normal_steps(count: int) -> np.ndarray:
    """Return the quantiles of the standard normal distribution in the middle of so many equal shares, at a standard deviation of 1."""
    from statistics import NormalDist

    import numpy as np

    steps = np.array([NormalDist().inv_cdf((place + 0.5) / count) for place in range(count)])
    return steps / math.sqrt(float((steps**2).mean()))
