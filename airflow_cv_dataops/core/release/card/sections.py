"""The sections of a card, in their order."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_cv_dataops.core.release.card.blocks import Block, Cell, Pictures, Section, Table, Tiles, Words
from airflow_cv_dataops.core.release.card.facts import CardFacts
from airflow_cv_dataops.core.release.card.gallery import MOST_PICTURES
from airflow_cv_dataops.core.release.card.in_words import UNKNOWN, change, count, number, share
from airflow_cv_dataops.core.release.card.sections_of_data import categories, images, labels, splits
from airflow_cv_dataops.core.release.card.sections_of_quality import exclusions, findings, gates, measures
from airflow_cv_dataops.core.release.card.sections_of_use import lineage, reading, sources
from airflow_cv_dataops.core.report.page import Tile

_SAID = {"description": "Description", "notes": "Notes"}
_MOST_CHANGES = 20


def sections(facts: CardFacts) -> list[Section]:
    """Return what there is to say; a section without anything to say is left out."""
    parts = [
        Section("Numbers", [Tiles(_tiles(facts))]),
        Section("About", _about(facts)),
        Section("Examples", _pictures(facts)),
        Section("Splits", splits(facts)),
        Section("Categories", categories(facts)),
        Section("Images", images(facts)),
        Section("Labels", labels(facts)),
        Section("Gates", gates(facts)),
        Section("Left out", exclusions(facts)),
        Section("Open findings", findings(facts)),
        Section("Measures", measures(facts)),
        Section("Changes", _changes(facts)),
        Section("Sources and licences", sources(facts)),
        Section("How to read it", reading(facts)),
        Section("Lineage", lineage(facts)),
    ]
    return [part for part in parts if part.blocks]


def _about(facts: CardFacts) -> list[Block]:
    said = facts.description
    told: list[Block] = [Words(said.description, is_said=True)] if said.description else []
    if not told:
        told.append(Words("Nobody has described this dataset yet: describe_dataset and DatasetDescriptionOperator do."))
    rows: list[list[Cell]] = [
        ["Owner", said.owner or "not stated"],
        ["Licence", said.license or "not stated"],
        ["Release", facts.release],
        ["Stage", f"{facts.stage} (by {facts.action})"],
        ["Made", facts.created_at.isoformat(sep=" ", timespec="seconds")],
        ["By", _by(facts)],
        ["Release before", facts.parent_name or f"none: the first of stage {facts.stage}"],
        ["Partitions", _partitions(facts)],
        ["Content", facts.content_id],
    ]
    if said.stages:
        rows.append(["Order of stages", " → ".join(said.stages)])
    rows += [[name.replace("_", " "), text] for name, text in said.others.items()]
    told.append(Table(("", ""), rows))
    for title, text in _notes(facts):
        if text:
            told += [Words(f"{title}:"), Words(text, is_said=True)]
    return told


def _by(facts: CardFacts) -> str:
    if not facts.dag_id:
        return "no DAG: from Python"
    return f"DAG {facts.dag_id}" + (f", run {facts.run_id}" if facts.run_id else "")


def _partitions(facts: CardFacts) -> str:
    if facts.partition_keys is None:
        return f"{facts.partitions:,}, the whole dataset as it was"
    named = ", ".join(facts.partition_keys[:5]) + (f" and {len(facts.partition_keys) - 5:,} more" if len(facts.partition_keys) > 5 else "")
    return f"{facts.partitions:,}, narrowed down to {named}"


def _notes(facts: CardFacts) -> list[tuple[str, str | None]]:
    made = [("Notes on this release, when it was made", facts.made.notes)] if facts.made else []
    return [("Notes on the dataset", facts.description.notes), *made, ("Notes on this release", facts.notes)]


def _tiles(facts: CardFacts) -> list[Tile]:
    held, found = facts.labels, facts.findings
    gates = [*(facts.made.gates if facts.made else ()), *facts.gates]
    passed = sum(bool(gate.get("passed")) for gate in gates)
    looked = bool(found.audited) and found.audited == found.partitions
    total = sum(found.by_check.values())
    errors = sum(findings for (_, severity), findings in found.by_check.items() if severity == "error")
    rate = (facts.measured or {}).get("label_error_rate")
    tiles = [
        Tile("Images", f"{facts.images:,}", f"in {count(facts.partitions, 'partition')}"),
        Tile("Labels", f"{held.labels:,}", _per_image(facts)),
        Tile("Labelled images", share(held.labelled_images, facts.images), _empty(facts)),
        Tile("Categories", f"{len(held.categories):,}", f"{held.uncategorised:,} labels without" if held.uncategorised else ""),
        Tile("Splits", f"{len(facts.splits):,}", ", ".join(f"{name} {images:,}" for name, images in facts.splits.items())),
        Tile("Gates", f"{passed:,} of {len(gates):,}" if gates else "none", "hold" if gates else "nothing was asked"),
        Tile(
            "Open findings",
            f"{total:,}" if looked else UNKNOWN,
            f"{errors:,} of severity error" if looked else f"{found.audited:,} of {found.partitions:,} partitions audited",
            "error" if errors else "" if looked else "warning",
        ),
    ]
    return [*tiles, Tile("Label error rate", f"{rate:.2%}", "wrong or suspect")] if rate is not None else tiles


def _per_image(facts: CardFacts) -> str:
    return f"{number(round(facts.labels.labels / facts.images, 2))} an image" if facts.images else ""


def _empty(facts: CardFacts) -> str:
    held = facts.labels
    without = facts.images - held.labelled_images
    empty = f", {held.backgrounds:,} of them empty" if held.backgrounds else ""
    return f"{held.labelled_images:,}{empty}; {without:,} without a label"


def _pictures(facts: CardFacts) -> list[Block]:
    if not facts.examples:
        return []
    drawn = {box.category for example in facts.examples for box in example.boxes}
    colours = [category.name for category in facts.labels.categories[:MOST_PICTURES]]
    told = "The first images by their ids of the largest categories, which are as good as drawn by lot."
    return [Pictures(told, facts.examples, colours if drawn - {None} else ())]


def _changes(facts: CardFacts) -> list[Block]:
    if facts.parent_name is None:
        return []
    before = facts.parent
    if before is None:
        return [Words(f"The release before, {facts.parent_name}, cannot be found any more: what has changed is unknown.")]
    rows: list[list[Cell]] = [_changed("images", facts.images, before.images), _changed("labels", facts.labels.labels, before.annotations)]
    known = before.splits
    for split in sorted({*facts.splits, *(known or {})}):
        rows.append(_changed(f"images of {split}", facts.splits.get(split, 0), None if known is None else known.get(split, 0)))
    told: list[Block] = [Table(("", before.name, facts.release, "change"), rows)]
    if before.categories is None:
        return [*told, Words(f"How many labels {before.name} had of each category was not measured when it was made.")]
    return [*told, *_changed_categories(facts, before.categories)]


def _changed_categories(facts: CardFacts, before: Mapping[str, int]) -> list[Block]:
    now = {category.name: category.labels for category in facts.labels.categories}
    names = [name for name in now.keys() | before.keys() if now.get(name, 0) != before.get(name, 0)]
    names.sort(key=lambda name: (-abs(now.get(name, 0) - before.get(name, 0)), name))
    if not names:
        return [Words("No category has more or fewer labels than before.")]
    rows = [_changed(name, now.get(name, 0), before.get(name, 0)) for name in names[:_MOST_CHANGES]]
    told: list[Block] = [Words("Labels by category, the largest change first:"), Table(("category", "before", "now", "change"), rows)]
    if len(names) > _MOST_CHANGES:
        told.append(Words(f"{len(names) - _MOST_CHANGES:,} more categories have changed."))
    return told


def _changed(name: str, now: int, before: int | None) -> list[Cell]:
    return [name, UNKNOWN if before is None else before, now, change(now, before)]
