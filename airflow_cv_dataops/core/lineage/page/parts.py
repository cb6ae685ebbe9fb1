"""The pieces of HTML that the lineage page's sections are made of. What comes from outside is escaped here or by whoever calls."""

from __future__ import annotations

import re
from collections.abc import Sequence

from airflow_cv_dataops.core.report.plots import clean

_SPACES = re.compile(r"\s+")
_CODE = re.compile("`([^`]+)`")


def name(text: str) -> str:
    """Return a name from outside, its writing direction kept to itself; nothing for none."""
    return f"<bdi>{clean(_SPACES.sub(' ', text))}</bdi>" if text else ""


def sentence(text: str) -> str:
    """Return the first paragraph of a text, what stands between backticks as code, as documentation is written in Python and Markdown."""
    first = text.strip().partition("\n\n")[0]
    return _CODE.sub(r"<code>\1</code>", name(first))


def link(node_id: str | None, text: str) -> str:
    """Return a name that leads to its node; just the name where the graph has no such node."""
    return f'<a href="#{node_id}">{name(text)}</a>' if node_id else name(text)


def definitions(facts: Sequence[tuple[str, str]]) -> str:
    """:param facts: name and HTML; those without any are left out."""
    return "<dl>" + "".join(f"<dt>{what}</dt><dd>{said}</dd>" for what, said in facts if said) + "</dl>"


def table(title: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table, nothing where it has no rows, without columns of which no row says anything.

    :param rows: HTML; the first cell of each is its heading.
    """
    if not rows:
        return ""
    told = [column for column in range(len(names)) if column == 0 or any(row[column] for row in rows)]
    head = "".join(f'<th scope="col">{names[column]}</th>' for column in told)
    lines = "".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(_cell(row[column], names[column]) for column in told[1:])}</tr>' for row in rows
    )
    opened = f'<div class="scroll" tabindex="0" role="region" aria-label="{title}">'
    return f"<h3>{title}</h3>{opened}<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>"


def shown_of(title: str, shown: int, of: int) -> str:
    """Return a table's title, which says so where not everything is shown."""
    return title if shown >= of else f"{title}: {shown:,} of {of:,}"


def time(at: str) -> str:
    """Return a time to the second; times of the graph are in UTC."""
    return clean(at[:19].replace("T", " "))


def paragraph(text: str) -> str:
    return f'<p class="soft">{sentence(text)}</p>' if text else ""


def _cell(content: str, column: str) -> str:
    """Return a cell that knows its column's name: a narrow window shows the cells of a row one below the other."""
    return f'<td class="long" data-name="{column}">{content}</td>' if len(content) > 60 else f'<td data-name="{column}">{content}</td>'
