"""What a card says of a release: counted by hand, the same each time, and unknown where nobody knows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stored_datasets import VERSIONS, unpack
from unit.core.release.card.card_rows import KEY, head_of, headings_of, release_of, tables_of
from unit.core.release.release_rows import (
    NOW,
    annotation_id,
    image_id,
    write_annotations,
    write_audit,
    write_backgrounds,
    write_findings,
    write_images,
)

from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.release.card.card import dataset_card, write_card
from airflow_cv_dataops.core.release.card.facts import collect_facts
from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.release.reader import Release
from airflow_cv_dataops.core.report.location import read_report

MakeDataset = Callable[..., Dataset]
HALVES = {"train": 0.5, "val": 0.5}


@pytest.fixture(scope="module")
def animals(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """v1: twenty images, fifteen cats, five dogs, two empty; audited, with one error; v2: one image more, with a second partition."""
    dataset = open_dataset("animals", home=str(tmp_path_factory.mktemp("home")))
    names = [f"n{number:02}" for number in range(20)]
    write_images(dataset, KEY, names)
    write_annotations(dataset, KEY, [(name, "cat") for name in names[:15]] + [(name, "dog") for name in names[:5]])
    write_backgrounds(dataset, KEY, names[18:])
    write_findings(dataset, KEY, ("zero_area_bbox", "error", annotation_id(KEY, 0)))
    write_audit(dataset, KEY, "zero_area_bbox", "tiny_bbox")
    assert promote_dataset(dataset, splits=HALVES, gates=["images >= 20"], recorded_at=NOW).failure is None
    release_of(dataset, ["late"], [("late", "cat")], key="2026-11-06", splits=HALVES, notes="one more")
    return dataset


@pytest.fixture(scope="module")
def first(animals: Dataset) -> dict[str, list[list[str]]]:
    return tables_of(dataset_card(animals.release("v1")).markdown)


def test_counts_are_those_of_the_release(first: dict[str, list[list[str]]]):
    numbers = {row[0]: row[1:] for row in first["Numbers"]}
    assert numbers["Images"] == ["20", "in 1 partition"]
    assert numbers["Labels"] == ["20", "1 an image"]
    assert numbers["Labelled images"] == ["85.0 %", "17, 2 of them empty; 3 without a label"]
    assert numbers["Categories"][0] == "2"
    assert numbers["Gates"] == ["1 of 1", "hold"]
    assert numbers["Open findings"] == ["1", "1 of severity error"]


def test_categories_and_splits_add_up(animals: Dataset, first: dict[str, list[list[str]]]):
    release = animals.release("v1")
    labels = release.annotations(["category", "task"]).to_pandas().query("task != 'background'")
    head, *rows = first["Categories"]
    assert head == ["category", "labels", "share", "train", "val"]
    assert [row[:3] for row in rows] == [["cat", "15", "75.0 %"], ["dog", "5", "25.0 %"]]
    for name, _, _, *by_split in rows:
        counted = labels[labels["category"] == name]["split"].value_counts()
        assert [int(count) for count in by_split] == [counted.get("train", 0), counted.get("val", 0)]
    assert {row[0]: int(row[1]) for row in first["Splits"][1:]} == release.splits()


def test_gates_findings_and_lineage_are_told(animals: Dataset, first: dict[str, list[list[str]]]):
    assert first["Gates"][1:] == [["images >= 20", "20", "holds"]]
    severity, check, findings, meaning = first["Open findings"][1]
    assert (severity, check, findings) == ("error", "zero_area_bbox", "1")
    assert meaning.startswith("A box with a side of")
    assert "tiny_bbox" in dataset_card(animals.release("v1")).markdown, "it ran and found nothing"
    snapshots = animals.release("v1").snapshots
    assert {row[0]: row[1] for row in first["Lineage"][1:]} == {f"animals.{table}": snapshot for table, snapshot in snapshots.items()}


def test_a_card_says_what_changed_and_where_nobody_has_looked(animals: Dataset):
    card = dataset_card(animals.release("v2")).markdown
    told = tables_of(card)
    assert told["Changes"][1:3] == [["images", "20", "21", "+1"], ["labels", "20", "21", "+1"]]
    assert "| cat | 15 | 16 | +1 |" in card, "what v1 had of each category was measured with it"
    assert "Nobody has looked at 1 of 2 partitions as they are" in card
    assert {row[0]: row[1] for row in told["Numbers"]}["Open findings"] == "unknown"
    assert "> one more" in card


def test_equal_releases_have_equal_cards(animals: Dataset):
    assert dataset_card(animals.release("v1")) == dataset_card(Dataset(animals.name, animals.config).release("v1"))


def test_a_card_is_written_where_reports_are_read_and_once(animals: Dataset):
    release = animals.release("v1")
    uri = write_card(release)
    assert write_card(release) == uri
    assert f"/animals/reports/card/v1/{uri[-37:-5]}.html" in uri
    card = dataset_card(release)
    assert read_report(animals, uri) == card.html.encode()
    assert animals.objects().read(f"reports/card/v1/{uri[-37:-5]}.md") == card.markdown.encode()


def test_a_card_is_saved_as_either(animals: Dataset, tmp_path: Path):
    card = dataset_card(animals.release("v1"))
    assert card.save(tmp_path / "README.md").read_text() == card.markdown
    assert card.save(tmp_path / "card.html").read_text() == card.html
    assert card._repr_markdown_().startswith("# animals v1")
    assert repr(card) == "<Card of animals v1>"


def test_the_hub_reads_tasks_size_and_licence(animals: Dataset):
    head = head_of(dataset_card(animals.release("v1")).markdown)
    assert head == {
        "license": "unknown",
        "pretty_name": "animals",
        "task_categories": ["object-detection"],
        "size_categories": ["n<1K"],
    }


def test_what_a_promotion_has_kept_is_told(animals: Dataset, monkeypatch: pytest.MonkeyPatch):
    splitting = {
        "shares": {"train": 0.5, "val": 0.5},
        "salt": "2",
        "group_by": ["camera"],
        "stratify": True,
        "frozen": ["val"],
        "group_count": 7,
        "kept": 5,
        "unmet": ["val has 2 images too few."],
    }
    gates = (
        {
            "metric": "images",
            "op": ">=",
            "wanted": 19,
            "found": 20,
            "passed": False,
            "gate": "images >= 0.95 * previous",
            "severity": "warning",
            "note": "as v0",
        },
    )
    exclusions = ({"rule": "labels: suspect_label", "images": 0, "labels": 3}, {"rule": "images: blurry", "images": 2})
    measured = {"images": 20.0, "label_error_rate": 0.0125, "annotations[category=cat]": 15.0}
    monkeypatch.setattr(Release, "measured", lambda self: measured)
    release = replace(animals.release("v1"), splitting=splitting, gates=gates, exclusions=exclusions)
    card = dataset_card(release).markdown
    told = tables_of(card)
    assert [row[:1] + row[3:4] for row in told["Splits"][1:]] == [["train", "50 %"], ["val", "50 %"]]
    assert "Images with the same camera are in one split. There are 7 such groups of more than one image. Categories are spread" in card
    assert "**val has 2 images too few.**" in card
    assert told["Gates"][1:] == [["images >= 0.95 * previous", "20", "warns", "as v0"]]
    assert told["Left out"][1:] == [["labels: suspect_label", "0", "3"], ["images: blurry", "2", "unknown"]]
    assert told["Measures"][1:] == [["images", "20"], ["label_error_rate", "0.0125"]]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_release_of_an_earlier_version_has_a_card(version: str, tmp_path: Path):
    release = open_dataset("digits", home=unpack(version, tmp_path)).release("production")
    told = tables_of(dataset_card(release, pictures=False).markdown)
    numbers = {row[0]: row[1] for row in told["Numbers"]}
    assert (numbers["Images"], numbers["Labels"]) == ("10", "10")
    assert sum(int(row[1]) for row in told["Categories"][1:]) == 10
    assert [row[3] for row in told["Splits"][1:]] == ["unknown"] * len(told["Splits"][1:])


def test_a_release_without_labels_says_so(make_dataset: MakeDataset):
    card = dataset_card(release_of(make_dataset(), ["a", "b"], []))
    told = tables_of(card.markdown)
    assert {row[0]: row[1] for row in told["Numbers"]}["Labels"] == "0"
    assert "This release has no labels." in card.markdown
    assert "No label of this release names a category." in card.markdown
    assert "Nobody has looked: no partition of this release was audited as it is." in card.markdown
    assert "task_categories" not in head_of(card.markdown)
    assert "The licence of the dataset is not stated." in card.markdown


def test_of_ten_thousand_categories_the_largest_fifty_are_named_and_the_rest_is_a_sum(make_dataset: MakeDataset):
    labels = [("a", f"c{number:05}") for number in range(10_000)] + [("b", f"c{number:05}") for number in range(60)]
    release = release_of(make_dataset(), ["a", "b"], labels)
    card = dataset_card(release)
    _, *rows = tables_of(card.markdown)["Categories"]
    assert len(rows) == 51
    assert [row[:2] for row in (rows[0], rows[49], rows[50])] == [["c00000", "2"], ["c00049", "2"], ["9,950 other categories", "9,960"]]
    assert len(card.html) < 300_000


def test_labels_of_copies_count_as_the_release_has_them(make_dataset: MakeDataset):
    dataset, contents = make_dataset(), {"copy": "a"}
    write_images(dataset, "1", ["a", "b"])
    write_annotations(dataset, "1", [("a", "cat"), ("b", "dog")])
    write_images(dataset, "2", ["copy"], contents=contents)
    write_annotations(dataset, "2", [("copy", "cat")], contents=contents)
    promote_dataset(dataset)
    facts = collect_facts(dataset.release())
    assert (facts.labels.labels, facts.labels.untold) == (2, 0)
    assert {category.name: category.labels for category in facts.labels.categories} == {"cat": 1, "dog": 1}
    assert (facts.of_images.images, facts.of_images.files) == (2, 3)


def test_labels_that_a_rule_leaves_out_are_neither_counted_nor_open_findings(make_dataset: MakeDataset):
    dataset = make_dataset()
    write_images(dataset, KEY, ["a", "b"])
    write_annotations(dataset, KEY, [("a", "cat"), ("b", "dog"), ("b", "cat")])
    found = [("suspect_label", "warning", annotation_id(KEY, 1)), ("tiny_bbox", "info", annotation_id(KEY, 2))]
    write_findings(dataset, KEY, *found, images=["b", "b"])
    write_audit(dataset, KEY, "suspect_label", "tiny_bbox")
    promote_dataset(dataset, exclude=["labels: suspect_label"])
    facts = collect_facts(dataset.release())
    assert {category.name: category.labels for category in facts.labels.categories} == {"cat": 2}
    assert facts.findings.by_check == {("tiny_bbox", "info"): 1}


def test_sources_are_told_without_their_partitions(make_dataset: MakeDataset):
    dataset = make_dataset()
    write_images(dataset, "2026-11-05", ["a"])
    write_annotations(dataset, "2026-11-05", [("a", "cat")])
    release = release_of(dataset, ["b"], [("b", "cat")], key="2026-11-06")
    facts = collect_facts(release)
    assert facts.of_images.sources.counted() == (("s3://landing", 2),)
    assert facts.labels.sources == (("s3://landing/labels.json", 2),)


def test_licences_that_labels_name_are_listed(make_dataset: MakeDataset):
    dataset = make_dataset()
    write_images(dataset, KEY, ["a", "b"])
    write_annotations(dataset, KEY, [("a", "cat"), ("b", "cat")])
    rows = dataset.annotations().drop_columns(["partition_key", "label_set"])
    attributes = [json.dumps({"license": "CC-BY-4.0"}), json.dumps({"colour": "licensed red"})]
    at = rows.schema.get_field_index("attributes")
    dataset.replace_partition("annotations", KEY, rows.set_column(at, "attributes", [attributes]), owner="default")
    promote_dataset(dataset)
    assert collect_facts(dataset.release()).labels.licences == {"CC-BY-4.0": 1}


def test_sections_stand_in_their_order(animals: Dataset):
    assert headings_of(dataset_card(animals.release("v2")).markdown) == [
        "animals v2", "Numbers", "About", "Splits", "Categories", "Images", "Labels", "Gates", "Open findings", "Measures", "Changes",
        "Sources and licences", "How to read it", "Lineage",
    ]  # fmt: skip


def test_a_picture_that_cannot_be_read_costs_only_itself(animals: Dataset):
    facts = collect_facts(animals.release("v1"))
    cats = sorted(image_id(f"n{number:02}") for number in range(15))
    assert len(facts.examples) == 12
    assert facts.examples[0].image_id == cats[0], "the first by its id of the largest category"
    assert {example.problem.split(":")[0] for example in facts.examples} == {"The picture cannot be read"}
    assert len(dataset_card(animals.release("v1"), pictures=False).html) < len(dataset_card(animals.release("v1")).html)


def test_only_what_the_snippets_say_is_needed_to_read_it(animals: Dataset, monkeypatch: pytest.MonkeyPatch):
    """The Python that a card shows runs."""
    card = dataset_card(animals.release("v1")).markdown
    python = card.split("```python\n", 1)[1].split("```")[0]
    monkeypatch.setattr("airflow_cv_dataops.core.dataset.catalog_of", lambda catalog, home: animals.config)
    names: dict[str, Any] = {}
    exec(python, names)
    assert (len(names["images"]), len(names["labels"])) == (20, 22)


@pytest.mark.usefixtures("cards")
def test_a_promotion_writes_the_card_of_its_release_and_one_that_cannot_be_written_fails_nothing(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
):
    dataset = make_dataset()
    write_images(dataset, KEY, ["a"])
    result = promote_dataset(dataset)
    uri = result.summary.report_uri
    assert uri is not None
    assert result.lineage.facts["reportUri"] == uri
    assert read_report(dataset, uri) == dataset_card(dataset.release("v1")).html.encode()
    write_images(dataset, KEY, ["a", "b"])
    assert promote_dataset(dataset, card=False).summary.report_uri is None
    write_images(dataset, KEY, ["a", "b", "c"])
    monkeypatch.setattr(Dataset, "objects", lambda self: None)
    result = promote_dataset(dataset)
    assert (result.failure, result.summary.report_uri, dataset.release().name) == (None, None, "v3")
