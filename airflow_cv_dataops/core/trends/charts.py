"""Trends as charts: one for each series, all with the same axis and the same releases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from airflow_cv_dataops.core.report.lines import LineChart, Mark, line_chart
from airflow_cv_dataops.core.report.page import table_head
from airflow_cv_dataops.core.report.plots import clean, cut
from airflow_cv_dataops.core.trends.releases import ReleaseMark
from airflow_cv_dataops.core.trends.trends import Series, Trends

MOST_CHARTS = 24
_MOST_WITH_STAGE = 6  # releases that are labelled with their stage, too
_MOST_MARKS = 200
_MOST_RELEASES = 60
_SHARES = ("_ratio", "_rate", "_share", "_low", "_high")
_DAY_SECONDS = 86_400.0


def trend_charts(trends: Trends, partition_key: str | None = None, most: int = MOST_CHARTS) -> str:
    """Return figures as HTML. :param partition_key: the one that the page is about; its value is drawn as a dot. :param most: charts."""
    places = _places(trends)
    place_of = dict(zip(trends.partition_keys, places, strict=True))
    marks = _marks(trends.marks, place_of)
    current = trends.partition_keys.index(partition_key) if partition_key in place_of else None
    return "".join(_chart(trends, one, places, marks, current) for one in trends.series[:most])


def releases_table(trends: Trends) -> str:
    """Return the releases as HTML, the newest first, with what no chart can show: where nobody can tell any more where one ends."""
    if not trends.marks:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{clean(mark.release)}</th><td><bdi>{clean(cut(", ".join(mark.stages)))}</bdi></td>'
        f"<td>{_end_in_words(mark)}</td><td>{mark.created_at:%Y-%m-%d %H:%M} UTC</td></tr>"
        for mark in reversed(trends.marks[-_MOST_RELEASES:])
    )
    more = len(trends.marks) - _MOST_RELEASES
    note = f'<p class="small">And {more:,} older ones.</p>' if more > 0 else ""
    head = table_head("release", "stages", "newest partition", "made")
    return f'<div class="scroll"><table class="releases">{head}<tbody>{rows}</tbody></table></div>{note}'


def _end_in_words(mark: ReleaseMark) -> str:
    if mark.partition_key is None:
        return "<i>unknown: it holds no image, or its snapshot is gone</i>"
    return f"<bdi>{clean(cut(mark.partition_key))}</bdi>"


def _chart(trends: Trends, series: Series, places: Sequence[float], marks: Sequence[Mark], current: int | None) -> str:
    metric = series.metric.replace("_", " ")
    parts = "".join(f", {name} {value}" for name, value in series.dimensions.items())
    return line_chart(
        LineChart(
            title=f"{metric[:1].upper()}{metric[1:]}{parts} · {series.step}",
            places=places,
            values=series.values.tolist(),
            names=trends.partition_keys,
            marks=marks,
            current=current,
            is_share=series.metric.endswith(_SHARES),
            note=_note(trends, series),
        )
    )


def _note(trends: Trends, series: Series) -> str:
    """Say what the line lacks: days that are not there, and partitions that are there and were not measured."""
    without = [key for key, value in zip(trends.partition_keys, series.values.tolist(), strict=True) if value != value]
    absent = sum(key in trends.missing for key in without)
    unmeasured = len(without) - absent
    told = [(absent, "partition is", "partitions are", "missing"), (unmeasured, "partition was", "partitions were", "not measured")]
    return "; ".join(f"{count:,} {one if count == 1 else many} {what}" for count, one, many, what in told if count)


def _places(trends: Trends) -> list[float]:
    """Return days since 1970 where every key is a date, else 0, 1, 2, …"""
    times = [time for time in trends.times if time is not None]
    if len(times) < len(trends.times) or len(set(times)) < len(times):
        return [float(place) for place in range(len(trends.partition_keys))]
    return [(time - datetime(1970, 1, 1)).total_seconds() / _DAY_SECONDS for time in times]


def _marks(marks: Sequence[ReleaseMark], place_of: dict[str, float]) -> list[Mark]:
    """Return one mark for each partition at which releases end."""
    ending: dict[str, list[ReleaseMark]] = {}
    for mark in marks:
        if mark.partition_key in place_of and mark.partition_key is not None:
            ending.setdefault(mark.partition_key, []).append(mark)
    shown = list(ending.items())[-_MOST_MARKS:]
    return [Mark(place_of[key], _label(found, len(shown)), _title(key, found)) for key, found in shown]


def _label(found: Sequence[ReleaseMark], marks: int) -> str:
    if len(found) == 1 and marks <= _MOST_WITH_STAGE:
        return f"{found[0].release} {found[0].stages[-1]}"
    return found[0].release if len(found) == 1 else f"{found[0].release}–{found[-1].release}"


def _title(partition_key: str, found: Sequence[ReleaseMark]) -> str:
    told = ", ".join(f"{mark.in_words}, made {mark.created_at:%Y-%m-%d}" for mark in found[-5:])
    return f"{told}: up to {partition_key}"
