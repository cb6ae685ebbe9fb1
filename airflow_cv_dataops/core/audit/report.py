"""The report of one audit: what was found, in numbers and as pictures."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.audit.detection.told import not_judged_in_words
from airflow_cv_dataops.core.report.distributions import plots
from airflow_cv_dataops.core.report.entries import Gallery, add_other_boxes, gallery
from airflow_cv_dataops.core.report.limits import MEGABYTE, ReportLimits
from airflow_cv_dataops.core.report.location import report_path, report_uri
from airflow_cv_dataops.core.report.page import CategoryRow, CheckRow, Page, Tile, html_page
from airflow_cv_dataops.core.report.pictures import add_pictures
from airflow_cv_dataops.core.report.plots import cut
from airflow_cv_dataops.core.report.selection import worst_first
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.schema import SEVERITIES
from airflow_cv_dataops.core.wording import share

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_cv_dataops.core.audit.check import Check
    from airflow_cv_dataops.core.audit.label_errors.estimates import EstimatedErrors
    from airflow_cv_dataops.core.audit.statistics import AuditStatistics

log = logging.getLogger(__name__)

_MOST_FINDINGS = 10_000
_SHARE_OF_FINDINGS = 0.45  # of the bytes; pictures get what findings leave
_SHARE_OF_OTHER_BOXES = 0.1
_WORST_CATEGORIES = 12
_IMAGE_COLUMNS = ("source_uri", "image_id", "storage_uri", "bytes", "width", "height")


_LIMITS = ReportLimits()
_NOTHING: Mapping[str, str] = {}


def write_audit_report(
    dataset: Dataset,
    partition_key: str,
    audit: str,
    *,
    findings: pa.Table,
    annotations: pa.Table,
    images_snapshot_id: str | None,
    statistics: AuditStatistics,
    checks: Sequence[Check],
    unable: Mapping[str, str] = _NOTHING,
    limits: ReportLimits = _LIMITS,
) -> str:
    """Write one self-contained HTML page below the dataset's ``reports/`` and return its URI, without credentials.

    Equal input makes equal bytes and so the same name; an older report is never overwritten.

    :param findings: rows of ``findings`` without the key columns.
    :param annotations: annotation_id, source_uri, category, bbox and, where it was read, segmentation.
    :param images_snapshot_id: the snapshot of ``images`` that was audited; ``None``: there are no images.
    :param statistics: the audit's counts.
    :param checks: the checks that were to run.
    :param unable: by check that had nothing to go by, why; see :func:`why_unable`.
    :raises ConfigurationError: the catalog names no warehouse to write below.
    """
    started = time.monotonic()
    images = dataset.read("images", partition_key=partition_key, snapshot_id=images_snapshot_id, columns=_IMAGE_COLUMNS)
    page = _page(dataset.name, partition_key, audit, findings, annotations, statistics, checks, unable)
    shown = gallery(
        worst_first(findings, _MOST_FINDINGS),
        annotations,
        images.sort_by("source_uri"),
        [row.id for row in page.checks],
        int(limits.max_bytes * _SHARE_OF_FINDINGS),
    )
    add_other_boxes(annotations, shown.images[: limits.max_pictures], most_bytes=int(limits.max_bytes * _SHARE_OF_OTHER_BOXES))
    left = limits.max_bytes - len(html_page(page, _data(page, shown)))
    pictures = add_pictures(dataset, shown, most_pictures=limits.max_pictures, most_bytes=left)
    whole = html_page(page, _data(page, shown))
    path = report_path(audit, partition_key, whole)
    store = dataset.objects()
    if store.size(path) != len(whole):
        store.write(path, whole)
    uri = report_uri(dataset, path)
    log.info(
        "Report of %s of %s findings with %s pictures, %.1f MB in %.1f s: %s",
        *(f"{count:,}" for count in (len(shown.findings), findings.num_rows, len(pictures))),
        len(whole) / MEGABYTE,
        time.monotonic() - started,
        uri,
    )
    return uri


def why_unable(without_predictions: Sequence[str], nothing_to_check: Sequence[str]) -> dict[str, str]:
    """Return by check, for people, why it had nothing to go by.

    :param without_predictions: checks that compare labels with what models predict, and had nothing to compare.
    :param nothing_to_check: checks that ran, and had nothing to look at.
    """
    compare = dict.fromkeys(without_predictions, "No predictions of the kind that they compare labels with:")
    return compare | dict.fromkeys(nothing_to_check, "This partition has nothing of what they look at:")


def _page(
    dataset: str,
    partition_key: str,
    audit: str,
    findings: pa.Table,
    annotations: pa.Table,
    statistics: AuditStatistics,
    checks: Sequence[Check],
    unable: Mapping[str, str],
) -> Page:
    rows = [_check_row(check, statistics, unable) for check in checks]
    rows.sort(key=lambda row: (SEVERITIES.index(row.severity), -row.count, row.id))
    return Page(
        dataset=dataset,
        partition_key=partition_key,
        audit=audit,
        tiles=_tiles(statistics),
        checks=rows,
        categories=_worst_categories(statistics),
        plots=plots(findings, annotations, statistics.by_check, statistics.severity_of),
        findings=findings.num_rows,
        notice=not_judged_in_words(statistics.overlooked_not_judged) if statistics.overlooked_not_judged else "",
    )


def _check_row(check: Check, statistics: AuditStatistics, unable: Mapping[str, str]) -> CheckRow:
    severity = statistics.severity_of.get(check.id, check.default_severity)  # a check that did not run has no other
    return CheckRow(check.id, severity, statistics.by_check.get(check.id, 0), check.meaning, check.fix, unable.get(check.id, ""))


def _tiles(statistics: AuditStatistics) -> list[Tile]:
    at_fault = f"{statistics.erroneous:,} of {statistics.annotations:,} labels wrong or suspect"
    return [
        _rate_tile("Label error rate", statistics.label_error_rate, at_fault, statistics.interval),
        *(_rate_tile("Estimated error rate", found.rate, _judged(found), found.interval) for found in statistics.estimated[:1]),
        Tile("Findings", f"{statistics.findings:,}", f"on {statistics.annotations_with_findings:,} of the labels"),
        *(Tile(severity, f"{statistics.by_severity[severity]:,}", style=severity) for severity in SEVERITIES),
        Tile("Images", f"{statistics.images:,}", _labelled(statistics)),
        Tile("Labels", f"{statistics.annotations:,}", f"{statistics.predictions:,} predictions" if statistics.predictions else ""),
    ]


def _judged(found: EstimatedErrors) -> str:
    if found.is_known:
        return f"of {found.labels:,} labels that models could judge"
    return f"the models agree with {found.agreement:.0%} of {found.labels:,} labels only"


def _labelled(statistics: AuditStatistics) -> str:
    empty = f", {statistics.backgrounds:,} of them empty" if statistics.backgrounds else ""
    return f"{statistics.labelled_images:,} with labels" if not empty else f"{statistics.labelled_images:,} labelled{empty}"


def _rate_tile(label: str, rate: float, of_what: str, interval: tuple[float, float]) -> Tile:
    low, high = interval
    note = of_what if math.isnan(low) else f"{of_what}; 95% interval {share(low)} to {share(high)}"
    return Tile(label, "–" if math.isnan(rate) else share(rate), note, "main")


def _worst_categories(statistics: AuditStatistics) -> list[CategoryRow]:
    """Return the categories with faults in the summary's order: by the low end of the rate's interval."""
    faulty = [found for found in statistics.categories if found.erroneous]
    faulty.sort(key=lambda found: (-found.interval[0], -found.annotations, found.category))
    return [CategoryRow(cut(found.category), found.annotations, found.erroneous, found.interval) for found in faulty[:_WORST_CATEGORIES]]


def _data(page: Page, shown: Gallery) -> dict[str, Any]:
    return {
        "checks": [{"id": row.id, "severity": row.severity, "meaning": row.meaning, "fix": row.fix} for row in page.checks],
        "images": [image.values for image in shown.images],
        "findings": shown.findings,
        "total": page.findings,
    }
