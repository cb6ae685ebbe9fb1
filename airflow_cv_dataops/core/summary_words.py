"""A summary as a few lines of a log. XCom has all of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airflow_cv_dataops.core.wording import duration, few, printable, readable, share

_LONGEST_LINE = 120
_MOST_NAMED = 6
_LONGEST_NAME = 60
_HEAD = "label_error_rate"
_SHARES = ("_ratio", "_rate", "_agreement", "_share", "_share_error")
_SEVERITIES = ("error", "warning", "info")
_HEADINGS = {"by_severity": "Findings by severity", "by_check": "Findings by check", "by_pillar": "Breaches by pillar"}
_PLURAL = re.compile(r"[a-z]+(?<!s)(?<!ou)s(?=_|$)")  # the first word that is one: what is counted
_WORD = re.compile(r"[^\W\d][\w.:/-]*")


def in_words(summary: Mapping[str, Any]) -> list[str]:
    """Return lines: what matters first, then what is not zero; of what has many names the largest few.

    :param summary: as the task leaves it in XCom.
    """
    counts, metrics = summary["counts"], dict(summary["metrics"])
    lines = [*_release(summary), *_error_rate(counts, metrics)]
    counted = [_counted(name, number) for name, number in counts.items() if _is_told(number)]
    lines += _lines(counted or _nothing(counts))
    lines += _of_maps(counts)
    lines += _of_maps(_gathered(metrics))
    lines += _lines(_measured(metrics), start="Measured: ")
    lines += [f"{_spaced(name).capitalize()}: {told}" for name, rows in metrics.items() if (told := _of_rows(rows))]
    if summary["report_uri"]:
        lines.append(f"Report: {readable(summary['report_uri'])}")
    if summary["duration_seconds"]:
        lines.append(f"Took {duration(summary['duration_seconds'])}")
    return lines


def _release(summary: Mapping[str, Any]) -> Iterator[str]:
    release, stage = summary.get("release"), summary.get("stage")
    if isinstance(release, str):
        at = f", stage {stage}" if isinstance(stage, str) else ""
        yield printable(f"Release {release}{at}{' (unchanged)' if summary.get('unchanged') is True else ''}")


def _error_rate(counts: Mapping[str, Any], metrics: dict[str, Any]) -> Iterator[str]:
    """Tell the rate that an audit is about, also where it is zero, and take it out of the metrics."""
    rate = metrics.pop(_HEAD, None)
    if not _is_number(rate):
        return
    wrong, labels = counts.get("erroneous"), counts.get("annotations")
    of = f": {wrong:,} of {labels:,} labels are wrong or suspect" if isinstance(wrong, int) and isinstance(labels, int) else ""
    yield f"Label error rate {share(rate)}{_interval(_HEAD, metrics)}{of}"


def _nothing(counts: Mapping[str, Any]) -> Iterator[str]:
    """Tell the first that is zero where all are: a step that found nothing says so."""
    zero = next((name for name, number in counts.items() if _is_number(number)), None)
    if zero is not None:
        yield f"0 {_spaced(zero)}"


def _counted(name: str, number: float) -> str:
    if name == "bytes":
        return _size(number)
    return f"{number:,} {_spaced(_PLURAL.sub(_singular, name, count=1) if number == 1 else name)}"


def _singular(word: re.Match[str]) -> str:
    return f"{word[0][:-3]}y" if word[0].endswith("ies") else word[0][:-1]


def _measured(metrics: dict[str, Any]) -> Iterator[str]:
    """Tell the first, whatever it is, and of the others those that are not zero; the ends of an interval beside its middle."""
    numbers = {name: number for name, number in metrics.items() if _is_number(number) and "." not in name}
    ends = {name + end for name in numbers for end in ("_low", "_high")}
    first = next(iter(numbers), None)
    for name, number in numbers.items():
        if name in ends or not (number or name == first):
            continue
        yield f"{_titled(name)} {_number(name, number)}{_interval(name, metrics)}"


def _interval(name: str, metrics: dict[str, Any]) -> str:
    low, high = metrics.pop(f"{name}_low", None), metrics.pop(f"{name}_high", None)
    if not (_is_number(low) and _is_number(high)):
        return ""
    return f" (95% interval {_number(name, low)} to {_number(name, high)})"


def _number(name: str, number: float) -> str:
    if name.endswith(_SHARES) and 0 <= number <= 1:
        return share(number)
    if name.endswith("_hours"):
        return duration(3_600 * number)
    if name.endswith("_seconds"):
        return duration(number)
    return f"{number:,}" if isinstance(number, int) else f"{number:,.4g}" if abs(number) < 10_000 else f"{number:,.0f}"


def _size(number: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1_000:
            return f"{number:.3g} {unit}"
        number /= 1_000
    return f"{number:,.4g} TB"


def _of_maps(groups: Mapping[str, Any]) -> Iterator[str]:
    for name, group in groups.items():
        if not isinstance(group, Mapping):
            continue
        told = {key: number for key, number in group.items() if _is_told(number)}
        order = sorted(told, key=lambda key: (_SEVERITIES.index(key) if key in _SEVERITIES else len(_SEVERITIES), -told[key]))
        if order:
            heading = _HEADINGS.get(name) or _spaced(name).capitalize()
            yield f"{heading}: {few([f'{_name(key)} {_number(name, told[key])}' for key in order], _MOST_NAMED)}"


def _gathered(metrics: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the metrics with a dot in their names by what stands before it, and those that are maps as they are."""
    groups: dict[str, dict[str, Any]] = {name: dict(value) for name, value in metrics.items() if isinstance(value, Mapping)}
    for name, number in metrics.items():
        if "." in name and _is_number(number):
            group, _, key = name.partition(".")
            if group == "findings":  # of a promotion: each finding counts in both
                group = "by_severity" if key in _SEVERITIES else "by_check"
            groups.setdefault(group, {})[key] = number
    return groups


def _of_rows(rows: Any) -> str:
    """Tell rows such as the worst categories by their first text and their first number."""
    if not isinstance(rows, list):
        return ""
    told = []
    for row in rows:
        values = list(row.items()) if isinstance(row, Mapping) else []
        text = next((value for _, value in values if isinstance(value, str)), None)
        number = next((_number(name, value) for name, value in values if _is_number(value)), None)
        if text is not None and number is not None:
            told.append(f"{_name(text)} {number}")
    return few(told, _MOST_NAMED)


def _lines(items: Iterable[str], start: str = "") -> list[str]:
    """Join as many as one line takes."""
    lines: list[str] = []
    for item in items:
        if lines and len(lines[-1]) + len(item) + 2 <= _LONGEST_LINE:
            lines[-1] += f", {item}"
        else:
            lines.append(start + item)
    return lines


def _name(key: str) -> str:
    """Return what may be any text: short, without what could begin a line, and in quotes where it would not read as a name."""
    short = printable(key if len(key) <= _LONGEST_NAME else f"{key[: _LONGEST_NAME - 1]}…")
    return short if _WORD.fullmatch(short) else f"'{short}'"


def _spaced(name: str) -> str:
    return printable(name.replace("_", " "))


def _titled(name: str) -> str:
    """Return a metric's name without the unit that its value has."""
    return _spaced(name.removesuffix("_hours").removesuffix("_seconds"))


def _is_told(value: Any) -> bool:
    return _is_number(value) and bool(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
