"""Which scores and strategies there are, by name: the built-in ones, and those that a user hands over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_cv_dataops.core.arguments import expected
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.sampling.scores.built_in import SCORES
from airflow_cv_dataops.core.sampling.scores.combining import check_weights
from airflow_cv_dataops.core.sampling.scores.score import Score
from airflow_cv_dataops.core.sampling.strategies.built_in import STRATEGIES
from airflow_cv_dataops.core.sampling.strategies.strategy import Strategy

AUTO = "auto"
TOP = "top"
DEFAULT_SCORE = "margin"
DEFAULT_WITH_EMBEDDINGS = "uncertainty_herding"


@dataclass(frozen=True)
class Plan:
    """What a sampling goes by.

    :param name: as it stands in ``samples``. :param weights: of the scores, by name; empty: no score is asked for.
    """

    name: str
    strategy: Strategy
    weights: Mapping[str, float]
    scores: Sequence[Score]

    @property
    def needs(self) -> frozenset[str]:
        """What the scores and the strategy cannot do without, the scores themselves aside."""
        return frozenset((*self.strategy.needs, *(need for score in self.scores for need in score.needs))) - {"scores"}

    @property
    def image_columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(column for score in self.scores for column in score.images))


@dataclass(frozen=True)
class Units:
    """Scores and strategies by name."""

    scores: Mapping[str, Score]
    strategies: Mapping[str, Strategy]

    @staticmethod
    def with_custom(custom: Sequence[Any]) -> Units:
        """Return the built-in ones and the given ones. :raises ConfigurationError: one is neither, or its name is taken."""
        scores, strategies = dict(SCORES), dict(STRATEGIES)
        for unit in [custom] if isinstance(custom, (str, Score, Strategy)) else custom:
            if not isinstance(unit, (Score, Strategy)):
                raise ConfigurationError(
                    f"custom: {unit!r} is neither a score nor a strategy: make it one with @sampling_score or @sampling_strategy."
                )
            if unit.name in (AUTO, "named") or unit.name in scores or unit.name in strategies:
                raise ConfigurationError(f"custom: there is a score or a strategy called {unit.name!r} already: give yours another name.")
            if isinstance(unit, Score):
                scores[unit.name] = unit
            else:
                strategies[unit.name] = unit
        return Units(scores, strategies)

    @property
    def strategy_names(self) -> tuple[str, ...]:
        """What ``strategy`` may be: a strategy, or a score, of which the highest are taken then."""
        return (AUTO, *self.strategies, *self.scores)

    def check_strategy(self, name: Any) -> None:
        """:raises ConfigurationError: there is none of that name."""
        if not isinstance(name, str) or name not in self.strategy_names:
            raise ConfigurationError(f"strategy={name!r} is unknown: {expected(name, self.strategy_names)}.")

    def plan(self, strategy: str, weights: Mapping[str, float] | None, *, has_embeddings: bool) -> Plan:
        """Return what a strategy's name stands for. :param has_embeddings: whether images of the pool have embeddings, for ``auto``."""
        if strategy == AUTO:
            strategy = DEFAULT_WITH_EMBEDDINGS if has_embeddings else TOP if weights else DEFAULT_SCORE
        if strategy in self.scores:
            return Plan(strategy, self.strategies[TOP], {strategy: 1.0}, (self.scores[strategy],))
        chosen = self.strategies[strategy]
        if not weights and "scores" in chosen.needs:
            weights = {DEFAULT_SCORE: 1.0}
        return Plan(strategy, chosen, weights or {}, tuple(self.scores[name] for name in weights or {}))


def check_scores(weights: Any, strategy: str, units: Units) -> None:
    """:raises ConfigurationError: a weight is no finite number other than 0, a score is unknown, or the strategy has no use for them."""
    if weights is None:
        return
    if not isinstance(weights, Mapping):
        raise ConfigurationError(f"scores={weights!r} cannot be used: expected weights by score, e.g. {{'entropy': 2, 'novelty': 1}}.")
    check_weights(weights)
    for name in weights:
        if name not in units.scores:
            raise ConfigurationError(f"scores: {name!r} is unknown: {expected(name, units.scores)}.")
    if strategy in units.scores:
        raise ConfigurationError(
            f"strategy={strategy!r} is a score by itself: leave `scores` out, or give strategy={TOP!r} with the weights."
        )
    if strategy != AUTO and "scores" not in units.strategies[strategy].needs:
        raise ConfigurationError(f"strategy={strategy!r} goes by no score: leave `scores` out, or choose another strategy.")
