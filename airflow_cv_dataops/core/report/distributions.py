"""What the page's plots show, counted from columns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.report.plots import Bar, bars, histogram
from airflow_cv_dataops.core.store.schema import SEVERITIES

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_MOST_CATEGORIES = 16
_MOST_CHECKS = 30
_SCORE_BINS = 20


def plots(findings: pa.Table, annotations: pa.Table, by_check: Mapping[str, int], severity_of: Mapping[str, str]) -> str:
    """Return the figures as HTML: findings by check, labels by category, scores of findings, sizes of boxes."""
    at_fault = _at_fault(findings, annotations)
    figures = [
        _largest("Findings by check", _check_bars(by_check, severity_of), _MOST_CHECKS),
        _largest("Labels by category (with findings)", _category_bars(annotations, at_fault), _MOST_CATEGORIES),
        histogram("Scores of the findings", _score_bars(findings), "score: 0 surely wrong, 1 surely right"),
        histogram("Sizes of the boxes (with findings)", _size_bars(annotations, at_fault), "square root of the area in px"),
    ]
    return "".join(figures)


def _largest(title: str, rows: list[Bar], most: int) -> str:
    return bars(title if len(rows) <= most else f"{title}: {most} of {len(rows):,}", rows[:most])


def _at_fault(findings: pa.Table, annotations: pa.Table) -> np.ndarray:
    """Return which annotations have a finding."""
    import pyarrow.compute as pc

    ids = findings["annotation_id"].drop_null().combine_chunks()
    return pc.is_in(annotations["annotation_id"], value_set=ids).to_numpy().astype(bool)


def _check_bars(by_check: Mapping[str, int], severity_of: Mapping[str, str]) -> list[Bar]:
    order = sorted((SEVERITIES.index(severity_of[check]), -count, check) for check, count in by_check.items() if count)
    return [Bar(check, -count, severity_of[check]) for _, count, check in order]


def _category_bars(annotations: pa.Table, at_fault: np.ndarray) -> list[Bar]:
    import pyarrow as pa

    rows = pa.table({"category": annotations["category"], "at_fault": pa.array(at_fault).cast(pa.int64())})
    counted = rows.group_by("category").aggregate([("at_fault", "count"), ("at_fault", "sum")])
    found = sorted(
        ((row["at_fault_count"], row["category"], row["at_fault_sum"]) for row in counted.to_pylist()),
        key=lambda row: (-row[0], row[1] is None, row[1] or ""),
    )
    return [Bar("(none)" if name is None else name, count, "plain", faults) for count, name, faults in found]


def _score_bars(findings: pa.Table) -> list[Bar]:
    import numpy as np

    scores = findings["score"].drop_null().to_numpy()
    if not len(scores):
        return []
    counts, edges = np.histogram(np.clip(scores, 0, 1), bins=_SCORE_BINS, range=(0, 1))
    return [Bar(f"{edge:.2f}", int(count)) for edge, count in zip(edges, counts, strict=False)]


def _size_bars(annotations: pa.Table, at_fault: np.ndarray) -> list[Bar]:
    """Count boxes by the square root of their area, in steps of factor √2; boxes without area are not counted."""
    import numpy as np

    boxes = annotations["bbox"].combine_chunks()
    width, height = (_field(boxes, name) for name in ("width", "height"))
    with np.errstate(invalid="ignore", over="ignore"):
        sides = np.sqrt(np.where((width > 0) & (height > 0), width * height, np.nan))
    known = np.isfinite(sides) & (sides < 1e6)
    if not known.any():
        return []
    lowest, highest = (math.floor(2 * math.log2(max(value, 0.1))) for value in (sides[known].min(), sides[known].max()))
    edges = 2.0 ** (np.arange(lowest, highest + 2) / 2)
    every, faulty = (np.histogram(np.clip(sides[rows], edges[0], None), bins=edges)[0] for rows in (known, known & at_fault))
    return [Bar(f"{edge:.3g}", int(count), "plain", int(marked)) for edge, count, marked in zip(edges, every, faulty, strict=False)]


def _field(boxes: Any, name: str) -> np.ndarray:
    import pyarrow.compute as pc

    return pc.fill_null(pc.struct_field(boxes, name), float("nan")).to_numpy(zero_copy_only=False)
