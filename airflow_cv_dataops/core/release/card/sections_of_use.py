"""What a card says of sources and licences, of lineage, and of how to read the release."""

from __future__ import annotations

import json

from airflow_cv_dataops.core.release.card.blocks import Block, Cell, Code, Table, Words
from airflow_cv_dataops.core.release.card.facts import CardFacts
from airflow_cv_dataops.core.release.card.in_words import count
from airflow_cv_dataops.core.store.catalog import CATALOG_NAME

_MOST_SOURCES = 20
_SQL = """SELECT items.split, labels.category, count(*) AS labels
FROM {name}.release_items VERSION AS OF 'release-{release}' AS items
JOIN {name}.annotations VERSION AS OF 'release-{release}' AS labels ON labels.image_id = items.image_id
WHERE items.release = '{release}' AND labels.task <> 'background'
GROUP BY items.split, labels.category"""


def sources(facts: CardFacts) -> list[Block]:
    blocks: list[Block] = []
    for what, unit, found in (("Images", "files", facts.of_images.sources.counted()), ("Labels", "labels", facts.labels.sources)):
        if found:
            rows: list[list[Cell]] = [[place, number] for place, number in found[:_MOST_SOURCES]]
            blocks += [Words(f"{what} came from:"), Table(("source", unit), rows)]
        if len(found) > _MOST_SOURCES:
            others = sum(number for _, number in found[_MOST_SOURCES:])
            blocks.append(Words(f"And {len(found) - _MOST_SOURCES:,} more, with {others:,} {unit}."))
    return [*blocks, *_licences(facts)]


def _licences(facts: CardFacts) -> list[Block]:
    stated, told = facts.description.license, facts.labels.licences
    blocks: list[Block] = [Words(f"Licence of the dataset: {stated}." if stated else "The licence of the dataset is not stated.")]
    if told:
        rows: list[list[Cell]] = [[licence, labels] for licence, labels in list(told.items())[:_MOST_SOURCES]]
        blocks += [Words("Attributes of labels name these licences:"), Table(("licence", "labels"), rows)]
    return blocks


def reading(facts: CardFacts) -> list[Block]:
    name = facts.dataset
    python = f"""from airflow_cv_dataops import open_dataset

release = {_opened(facts)}.release("{facts.release}")
images = release.images().to_pandas()  # each image once, with its split
labels = release.annotations().to_pandas()  # with the split of their image
train = release.map_style({json.dumps(_first_split(facts))})  # for torch.utils.data.DataLoader"""
    export = f"""from airflow_cv_dataops.operators.dataset_export import DatasetExportOperator

DatasetExportOperator(task_id="export", dataset="{name}", release="{facts.release}", format="{_format(facts)}")"""
    return [
        Words("In Python, exactly this release, whatever has become of its stage:"),
        Code("python", python),
        Words(f"In SQL (Spark; Trino says FOR VERSION AS OF), from the tables as they were when it was made{_repeats(facts)}:"),
        Code("sql", _SQL.format(name=name, release=facts.release)),
        Words("As files that train, by a task in Airflow:"),
        Code("python", export),
    ]


def _opened(facts: CardFacts) -> str:
    """Return how the dataset is opened: in the embedded catalog, where that is at home there, else with the catalog's properties."""
    catalog = dict(facts.catalog)
    if catalog.get("type") == "sql" and catalog.get("uri", "").startswith("sqlite:"):
        return f'open_dataset("{facts.dataset}")'
    if catalog.get("name") == CATALOG_NAME:
        del catalog["name"]
    return f'open_dataset("{facts.dataset}", {json.dumps(catalog)})'


def _repeats(facts: CardFacts) -> str:
    copies = facts.of_images.files - facts.of_images.images
    return "; labels of byte-identical files are there once for each file" if copies else ""


def _first_split(facts: CardFacts) -> str:
    return "train" if "train" in facts.splits or not facts.splits else next(iter(facts.splits))


def _format(facts: CardFacts) -> str:
    return "imagefolder" if set(facts.labels.by_task) == {"classification"} else "coco"


def lineage(facts: CardFacts) -> list[Block]:
    made = f"DAG {facts.dag_id}, run {facts.run_id}" if facts.dag_id else "a call from Python, which tells lineage nothing"
    rows: list[list[Cell]] = [[name, snapshot, namespace] for _, snapshot, namespace, name in facts.tables]
    words = (
        f"Made by {made}. The release holds {count(len(facts.tables), 'table')} at these snapshots, tagged release-{facts.release}; "
        "in OpenLineage (Marquez) the tables are datasets of these names:"
    )
    return [Words(words), Table(("dataset", "snapshot", "namespace"), rows)]
