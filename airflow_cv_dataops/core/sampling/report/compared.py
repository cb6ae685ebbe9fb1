"""One attribute's values in the batch against the pool: two bars a value, and the difference in words."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_cv_dataops.core.report.plots import clean, cut
from airflow_cv_dataops.core.sampling.report.values import Distribution
from airflow_cv_dataops.core.wording import percent

_MOST_ROWS = 20
_LONGEST_NAME = 60
_LONGEST_LIMIT = 100
_BAR = 200  # units of the widest bar


@dataclass(frozen=True)
class _Row:
    """:param pool: images of the pool. :param batch: images of the batch. :param is_counted: they are known."""

    name: str
    pool: int
    batch: int
    limit: str = ""
    is_rest: bool = False
    is_counted: bool = True


def compared_html(distribution: Distribution) -> str:
    """Return the figure: at most 20 values, those of most images in the pool, and how many more there are.

    They stand in the order of their shares, days and whatever else has an order of its own in that.

    A value with a limit is always among them, also where neither pool nor batch has it.
    """
    rows = _rows(distribution)
    if not rows:
        return ""
    pool, batch = distribution.images or (sum(distribution.pool.values()), sum(distribution.batch.values()))
    highest = max(max(_part(row.pool, pool), _part(row.batch, batch)) for row in rows if row.is_counted) or 1.0
    lines = "".join(_line(row, pool, batch, highest) for row in rows)
    note = f'<p class="small free">{clean(distribution.note)}</p>' if distribution.note else ""
    shown = sum(not row.is_rest for row in rows)
    more = f": {shown:,} of {len(_names(distribution)):,}" if rows[-1].is_rest else ""
    name = cut(distribution.name, _LONGEST_NAME)
    return (
        f'<figure class="compared"><figcaption>By <bdi>{clean(name)}</bdi>{more}</figcaption>'
        f'<p class="legend"><span class="swatch pool">pool, {pool:,}</span><span class="swatch batch">batch, {batch:,}</span></p>{note}'
        '<table><colgroup><col class="value"><col class="shares"><col class="words-of"></colgroup>'
        f'<thead class="unseen"><tr><th scope="col">{clean(name)}</th><th scope="col">share of pool and of batch</th>'
        f'<th scope="col">difference</th></tr></thead><tbody>{lines}</tbody></table></figure>'
    )


def against_pool(row_pool: int, row_batch: int, pool: int, batch: int) -> tuple[str, str]:
    """Return how a value's share of the batch compares with that of the pool: ``over``, ``under``, ``even`` or ``none``, and in words.

    A difference of less than one image is none: no batch of that size could come closer.
    """
    if not batch or not pool:
        return "none", ""
    if not row_pool:
        return ("over", "not in the pool") if row_batch else ("none", "neither in the pool nor in the batch")
    expected = batch * row_pool / pool
    if abs(row_batch - expected) < 1:
        return "even", "as in the pool"
    if not row_batch:
        return "under", f"none in the batch; {expected:,.0f} would be proportionate"
    times = row_batch / expected
    return ("over" if times > 1 else "under"), f"{_times(times)} its pool share"


def _rows(distribution: Distribution) -> list[_Row]:
    names = _names(distribution)
    first = sorted(names, key=lambda name: (name not in distribution.limits, *_order(distribution, name)))[:_MOST_ROWS]
    rows = [
        _Row(name, distribution.pool.get(name, 0), distribution.batch.get(name, 0), distribution.limits.get(name, ""))
        for name in (sorted(first) if distribution.is_ordered else sorted(first, key=lambda name: _order(distribution, name)))
    ]
    if rest := names - set(first):
        pool, batch = (sum(counts.get(name, 0) for name in rest) for counts in (distribution.pool, distribution.batch))
        # Where an image may have several values, it would count for several of the rest.
        rows.append(_Row(f"{len(rest):,} more", pool, batch, is_rest=True, is_counted=distribution.images is None))
    return rows


def _names(distribution: Distribution) -> set[str]:
    return {*distribution.pool, *distribution.batch, *distribution.limits}


def _order(distribution: Distribution, name: str) -> tuple[int, int, str]:
    return -distribution.pool.get(name, 0), -distribution.batch.get(name, 0), name


def _line(row: _Row, pool: int, batch: int, highest: float) -> str:
    if not row.is_counted:
        return f'<tr><th scope="row"><i>{row.name}</i></th><td></td><td></td></tr>'
    kind, words = against_pool(row.pool, row.batch, pool, batch)
    name = f"<i>{row.name}</i>" if row.is_rest else f"<bdi>{clean(cut(row.name, _LONGEST_NAME)) or '(empty)'}</bdi>"
    limit = f'<span class="limit free">{clean(cut(row.limit, _LONGEST_LIMIT))}</span>' if row.limit else ""
    shares = [_part(row.pool, pool), _part(row.batch, batch)]
    bars = "".join(
        _bar(side, part, count, highest) for side, part, count in zip(("pool", "batch"), shares, (row.pool, row.batch), strict=True)
    )
    return f'<tr><th scope="row">{name}{limit}</th><td>{bars}</td><td class="{kind}">{words}</td></tr>'


def _bar(side: str, part: float, count: int, highest: float) -> str:
    length = max(1.0 if count else 0.0, _BAR * part / highest)
    return (
        f'<div class="pair"><svg viewBox="0 0 {_BAR} 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="{side}" width="{length:.1f}" height="10"/></svg>'
        f'<span><span class="unseen">{side} </span>{percent(part)}<span class="count"> ({count:,})</span></span></div>'
    )


def _part(count: int, whole: int) -> float:
    return count / whole if whole else 0.0


def _times(ratio: float) -> str:
    return f"{ratio:,.0f} times" if ratio >= 9.95 else f"{ratio:.2g} times"
