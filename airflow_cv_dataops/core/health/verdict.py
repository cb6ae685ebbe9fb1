"""What health says of one thing that it looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PILLARS = ("freshness", "volume", "schema", "distribution", "lineage")

HOLDS, BREACH, NOT_JUDGED = "holds", "breach", "not_judged"
OUTCOMES = (HOLDS, BREACH, NOT_JUDGED)


@dataclass(frozen=True)
class Verdict:
    """One question on one partition, and its answer.

    :param pillar: one of :data:`PILLARS`.
    :param check: its stable name in lower case, such as ``image_count``.
    :param outcome: ``holds``, ``breach``, or ``not_judged``: it was looked at and nothing can be said, which is no clean bill.
    :param severity: ``error``, ``warning`` or ``info``: how much a breach matters.
    :param message: what was found, or why it could not be judged.
    :param value: what was measured, in the unit that ``expected`` and the message name.
    :param expected: what was wanted or usual, for people.
    :param score: how far from usual, in robust standard deviations where it is an anomaly score; negative is less than usual.
    :param dimensions: tells several verdicts of one check apart (``{"category": "RBC"}``).
    """

    pillar: str
    check: str
    outcome: str
    severity: str
    message: str
    value: float | None = None
    expected: str | None = None
    score: float | None = None
    dimensions: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_breach(self) -> bool:
        return self.outcome == BREACH
