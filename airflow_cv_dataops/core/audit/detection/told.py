"""What the audit says where nobody can tell whether labels overlook objects: for the summary, the log and the report."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.audit.detection.checks import overlooked_bbox, overlooked_not_judged

if TYPE_CHECKING:
    from airflow_cv_dataops.core.audit.audit_input import AuditInput
    from airflow_cv_dataops.core.audit.check import EnabledCheck

log = logging.getLogger(__name__)

_MOST_NAMED = 10
_LONGEST_NAME = 60


def not_judged_of(checks: Sequence[EnabledCheck], data: AuditInput) -> Mapping[str, int] | None:
    """Return, by category, the confident predictions that ``overlooked_bbox`` cannot judge, most first; ``None`` where it compares nothing.

    Where it could judge no category at all it has not run, and this says why.
    """
    for enabled in checks:
        if enabled.check.id == overlooked_bbox.id and len(data.predicted_images(enabled.check.reads)):
            thresholds = {name: float(enabled.thresholds[name]) for name in ("precision", "overlap") if name in enabled.thresholds}
            counts = overlooked_not_judged(data, **thresholds)
            return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    return None


def not_judged_summary(counts: Mapping[str, int] | None) -> dict[str, dict[str, int]]:
    """Return the summary's part, the ten categories with most of them, and warn; nothing where all could be judged."""
    if not counts:
        return {}
    named = _named(counts)
    log.warning("%s", not_judged_in_words(counts))
    return {"overlooked_not_judged": named}


def not_judged_in_words(counts: Mapping[str, int]) -> str:
    """Say of which categories overlooked objects cannot be told, and how many they may be."""
    listed = ", ".join(f"{name} ({count:,})" for name, count in _named(counts).items())
    more = f", and {len(counts) - _MOST_NAMED:,} more categories" if len(counts) > _MOST_NAMED else ""
    return (
        f"{sum(counts.values()):,} confident predicted boxes match no label, and nobody can tell whether labels are missing or the model "
        f"is wrong: {listed}{more}. They are no findings: look at some of these predictions, or have some of the images labelled anew."
    )


def _named(counts: Mapping[str, int]) -> dict[str, Any]:
    """Return the first ten by names that can be printed on one line; those of two categories that look the same then are numbered."""
    named: dict[str, int] = {}
    for name, count in list(counts.items())[:_MOST_NAMED]:
        named[_unique(_shown(name), named)] = count
    return named


def _shown(name: str) -> str:
    """Cut in the middle, as long names often differ at their ends; without control and bidirectional characters, and lone surrogates."""
    short = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME // 2]}…{name[-(_LONGEST_NAME // 2 - 1) :]}"
    return "".join(letter if letter.isprintable() or letter == " " else "\ufffd" for letter in short)


def _unique(name: str, taken: Mapping[str, int]) -> str:
    number = 1
    while (numbered := name if number == 1 else f"{name} ({number})") in taken:
        number += 1
    return numbered
