"""What an audit counts: for the summary, the metrics and the policy."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.audit.check import Check
from airflow_cv_dataops.core.audit.label_errors.checks import suspect_label
from airflow_cv_dataops.core.audit.label_errors.estimates import EstimatedErrors, estimate_metrics, estimate_summary, estimated_errors
from airflow_cv_dataops.core.audit.label_errors.judged_labels import judged_labels
from airflow_cv_dataops.core.findings import Findings
from airflow_cv_dataops.core.intervals import wilson_interval
from airflow_cv_dataops.core.metrics import Metric
from airflow_cv_dataops.core.store.schema import SEVERITIES
from airflow_cv_dataops.core.wording import counted

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.audit.audit_input import AuditInput

_WORST = 10
_NOTHING: Mapping[str, Any] = {}
_TOTALS = (
    "images",
    "labelled_images",
    "annotations",
    "backgrounds",
    "predictions",
    "images_compared",
    "annotations_with_findings",
    "suspect_rate",
)


@dataclass(frozen=True)
class CategoryStatistics:
    """Annotations of one category, and how many of them are wrong or suspect."""

    category: str
    annotations: int
    erroneous: int

    @property
    def label_error_rate(self) -> float:
        return self.erroneous / self.annotations

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends of the rate's 95 % interval, 0 to 1."""
        return wilson_interval(self.erroneous, self.annotations)


@dataclass(frozen=True)
class AuditStatistics:
    """The counts of one audit; an image is counted once however many byte-identical files it has.

    :param labelled_images: images with a label, or of which it is said that nothing is there.
    :param annotations: labels; statements that nothing is there are none.
    :param erroneous: annotations with a finding of severity ``error``, or of a check that suspects labels at whatever severity.
    :param suspect: annotations with a finding of a check that suspects labels; ``None`` where none of these ran.
    :param by_check: findings of every check that ran, zeros included.
    :param severity_of: the severity at which each check ran.
    :param categories: by category, in the order of their names; annotations without a category are not in it.
    :param backgrounds: images of which it is said that nothing is there.
    :param images_compared: images on which at least one check compared what is labelled with what models predict.
    :param compared: by check that did, on how many.
    :param overlooked_not_judged: by category, the confident predicted boxes without a label that ``overlooked_bbox`` cannot judge; ``None``
        where there was nothing to look at.
    :param estimated: how many classification labels are estimated to be wrong, over all first; none where none could be judged.
    """

    images: int
    labelled_images: int
    annotations: int
    predictions: int
    by_severity: Mapping[str, int]
    by_check: Mapping[str, int]
    severity_of: Mapping[str, str]
    annotations_with_findings: int
    erroneous: int
    suspect: int | None
    categories: Sequence[CategoryStatistics]
    estimated: Sequence[EstimatedErrors] = ()
    backgrounds: int = 0
    images_compared: int = 0
    compared: Mapping[str, int] = field(default_factory=dict)
    overlooked_not_judged: Mapping[str, int] | None = None

    @property
    def findings(self) -> int:
        return sum(self.by_check.values())

    @property
    def label_error_rate(self) -> float:
        """Erroneous annotations divided by annotations, 0 to 1; NaN where there are no annotations."""
        return self.erroneous / self.annotations if self.annotations else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends of the error rate's 95 % interval, 0 to 1; NaN where there are no annotations."""
        return wilson_interval(self.erroneous, self.annotations)

    @property
    def suspect_rate(self) -> float:
        """Suspect annotations divided by annotations, 0 to 1; NaN where there are none, or nothing to suspect them by."""
        return self.suspect / self.annotations if self.annotations and self.suspect is not None else math.nan

    def counts(self, idle: Collection[str] = (), *, without_predictions: int = 0) -> dict[str, Any]:
        """Return the summary's counts.

        :param idle: checks that ran and had nothing to look at. :param without_predictions: how many did not run for want of predictions.
        """
        clean = [check for check, count in self.by_check.items() if not count and check not in idle]
        return {
            "images": self.images,
            "labelled_images": self.labelled_images,
            "annotations": self.annotations,
            "backgrounds": self.backgrounds,
            "predictions": self.predictions,
            "images_compared": self.images_compared,
            "images_compared_by_check": self.compared,
            "findings": self.findings,
            "by_severity": self.by_severity,
            "by_check": self.by_check,
            "checks_without_findings": len(clean),
            "checks_with_nothing_to_check": len(idle) + without_predictions,
            "erroneous": self.erroneous,
            "annotations_with_findings": self.annotations_with_findings,
        }

    def rates(self) -> dict[str, Any]:
        """Return the summary's metrics; ``worst_categories`` are at most ten, none without errors.

        Those come first whose error rate is surely high: by the low end of its interval, so that one wrong label of one does not lead.
        """
        ordered = sorted(self.categories, key=lambda found: (-found.interval[0], -found.annotations, found.category))
        return {
            **_rounded(self),
            "suspect_rate": self.suspect_rate,
            **estimate_summary(self.estimated),
            "worst_categories": [
                {"category": found.category, **_rounded(found), "annotations": found.annotations}
                for found in ordered[:_WORST]
                if found.erroneous
            ],
        }

    def sentence(self) -> str:
        """Say in one line what was found, the most frequent checks first."""
        ordered = sorted(((count, check) for check, count in self.by_check.items() if count), key=lambda item: (-item[0], item[1]))
        named = ", ".join(f"{check} {count:,}" for count, check in ordered[:8]) + (", …" if len(ordered) > 8 else "")
        return f"{counted(self.findings, 'finding')} in {counted(self.annotations, 'annotation')}" + (f": {named}" if named else "")


