"""Verdicts by pillar: what a row of five states says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from airflow_cv_dataops.core.health.verdict import BREACH, HOLDS, NOT_JUDGED, PILLARS, Verdict
from airflow_cv_dataops.core.store.schema import SEVERITIES


@dataclass(frozen=True)
class PillarState:
    """One pillar.

    :param worst: the worst severity among its breaches; ``None``: it has none.
    """

    pillar: str
    holds: int
    breaches: int
    not_judged: int
    worst: str | None

    @property
    def outcome(self) -> str:
        """Return ``breach`` where anything is, ``not_judged`` where nothing could be, else ``holds``."""
        if self.breaches:
            return BREACH
        return HOLDS if self.holds else NOT_JUDGED


def pillar_states(verdicts: Sequence[Verdict]) -> Iterator[PillarState]:
    """Yield the five pillars in their order, then others that a verdict names. One that nobody asked about is not judged."""
    others = sorted({verdict.pillar for verdict in verdicts} - set(PILLARS))
    for pillar in (*PILLARS, *others):
        found = [verdict for verdict in verdicts if verdict.pillar == pillar]
        outcomes = Counter(verdict.outcome for verdict in found)
        severities = [verdict.severity for verdict in found if verdict.is_breach]
        worst = min(severities, key=_rank, default=None)
        yield PillarState(pillar, outcomes[HOLDS], outcomes[BREACH], outcomes[NOT_JUDGED], worst)


def worst_first(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return verdicts by severity, then by how far from usual, then by name."""
    return sorted(
        verdicts, key=lambda one: (_rank(one.severity), -abs(one.score or 0.0), one.pillar, one.check, sorted(one.dimensions.items()))
    )


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)
