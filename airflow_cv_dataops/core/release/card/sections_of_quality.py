"""What a card says of gates, of what was left out, of findings and of measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_cv_dataops.core.audit.checks import BUILT_IN_CHECKS
from airflow_cv_dataops.core.release.card.blocks import Block, Cell, Mark, Sentence, Table, Words
from airflow_cv_dataops.core.release.card.facts import CardFacts
from airflow_cv_dataops.core.release.card.in_words import UNKNOWN, count, number
from airflow_cv_dataops.core.store.schema import SEVERITIES

_MOST_GATES = 200


def gates(facts: CardFacts) -> list[Block]:
    if facts.made is None:
        return _asked(facts.gates)
    return [
        Words(f"Asked when it was made, for {facts.made.stage}:"),
        *_asked(facts.made.gates),
        Words(f"Asked when {facts.stage} moved to it:"),
        *_asked(facts.gates),
    ]


def _asked(gates: Sequence[Mapping[str, Any]]) -> list[Block]:
    if not gates:
        return [Words("Nothing was asked of this release before the stage moved to it: it was promoted without gates.")]
    rows = [_gate(gate) for gate in gates[:_MOST_GATES]]
    has_notes = any(gate.get("note") for gate in gates)
    head = ("gate", "found", "outcome", *(("note",) if has_notes else ()))
    blocks: list[Block] = [Table(head, [row if has_notes else row[:3] for row in rows])]
    if len(gates) > _MOST_GATES:
        blocks.append(Words(f"{len(gates) - _MOST_GATES:,} more gates are in the row of the table releases."))
    return blocks


def _gate(gate: Mapping[str, Any]) -> list[Cell]:
    text = gate.get("gate") or f"{gate.get('metric')} {gate.get('op')} {number(gate.get('wanted'))}"
    warns = gate.get("severity") == "warning"
    outcome = Mark("holds", "pass") if gate.get("passed") else Mark("warns" if warns else "fails", "warning" if warns else "error")
    found = "no such metric" if gate.get("found") is None else number(gate["found"])
    return [str(text), found, outcome, str(gate.get("note") or "")]


def exclusions(facts: CardFacts) -> list[Block]:
    if not facts.exclusions:
        return []
    rows: list[list[Cell]] = [
        [str(rule.get("rule", UNKNOWN)), _count(rule.get("images")), _count(rule.get("labels"))] for rule in facts.exclusions
    ]
    return [Words("What findings condemn is not in this release, by these rules:"), Table(("rule", "images", "labels"), rows)]


def _count(given: Any) -> Cell:
    return given if isinstance(given, int) and not isinstance(given, bool) else UNKNOWN


def findings(facts: CardFacts) -> list[Block]:
    found = facts.findings
    if not found.partitions:
        return []
    blocks: list[Block] = []
    if not found.audited:
        blocks.append(Words("Nobody has looked: no partition of this release was audited as it is.", is_notice=True))
    elif found.audited < found.partitions:
        unseen = found.partitions - found.audited
        words = f"Nobody has looked at {unseen:,} of {count(found.partitions, 'partition')} as they are: what is wrong there is unknown."
        blocks.append(Words(words, is_notice=True))
    if found.outdated:
        late = count(found.outdated, "partition")
        blocks.append(Words(f"The audits of {late} are older than what they looked at; their findings are not counted."))
    known = {check.id: check for check in BUILT_IN_CHECKS}
    order = sorted(found.by_check.items(), key=lambda entry: (_rank(entry[0][1]), -entry[1], entry[0]))
    rows: list[list[Cell]] = [
        [Mark(severity, severity), check, findings, Sentence(f"{known[check].meaning} {known[check].fix}" if check in known else "")]
        for (check, severity), findings in order
    ]
    if rows:
        by_severity = [(name, sum(n for (_, severity), n in order if severity == name)) for name in SEVERITIES]
        blocks.append(Words(", ".join(f"{findings:,} of severity {name}" for name, findings in by_severity) + "."))
        blocks.append(Table(("severity", "check", "findings", "what it means, what to do"), rows))
    elif found.audited == found.partitions:
        blocks.append(Words("The audits found nothing that is still there."))
    if found.clean:
        blocks.append(Words(f"{count(len(found.clean), 'check')} ran in every partition and found nothing: {', '.join(found.clean)}."))
    return blocks


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)


def measures(facts: CardFacts) -> list[Block]:
    if facts.measured is None:
        return [Words("The metrics of this release were not kept when it was made; what stands here was counted from its tables.")]
    rows: list[list[Cell]] = [[name, number(value)] for name, value in facts.measured.items() if not name.startswith("findings.")]
    return [Table(("metric", "value"), rows)] if rows else []