def count_findings(
    data: AuditInput,
    checks: Sequence[Check],
    found: Sequence[Findings],
    compared: Mapping[str, np.ndarray] = _NOTHING,
    overlooked_not_judged: Mapping[str, int] | None = None,
) -> AuditStatistics:
    """Count what was found in the partition.

    :param checks: those that ran; which of them suspect labels is theirs to say.
    :param compared: by check that compared labels with predictions, the rows of the images on which it did.
    :param overlooked_not_judged: see :class:`AuditStatistics`.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    ids = data.annotations["annotation_id"]
    any_at_fault = pc.is_in(ids, value_set=_annotation_ids(found))
    suspecting = {check.id for check in checks if check.suspects}
    suspects = _annotation_ids([check for check in found if check.check in suspecting])
    errors = _annotation_ids([check for check in found if check.severity == "error"])
    erroneous = pc.is_in(ids, value_set=pa.concat_arrays([errors, suspects]))
    by_severity = dict.fromkeys(SEVERITIES, 0)
    for check in found:
        by_severity[check.severity] += check.rows.num_rows
    return AuditStatistics(
        images=_distinct(data.images["image_id"]),
        labelled_images=len(np.union1d(data.image_row[data.image_row >= 0], data.background_rows)),
        annotations=data.annotations.num_rows,
        predictions=data.predictions.num_rows,
        by_severity=by_severity,
        by_check={check.check: check.rows.num_rows for check in found},
        severity_of={check.check: check.severity for check in found},
        annotations_with_findings=_trues(any_at_fault),
        erroneous=_trues(erroneous),
        suspect=_trues(pc.is_in(ids, value_set=suspects)) if suspecting else None,
        categories=_by_category(data.annotations["category"], erroneous),
        estimated=estimated_errors(judged_labels(data)) if suspect_label.id in [check.check for check in found] else (),
        backgrounds=len(data.background_rows),
        images_compared=len(np.unique(np.concatenate([np.empty(0, np.int64), *compared.values()]))),
        compared={check: len(images) for check, images in compared.items()},
        overlooked_not_judged=overlooked_not_judged,
    )


def audit_metrics(statistics: AuditStatistics) -> Iterator[Metric]:
    """Yield the rows of ``metrics``: totals, findings by check and severity, annotations and error rate by category, estimates."""
    for name in _TOTALS:
        yield Metric(name, getattr(statistics, name))
    yield from _rate_metrics(statistics, {})
    for check, count in statistics.by_check.items():
        yield Metric("findings", count, {"check": check, "severity": statistics.severity_of[check]})
    for check, count in statistics.compared.items():
        yield Metric("images_compared", count, {"check": check})
    if statistics.overlooked_not_judged is not None:
        yield Metric("overlooked_not_judged", sum(statistics.overlooked_not_judged.values()))
        for category, count in statistics.overlooked_not_judged.items():
            yield Metric("overlooked_not_judged", count, {"category": category})
    for found in statistics.categories:
        dimensions = {"category": found.category}
        yield Metric("annotations", found.annotations, dimensions)
        yield from _rate_metrics(found, dimensions)
    yield from estimate_metrics(statistics.estimated)


def _rate_metrics(statistics: AuditStatistics | CategoryStatistics, dimensions: Mapping[str, str]) -> Iterator[Metric]:
    for name, value in _rate_and_interval(statistics).items():
        yield Metric(name, value, dimensions)


def _rate_and_interval(statistics: AuditStatistics | CategoryStatistics) -> dict[str, float]:
    low, high = statistics.interval
    return {"label_error_rate": statistics.label_error_rate, "label_error_rate_low": low, "label_error_rate_high": high}


def _rounded(statistics: AuditStatistics | CategoryStatistics) -> dict[str, float]:
    return {name: round(value, 6) for name, value in _rate_and_interval(statistics).items()}


def _annotation_ids(found: Sequence[Findings]) -> pa.Array:
    import pyarrow as pa

    columns = [check.rows["annotation_id"].cast(pa.string()) for check in found if "annotation_id" in check.rows.column_names]
    chunks = [chunk for column in columns for chunk in column.drop_null().chunks]
    return pa.concat_arrays(chunks) if chunks else pa.array([], pa.string())


def _by_category(categories: pa.ChunkedArray, erroneous: pa.ChunkedArray) -> list[CategoryStatistics]:
    import pyarrow as pa
    import pyarrow.compute as pc

    table = pa.table({"category": categories, "erroneous": pc.cast(erroneous, pa.int64())}).filter(pc.field("category").is_valid())
    counted = table.group_by("category").aggregate([("erroneous", "count"), ("erroneous", "sum")]).sort_by("category")
    return [CategoryStatistics(row["category"], row["erroneous_count"], row["erroneous_sum"]) for row in counted.to_pylist()]


def _distinct(column: pa.ChunkedArray) -> int:
    import pyarrow.compute as pc

    return pc.count_distinct(column, mode="only_valid").as_py()


def _trues(mask: pa.ChunkedArray) -> int:
    import pyarrow.compute as pc

    return pc.sum(mask).as_py() or 0
