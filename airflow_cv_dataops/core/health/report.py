"""The page of a partition's health: five pillars, what is in breach, what nobody could judge, and trends with the releases in them."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from datetime import datetime
from itertools import chain

from airflow_cv_dataops.core.health.pillars import PillarState, pillar_states, worst_first
from airflow_cv_dataops.core.health.verdict import BREACH, HOLDS, NOT_JUDGED, Verdict
from airflow_cv_dataops.core.report.document import html_document, resource
from airflow_cv_dataops.core.report.limits import ReportLimits
from airflow_cv_dataops.core.report.location import report_path, report_uri
from airflow_cv_dataops.core.report.page import table_head
from airflow_cv_dataops.core.report.plots import clean, cut
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.trends.charts import MOST_CHARTS, releases_table, trend_charts
from airflow_cv_dataops.core.trends.trends import DEFAULT_METRICS, Trends, read_trends
from airflow_cv_dataops.core.wording import readable

log = logging.getLogger(__name__)

REPORT = "health"
_LIMITS = ReportLimits()
_MOST_ROWS = 500
_MOST_UNFOLDED = 8  # rows; of a young dataset hardly anything can be judged, and its trends are below
_MOST_PARTITIONS = 400  # a year of days: of thousands, nobody sees the last ones, and each costs a file that is read
_LONGEST_MESSAGE = 600
_STATES = {HOLDS: ("✓", "Holds"), BREACH: ("✕", "In breach"), NOT_JUDGED: ("?", "Not judged")}


def write_health_report(
    dataset: Dataset,
    partition_key: str,
    verdicts: Sequence[Verdict],
    *,
    recorded_at: datetime | None = None,
    metrics: Sequence[str] = DEFAULT_METRICS,
    limits: ReportLimits = _LIMITS,
) -> str:
    """Write one self-contained HTML page below the dataset's ``reports/`` and return its URI, without credentials.

    It shows trends as the tables are now: after the step's own metrics are written. Equal input makes equal bytes and so the same name; an
    older report is never overwritten.

    :param recorded_at: when the step started, for the page's head; ``None``: the page does not say.
    :param metrics: whose trends are shown, as :func:`~airflow_cv_dataops.core.trends.trends.metric_trends` takes them.
    :param limits: with too many charts for ``max_bytes``, the last ones are left out, and the page says so.
    :raises ConfigurationError: the catalog names no warehouse to write below, or a metric is none.
    """
    trends = read_trends(dataset, metrics, around=partition_key, most=_MOST_PARTITIONS)
    most = min(MOST_CHARTS, len(trends.series))
    page = health_page(dataset.name, partition_key, verdicts, trends, recorded_at=recorded_at, most_charts=most)
    while len(page) > limits.max_bytes and most:
        most //= 2
        page = health_page(dataset.name, partition_key, verdicts, trends, recorded_at=recorded_at, most_charts=most)
    path = report_path(REPORT, partition_key, page)
    store = dataset.objects()
    if store.size(path) != len(page):
        store.write(path, page)
    uri = report_uri(dataset, path)
    log.info("Report of %d verdicts and %d trends, %.2f MB: %s", len(verdicts), most, len(page) / 1e6, readable(uri))
    return uri


def health_page(
    dataset: str,
    partition_key: str,
    verdicts: Sequence[Verdict],
    trends: Trends,
    *,
    recorded_at: datetime | None = None,
    most_charts: int = MOST_CHARTS,
) -> bytes:
    """Return the whole file."""
    states = list(pillar_states(verdicts))
    made = f" · looked at <b>{recorded_at:%Y-%m-%d %H:%M} UTC</b>" if recorded_at else ""
    body = f"""<a class="skip" href="#breaches">Skip to what is in breach</a>
