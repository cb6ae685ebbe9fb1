"""What a contract says to people: in the log, where it fails a task, and to who is told at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_cv_dataops.core.contracts.outcomes import BROKEN, NOTHING, Outcome
from airflow_cv_dataops.core.store.schema import SEVERITIES
from airflow_cv_dataops.core.summary import Breach

_MOST_LINES, _MOST_PROBLEMS, _LONGEST = 4, 100, 300


def sentence(contract: str, outcomes: Sequence[Outcome], problems: Mapping[str, str]) -> str:
    """Say how a contract came out."""
    bad = [outcome.check for outcome in outcomes if outcome.is_bad]
    looked = sum(outcome.status != NOTHING for outcome in outcomes)
    if not bad and not problems:
        nothing = f", {len(outcomes) - looked:,} had nothing to look at" if looked < len(outcomes) else ""
        return f"Contract {contract}: {looked:,} of {len(outcomes):,} expectations hold{nothing}"
    named = [*problems, *bad]
    more = f" and {len(named) - _MOST_LINES:,} more" if len(named) > _MOST_LINES else ""
    if not bad:
        return f"Contract {contract} does not hold: {next(iter(problems.values()))}"
    told = f"{len(bad):,} of {len(outcomes):,} expectations do not hold"
    if broken := sum(outcome.status == BROKEN for outcome in outcomes):
        told += f", {broken:,} of them because they could not be evaluated"
    return f"Contract {contract}: {told}: {', '.join(named[:_MOST_LINES])}{more}"


def failure_text(told: str, severities: Mapping[str, int], where: str) -> str:
    """Say why the task fails. :param severities: of what does not hold. :param where: to look."""
    counted = ", ".join(f"{severities[severity]:,} {severity}" for severity in SEVERITIES if severities.get(severity))
    return f"{told} ({counted}); see {where}"


def breach_of(
    dataset: str, partition_key: str, contract: str, scope: str, problems: Mapping[str, str], bad: Sequence[Outcome]
) -> Breach | None:
    """Return what does not hold, whatever policy makes of it; ``None`` where everything does."""
    told: list[dict[str, Any]] = [{"check": check, "severity": "error", "message": message} for check, message in problems.items()]
    told += [
        {"check": one.check, "severity": one.severity, "message": one.message, "unexpected": one.unexpected, "looked_at": one.looked_at}
        for one in sorted(bad, key=lambda one: SEVERITIES.index(one.severity))
    ]
    if not told:
        return None
    noun = "problem" if len(told) == 1 else "problems"
    lines = [f"{dataset}, partition {partition_key}: contract {contract} on {scope} does not hold ({len(told):,} {noun})"]
    lines += [f"- {one['severity']}: {_cut(str(one['message']))}" for one in told[:_MOST_LINES]]
    if len(told) > _MOST_LINES:
        lines.append(f"and {len(told) - _MOST_LINES:,} more")
    return Breach("\n".join(lines), tuple(told[:_MOST_PROBLEMS]))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
