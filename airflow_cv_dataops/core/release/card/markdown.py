"""Sections as Markdown, as GitHub and Hugging Face read it. Whatever came from outside is a text there, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence

from airflow_cv_dataops.core.release.card.blocks import Block, Cell, Code, Mark, Section, Sentence, Table, Tiles, Words
from airflow_cv_dataops.core.release.card.facts import CardFacts
from airflow_cv_dataops.core.release.card.front_matter import front_matter

_SPECIAL = re.compile(r"[\\`*\[\]<>|~$#&!{}]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_AT_THE_START = re.compile(r"^(\s*)([-+=:]|\d{1,9}(?=[.)]))")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\u0085]")
_LONGEST_CELL = 400
_LONGEST_TEXT = 20_000


def markdown_card(facts: CardFacts, parts: Sequence[Section]) -> str:
    """Return the whole file, to be put on a hub as ``README.md``. Plots and pictures are the HTML's alone."""
    title = f"# {_escaped(facts.dataset)} {_escaped(facts.release)}"
    body = [text for part in parts if (text := _section(part))]
    return "\n".join([front_matter(facts), title, "", "\n\n".join(body), "", "Made by airflow-cv-dataops.", ""])


def _section(part: Section) -> str:
    blocks = [text for block in part.blocks if (text := _block(block))]
    return "\n\n".join([f"## {_escaped(part.title)}", *blocks]) if blocks else ""


def _block(block: Block) -> str:
    if isinstance(block, Words):
        return _words(block)
    if isinstance(block, Table):
        return _table(block.head, block.rows)
    if isinstance(block, Tiles):
        return _table(("", "", ""), [[tile.label, tile.value, tile.note] for tile in block.tiles])
    return _code(block) if isinstance(block, Code) else ""


def _code(code: Code) -> str:
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", code.text) or [""]))
    text = "\n".join(_printable(line) for line in code.text.split("\n"))
    return f"{fence}{code.language}\n{text}\n{fence}"


def _words(words: Words) -> str:
    if words.is_said:
        lines = words.text[:_LONGEST_TEXT].replace("\r\n", "\n").replace("\r", "\n").split("\n")
        return "\n".join(f"> {_line(line)}".rstrip() for line in lines)
    text = _line(words.text)
    return f"**{text}**" if words.is_notice and text else text


def _line(text: str) -> str:
    """Return a line that starts no list, heading, rule or table."""
    return _AT_THE_START.sub(_as_text, _escaped(text)).strip()


def _as_text(found: re.Match[str]) -> str:
    space, sign = found.groups()
    return f"{space}{sign}\\" if sign.isdigit() else f"{space}\\{sign}"


def _table(head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    is_number = [bool(rows) and all(isinstance(row[at], int) for row in rows) for at in range(len(head))]
    lines = [_row([_escaped(name) for name in head]), _row(["---:" if number else "---" for number in is_number])]
    return "\n".join([*lines, *(_row([_cell(cell) for cell in row]) for row in rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    if isinstance(cell, int):
        return f"{cell:,}"
    if isinstance(cell, Sentence):
        return cell.text.replace("|", "\\|")
    text = cell.text if isinstance(cell, Mark) else cell
    return _escaped(text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 1]}…")


def _escaped(text: str) -> str:
    """Return a text in one line in which no character means anything to Markdown or HTML."""
    safe = _printable(re.sub(r"[\r\n\t\u2028\u2029\u0085]+", " ", text))
    return _SPECIAL.sub(lambda found: {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(found[0], f"\\{found[0]}"), safe)


def _printable(text: str) -> str:
    """Return a text without control characters and lone surrogates."""
    return _CONTROL.sub("\ufffd", text).encode("utf-8", "replace").decode()