<header>
<h1>Health of <bdi>{clean(dataset)}</bdi></h1>
<p class="where">Partition <b><bdi>{clean(cut(partition_key))}</bdi></b>{made}</p>
<p class="verdict">{_in_words(verdicts)}</p>
</header>
<main>
<section aria-label="Pillars"><ul class="pillars">{"".join(map(_pillar, states))}</ul></section>
{_breaches([verdict for verdict in verdicts if verdict.is_breach])}
{_not_judged([verdict for verdict in verdicts if verdict.outcome == NOT_JUDGED])}
{_holding([verdict for verdict in verdicts if verdict.outcome == HOLDS])}
{_trends(trends, partition_key, most_charts)}
</main>"""
    style = [resource("airflow_cv_dataops.core.report", "page.css"), resource(__package__, "health.css")]
    return html_document(f"Health of {dataset}, {cut(partition_key)}", body, style=style, script="", data={})


def _in_words(verdicts: Sequence[Verdict]) -> str:
    counts = {outcome: sum(verdict.outcome == outcome for verdict in verdicts) for outcome in (BREACH, HOLDS, NOT_JUDGED)}
    if not verdicts:
        return "Nothing was looked at: that is no clean bill."
    told = f"{counts[HOLDS]:,} of {len(verdicts):,} checks hold"
    told += f", <b>{counts[BREACH]:,} {'is' if counts[BREACH] == 1 else 'are'} in breach</b>" if counts[BREACH] else ", none is in breach"
    return told + (f", {counts[NOT_JUDGED]:,} could not be judged." if counts[NOT_JUDGED] else ".")


def _pillar(state: PillarState) -> str:
    sign, words = _STATES[state.outcome]
    style = f"breach {state.worst}" if state.worst else "partly" if state.not_judged and state.holds else state.outcome.replace("_", "-")
    parts = [(state.breaches, "in breach"), (state.holds, "hold" if state.holds != 1 else "holds"), (state.not_judged, "not judged")]
    told = ", ".join(f"{count:,} {what}" for count, what in parts if count) or "no check looked at it"
    return (
        f'<li class="pillar {clean(style)}"><span class="sign" aria-hidden="true">{sign}</span><h2>{clean(state.pillar.capitalize())}</h2>'
        f'<p class="state">{words}</p><p class="small">{told}</p></li>'
    )


def _breaches(verdicts: Sequence[Verdict]) -> str:
    if not verdicts:
        return '<section id="breaches" tabindex="-1"><h2>In breach</h2><p class="clear">Nothing.</p></section>'
    cards = "".join(map(_breach, worst_first(verdicts)[:_MOST_ROWS]))
    return f'<section id="breaches" tabindex="-1"><h2>In breach</h2><ul class="breaches">{cards}</ul>{_more(verdicts)}</section>'


def _breach(verdict: Verdict) -> str:
    facts = []
    if verdict.value is not None and math.isfinite(verdict.value):
        facts.append(f"<div><dt>found</dt><dd>{_number(verdict.value)}</dd></div>")
    if verdict.expected:
        facts.append(f"<div><dt>expected</dt><dd><bdi>{clean(cut(verdict.expected))}</bdi></dd></div>")
    if verdict.score is not None and math.isfinite(verdict.score):
        facts.append(f"<div><dt>from usual</dt><dd>{verdict.score:+.1f} σ</dd></div>".replace("-", "−"))
    told = f"<dl>{''.join(facts)}</dl>" if facts else ""
    severity = clean(verdict.severity)
    return (
        f'<li class="broken {severity}"><p class="head"><span class="badge {severity}">{severity}</span> <b>{_check(verdict)}</b> '
        f'<span class="small">{clean(verdict.pillar)}</span></p>'
        f'<p class="free" dir="auto">{clean(cut(verdict.message, _LONGEST_MESSAGE))}</p>{told}</li>'
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1_000 else f"{value:.4g}"


def _check(verdict: Verdict) -> str:
    parts = ", ".join(f"{name} {value}" for name, value in verdict.dimensions.items())
    return f"<bdi>{clean(cut(verdict.check))}</bdi>" + (f" (<bdi>{clean(cut(parts))}</bdi>)" if parts else "")


def _not_judged(verdicts: Sequence[Verdict]) -> str:
    if not verdicts:
        return ""
    rows = f"{_table(verdicts, 'why not')}{_more(verdicts)}"
    if len(verdicts) > _MOST_UNFOLDED:
        rows = f"<details><summary>{len(verdicts):,} checks, and why not</summary>{rows}</details>"
    return f'<section><h2>Could not be judged</h2><p class="small">That is no clean bill: nobody knows.</p>{rows}</section>'


def _holding(verdicts: Sequence[Verdict]) -> str:
    if not verdicts:
        return ""
    summary = f"{len(verdicts):,} {'check holds' if len(verdicts) == 1 else 'checks hold'}"
    return f"<section><details><summary>{summary}</summary>{_table(verdicts, 'what was found')}{_more(verdicts)}</details></section>"


def _table(verdicts: Sequence[Verdict], last: str) -> str:
    rows = "".join(
        f'<tr><td>{clean(verdict.pillar)}</td><th scope="row">{_check(verdict)}</th>'
        f'<td class="free" dir="auto">{clean(cut(verdict.message, _LONGEST_MESSAGE))}</td></tr>'
        for verdict in worst_first(verdicts)[:_MOST_ROWS]
    )
    return f'<div class="scroll"><table class="verdicts">{table_head("pillar", "check", last)}<tbody>{rows}</tbody></table></div>'


def _more(verdicts: Sequence[Verdict]) -> str:
    return f'<p class="small">And {len(verdicts) - _MOST_ROWS:,} more.</p>' if len(verdicts) > _MOST_ROWS else ""


def _trends(trends: Trends, partition_key: str, most: int) -> str:
    if not trends.series:
        return '<section><h2>Trends</h2><p class="clear">No step has measured any of the numbers that are shown here.</p></section>'
    left_out = [one.name for one in trends.series[most:]]
    notes = chain(
        ["The dot is this partition. A line breaks where a partition is missing or was not measured."],
        [f"{trends.left_out:,} partitions further off are not shown."] if trends.left_out else [],
        [f"Left out: {cut(', '.join(left_out), 400)}."] if left_out else [],
    )
    told = "".join(f'<p class="small">{clean(note)}</p>' for note in notes)
    table = releases_table(trends)
    releases = f"<section><h2>Releases</h2>{table}</section>" if table else ""
    figures = trend_charts(trends, partition_key, most)
    return f'<section><h2>Trends</h2>{told}<div class="figures">{figures}</div></section>{releases}'
