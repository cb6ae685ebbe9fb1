"""What an audit may find before it fails: limits of single checks, an error rate, severities."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.arguments import expected
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.findings import counted_severities
from airflow_cv_dataops.core.store.schema import SEVERITIES
from airflow_cv_dataops.core.summary import Breach
from airflow_cv_dataops.core.wording import counted

if TYPE_CHECKING:
    from airflow_cv_dataops.core.audit.statistics import AuditStatistics

_LIMIT = re.compile(r"(?P<number>[0-9]{1,15}(\.[0-9]{1,15})?)\s*(?P<percent>%?)")


@dataclass(frozen=True)
class Limit:
    """How many findings of a check an audit may have.

    :param text: as it was given: ``5`` findings, or ``2%``.
    :param findings: at most so many; ``None`` where the limit is a share.
    :param percent: at most so many findings for each hundred annotations, 0 to 100, exact; ``None`` where the limit is a number.
    """

    text: str
    findings: int | None = None
    percent: Fraction | None = None

    def in_words(self) -> str:
        """Say what is allowed: ``<= 5``, ``<= 2% of the annotations``."""
        return f"<= {self.text}" if self.percent is None else f"<= {self.text} of the annotations"

    def holds(self, findings: int, annotations: int) -> bool:
        """Say whether so many findings are within the limit."""
        if self.percent is None:
            return findings <= (self.findings or 0)
        return findings * 100 <= self.percent * annotations


def as_limits(given: Mapping[str, Any], checks: Collection[str]) -> dict[str, Limit]:
    """Return limits by check id.

    :param given: by check id, a whole number of findings (``0``, ``"5"``), or a share of the annotations as text with a percent sign
        (``"2%"``, ``"0.5 %"``). There is no other way to write a share, so that neither ``1`` nor ``0.02`` can be taken for something else.
    :param checks: the ids of all checks that were given to the audit.
    :raises ConfigurationError: a check does not exist, or a limit is neither.
    """
    if unknown := sorted(set(given) - set(checks)):
        hint = f"{expected(unknown[0], sorted(checks), 'some of')}"
        raise ConfigurationError(f"limits name checks {unknown}, which do not exist: {hint}.")
    return {check: _limit(check, value) for check, value in given.items()}


def is_within(check: str, statistics: AuditStatistics, limit: Limit | None) -> bool:
    """Say whether a check has found no more than it may: nothing where there is no limit. A check that did not run has found nothing."""
    found = statistics.by_check.get(check, 0)
    return found == 0 if limit is None else limit.holds(found, statistics.annotations)


def audit_failure(
    statistics: AuditStatistics,
    *,
    fail_on: Sequence[str],
    max_error_rate: float | None,
    limits: Mapping[str, Limit],
    unjudged: Sequence[str] = (),
    where: str,
) -> str | None:
    """Say why the audit fails, every reason with what was wanted and what was found; ``None`` where it does not.

    A check with a limit is judged by that alone: its findings do not count in ``fail_on``. An error rate counts them all the same.

    :param max_error_rate: 0 to 1; decides in place of ``fail_on``.
    :param unjudged: checks with a limit that had no predictions to compare labels with: whether the limit holds, nobody knows.
    :param where: where to look, for the message.
    """
    unknown = f"nothing to compare for {', '.join(unjudged)}, so that nobody knows whether the limit holds" if unjudged else None
    reasons = [reason for reason in (_above_limits(statistics, limits), unknown, _by_rate(statistics, max_error_rate)) if reason]
    if max_error_rate is None and (reason := _by_severity(statistics, fail_on, limits)):
        reasons.append(reason)
    return f"{'; '.join(reasons)}; see {where} ({statistics.sentence()})" if reasons else None


def audit_breach(statistics: AuditStatistics, failure: str | None, where: str) -> Breach | None:
    """Return what notifiers are told: why the audit fails, or would, and every check with findings, errors and the most frequent first.

    :param where: dataset and partition.
    """
    if failure is None:
        return None
    found = [(statistics.severity_of[check], count, check) for check, count in statistics.by_check.items() if count]
    found.sort(key=lambda one: (SEVERITIES.index(one[0]), -one[1], one[2]))
    problems = tuple(
        {"check": check, "severity": severity, "findings": count, "message": f"{counted(count, 'finding')} of {check}"}
        for severity, count, check in found
    )
    return Breach(f"{where}: {failure}", problems)


def _limit(check: str, value: Any) -> Limit:
    if read := _LIMIT.fullmatch(str(value).strip()):
        number = Fraction(read["number"])
        if read["percent"] and number <= 100:
            return Limit(f"{read['number']}%", percent=number)
        if not read["percent"] and number.denominator == 1:
            return Limit(str(int(number)), findings=int(number))
    raise ConfigurationError(
        f"limits[{check!r}]={value!r} cannot be used: expected a whole number of findings such as 0 or 5, "
        "or a share of the annotations such as '2%' (0% to 100%)."
    )


def _above_limits(statistics: AuditStatistics, limits: Mapping[str, Limit]) -> str | None:
    above = [check for check, limit in limits.items() if not is_within(check, statistics, limit)]
    if not above:
        return None
    named = ", ".join(f"{check} {_found(statistics.by_check[check], statistics, limits[check])}" for check in above)
    return f"{len(above)} check{'s are' if len(above) > 1 else ' is'} above the limit: {named}"


def _found(findings: int, statistics: AuditStatistics, limit: Limit) -> str:
    if limit.percent is None:
        return f"(at most {int(limit.text):,} wanted, {findings:,} found)"
    share = f", {findings / statistics.annotations:.2%}" if statistics.annotations else ""
    return f"(at most {limit.text} of the annotations wanted, {findings:,} of {statistics.annotations:,}{share} found)"


def _by_rate(statistics: AuditStatistics, max_error_rate: float | None) -> str | None:
    rate = statistics.label_error_rate
    if max_error_rate is None or math.isnan(rate) or rate <= max_error_rate:
        return None
    at_fault = f"{statistics.erroneous:,} of {statistics.annotations:,} annotations ({rate:.2%})"
    return f"{at_fault} are wrong or suspect, more than max_error_rate={max_error_rate:g} allows"


def _by_severity(statistics: AuditStatistics, fail_on: Sequence[str], limits: Mapping[str, Limit]) -> str | None:
    counts = dict.fromkeys(statistics.by_severity, 0)
    for check, count in statistics.by_check.items():
        counts[statistics.severity_of[check]] += 0 if check in limits else count
    return counted_severities(counts, fail_on)
