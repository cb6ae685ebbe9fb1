"""How close the splits of a release come to what was asked for, in numbers and in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.release.label_counts import LabelFacts
from airflow_cv_dataops.core.release.splits.options import SplitOptions
from airflow_cv_dataops.core.release.splits.splitting import Splitting

if TYPE_CHECKING:
    import numpy as np

_FAR = 0.01
_NAMED = 5
# Of fewer images a share is a matter of single images.
_ENOUGH = 100


def tell_splits(splitting: Splitting, codes: np.ndarray, labels: LabelFacts, options: SplitOptions) -> dict[str, Any]:
    """Return what is recorded with the release, as JSON values.

    :param codes: by image of the release the number of its split.
    """
    import numpy as np

    count = np.bincount(codes, minlength=len(splitting.names))
    achieved = {name: round(float(share), 6) for name, share in zip(splitting.names, count / max(len(codes), 1), strict=True)}
    balance, scarce = _by_category(splitting, codes, labels, options)
    remarks = [*splitting.remarks, *_far_off(achieved, options.shares, len(codes)), *scarce]
    facts = {**options.to_dict(), "is_remembered": splitting.assignments is not None, "achieved": achieved}
    return {**facts, **dict(splitting.facts), "category_share_error": balance, "unmet": remarks}


def _far_off(achieved: Mapping[str, float], shares: Mapping[str, float], images: int) -> list[str]:
    off = {name: achieved.get(name, 0.0) for name, share in shares.items() if abs(achieved.get(name, 0.0) - share) > _FAR}
    if not off or images < _ENOUGH:
        return []
    return [f"{name} has {found:.1%} of the images, and was to have {shares[name]:.1%}" for name, found in off.items()]


def _by_category(splitting: Splitting, codes: np.ndarray, labels: LabelFacts, options: SplitOptions) -> tuple[float | None, list[str]]:
    """Return the largest distance of a category's share in a split from what it was to be, and which categories some split lacks."""
    import numpy as np

    splits = len(splitting.names)
    table = np.zeros((len(labels.names), splits))
    for at, categories in labels.pairs_in_parts():
        table += np.bincount(categories * splits + codes[at], minlength=table.size).reshape(table.shape)
    if not table.any():
        return None, []
    totals = table.sum(axis=1)
    wanted = np.array([options.shares.get(name, 0.0) for name in splitting.names])
    there = totals > 0
    enough = totals >= _ENOUGH
    distance = np.abs(table[enough] / totals[enough, None] - wanted).max(initial=0.0) if enough.any() else None
    lacks = (table == 0) & (wanted > 0) & there[:, None]
    remarks = []
    for split, name in enumerate(splitting.names):
        missing = [labels.names[number] for number in np.flatnonzero(lacks[:, split]).tolist()]
        if missing and options.stratify:
            more = f" and {len(missing) - _NAMED:,} more" if len(missing) > _NAMED else ""
            remarks.append(f"{name} has no image of {', '.join(sorted(missing)[:_NAMED])}{more}")
    return None if distance is None else round(float(distance), 6), remarks
