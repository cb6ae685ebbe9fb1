"""What a check has to look at in a partition: where that is nothing, that it found nothing says nothing."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.audit_input import BASE_COLUMNS
from airflow_cv_dataops.core.metrics import Metric
from airflow_cv_dataops.core.wording import few

if TYPE_CHECKING:
    from airflow_cv_dataops.core.audit.audit_input import AuditInput
    from airflow_cv_dataops.core.audit.check import Check, EnabledCheck
    from airflow_cv_dataops.core.findings import Findings

log = logging.getLogger(__name__)

NOTHING_TO_CHECK = "nothing_to_check"
_MOST_NAMED = 4  # in a line of a log; the summary and the report have all


def nothing_to_check(checks: Sequence[EnabledCheck], found: Sequence[Findings], data: AuditInput) -> list[str]:
    """Return, in their order, the ids of checks that ran and had nothing to look at; log how many could not look, and why.

    :param found: of the checks that ran. A finding means that something was looked at.
    """
    clean = {findings.check for findings in found if not findings.rows.num_rows}
    nothing = [enabled.check.id for enabled in checks if enabled.check.id in clean and not things_looked_at(enabled, data)]
    without_predictions = len(checks) - len(found)
    if count := len(nothing) + without_predictions:
        checks_in_words = "1 check" if count == 1 else f"{count} checks"
        log.info("%s could not look, which is no clean bill: %s", checks_in_words, _why(nothing, without_predictions))
    return nothing


def nothing_metrics(nothing: Sequence[str]) -> list[Metric]:
    """Return a metric for each check that had nothing to look at, by which a release tells its zero from that of others."""
    return [Metric(NOTHING_TO_CHECK, 1, {"check": check}) for check in nothing]


def things_looked_at(enabled: EnabledCheck, data: AuditInput) -> int:
    """Return how many things a check that runs looks at: labels, boxes, images, categories, or what else it is about."""
    check = enabled.check
    if check.looks_at is not None:
        return _as_it_says(check.looks_at, enabled, data)
    images = check.compared_images(data)
    return _by_column(check, data) if images is None else len(images)


def all_images(data: AuditInput) -> int:
    """Images, labelled or not."""
    return data.images.num_rows


def labels_with_category(data: AuditInput) -> int:
    """Labels that have a category."""
    return data.annotations.num_rows - data.annotations["category"].null_count


def finite_boxes(data: AuditInput) -> int:
    """Boxes of four finite numbers."""
    return int(data.boxes.finite.sum())


def boxes_with_extent(data: AuditInput) -> int:
    """Finite boxes with two sides of some length."""
    return int(data.boxes.has_extent.sum())


def boxes_in_known_images(data: AuditInput) -> int:
    """Boxes with extent whose image is in the partition, so that its size is known."""
    return int((data.boxes.has_extent & (data.image_row >= 0)).sum())


def _why(nothing: Sequence[str], without_predictions: int) -> str:
    reasons = [f"nothing to look at for {len(nothing)} ({few(nothing, _MOST_NAMED)})"] if nothing else []
    if without_predictions:
        reasons.append(f"no predictions to compare labels with for {without_predictions}")
    return ", ".join(reasons)


def _as_it_says(looks_at: Callable[..., int], enabled: EnabledCheck, data: AuditInput) -> int:
    """Ask with those of the check's thresholds that the function names."""
    given = {**enabled.check.thresholds, **enabled.thresholds}
    named = {name: given[name] for name in inspect.signature(looks_at).parameters if name in given}
    try:
        return int(looks_at(data, **named))
    except Exception as error:
        error.add_note(f"Raised by what check {enabled.check.id!r} looks at (looks_at).")
        raise


def _by_column(check: Check, data: AuditInput) -> int:
    """Go by the annotations column that the check is about, and by no column that it does not read."""
    labels = data.annotations
    if check.column == "image_id":  # of which statements that nothing is there speak as well
        return labels.num_rows + data.backgrounds.num_rows
    is_read = check.column in BASE_COLUMNS["annotations"] or f"annotations.{check.column}" in check.reads
    # A label without a category is looked at for just that.
    if check.column is None or check.column == "category" or not is_read:
        return labels.num_rows
    return labels.num_rows - labels[check.column].null_count
