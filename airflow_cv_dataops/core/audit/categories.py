"""Checks on the partition's categories as a whole: their findings are about a category, at no image and no annotation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.check import check
from airflow_cv_dataops.core.audit.finding_rows import category_rows
from airflow_cv_dataops.core.audit.looked_at import labels_with_category

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_cv_dataops.core.audit.audit_input import AuditInput


def _listed(data: AuditInput) -> int:
    """Count the categories of the taxonomy, where there are labels that can have them."""
    return len(set(data.categories or ())) if data.category_names else 0


def _enough_labels(data: AuditInput, *, min_labels: int) -> int:
    """Count the labels with a category, where there are so many that all of one category would be odd."""
    found = labels_with_category(data)
    return found if found >= min_labels else 0


def _in_comparison(data: AuditInput) -> int:
    """Count the categories that occur: one alone is in balance with none."""
    return len(data.category_names) if len(data.category_names) > 1 else 0


@check(
    "info",
    meaning="A category of the list of categories that no label of the partition has.",
    fix="Collect images of it, or take it out of the list; a misspelt name shows as `unknown_category` beside.",
    column="category",
    looks_at=_listed,
)
def unused_category(data: AuditInput) -> pa.Table | None:
    """Find categories of the taxonomy (where one is given) that never occur; a partition without any label is not judged."""
    if not data.category_names:
        return None
    unused = sorted(set(data.categories or ()) - set(data.category_names))
    return category_rows(unused, [f"no label of the partition is of category {name!r}" for name in unused])


@check(
    "warning",
    meaning="All labels of the partition (10 or more, `min_labels`) are of one category.",
    fix="Look for an import that lost the categories; where there is only one to find, name it as the only one in the list of categories.",
    column="category",
    looks_at=_enough_labels,
)
def single_category(data: AuditInput, *, min_labels: int = 10) -> pa.Table | None:
    """Find out whether all labels have one category, where the taxonomy does not have just that one."""
    counts = _counts(data)
    [name, *others] = counts or [""]
    if others or counts.get(name, 0) < max(min_labels, 1) or set(data.categories or ()) == {name}:
        return None
    return category_rows([name], [f"all {counts[name]:,} labels with a category are of category {name!r}"])


@check(
    "info",
    meaning="A category with fewer than 10 labels (`min_labels`) in the partition.",
    fix="Collect more images of it, or merge it with another; a name that occurs once or twice may be a slip.",
    column="category",
    looks_at=labels_with_category,
)
def rare_category(data: AuditInput, *, min_labels: int = 10) -> pa.Table | None:
    """Find categories with few labels."""
    rare = {name: count for name, count in _counts(data).items() if count < min_labels}
    return category_rows(list(rare), [f"category {name!r} has {count:,} label{'s' * (count > 1)}" for name, count in rare.items()])


@check(
    "info",
    meaning="The partition's largest category has more than 100 times (`ratio`) the labels of its smallest.",
    fix="Collect more of the small ones, sample the large ones, or weigh them in training.",
    column="category",
    looks_at=_in_comparison,
)
def category_imbalance(data: AuditInput, *, ratio: float = 100.0) -> pa.Table | None:
    """Find out whether the categories that occur are out of balance; the finding is the smallest category's."""
    counts = _counts(data)
    if not counts:
        return None
    smallest, largest = min(counts, key=lambda name: (counts[name], name)), max(counts, key=lambda name: (counts[name], name))
    if counts[largest] <= ratio * counts[smallest]:
        return None
    times = f"{counts[largest] / counts[smallest]:,.1f} times as many labels as"
    return category_rows([smallest], [f"{largest!r} ({counts[largest]:,}) has {times} {smallest!r} ({counts[smallest]:,})"])


def _counts(data: AuditInput) -> dict[str, int]:
    """Return how many labels each category has, in the order of names."""
    import numpy as np

    codes = data.category_codes
    return dict(zip(data.category_names, np.bincount(codes[codes >= 0]).tolist(), strict=True))
