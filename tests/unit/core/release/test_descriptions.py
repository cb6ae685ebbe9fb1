"""What people say of a dataset: each field by itself, whoever else writes meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from unit.core.release.card.card_rows import release_of
from unit.core.release.release_rows import NOW

from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.release.card import card as card_module
from airflow_cv_dataops.core.release.describe import describe_dataset
from airflow_cv_dataops.core.release.descriptions import Description
from airflow_cv_dataops.core.report.location import read_report

MakeDataset = Callable[..., Dataset]


def changed(dataset: Dataset, **fields: Any) -> list[str]:
    return list(describe_dataset(dataset, said_at=NOW, cards=False, **fields).summary.details["changed"])


def test_what_is_said_is_read_and_the_rest_is_unsaid(make_dataset: MakeDataset):
    dataset = make_dataset(made=True)
    assert dataset.description() == Description()
    assert changed(dataset, description=" Cells.\n\nRed ones. ", stages=["staging", "production"], others={"contact": "a@b.example"}) == [
        "description",
        "contact",
        "stages",
    ]
    assert dataset.description() == Description(
        description="Cells.\n\nRed ones.", stages=("staging", "production"), others={"contact": "a@b.example"}
    )


def test_only_what_differs_is_committed(make_dataset: MakeDataset):
    dataset = make_dataset(made=True)
    changed(dataset, description="Cells.", owner="Ann")
    before = dataset.snapshot_id("descriptions")
    assert changed(dataset, description="Cells.", owner="Ann", said_by="somebody else") == []
    assert dataset.snapshot_id("descriptions") == before
    assert changed(dataset, description="Cells.", owner="Bo") == ["owner"]
    assert dataset.description() == Description(description="Cells.", owner="Bo")


def test_what_is_taken_back_is_unsaid_and_who_did_so_is_kept(make_dataset: MakeDataset):
    dataset = make_dataset(made=True)
    changed(dataset, license="MIT", notes="old", said_by="ann")
    assert changed(dataset, take_back=["license", "owner"], said_by="bo") == ["license"]
    assert dataset.description() == Description(notes="old")
    rows = {row["field"]: (row["value"], row["said_by"]) for row in dataset.read("descriptions").to_pylist()}
    assert rows == {"license": (None, "bo"), "notes": ("old", "ann")}


def test_taking_back_what_nobody_has_said_is_told(make_dataset: MakeDataset, caplog: pytest.LogCaptureFixture):
    dataset = make_dataset(made=True)
    changed(dataset, others={"contact": "a@b.example"})
    changed(dataset, take_back=["contact"])
    changed(dataset, take_back=["contact", "license"])  # a retry, and a field that every dataset has
    assert not [record for record in caplog.records if "take_back" in record.message]
    changed(dataset, take_back=["contakt"])
    assert "take_back names 'contakt', which nobody has said of digits: did you mean 'contact'? Expected one of" in caplog.text


def test_people_who_edit_different_fields_at_once_do_not_disturb_each_other(make_dataset: MakeDataset):
    dataset = make_dataset(made=True)
    fields = {"description": "Cells.", "owner": "Ann", "license": "MIT", "notes": "Old."}

    def say(name: str) -> list[str]:
        return changed(Dataset(dataset.name, dataset.config), **{name: fields[name]})

    with ThreadPoolExecutor(len(fields)) as pool:
        assert list(pool.map(say, fields)) == [[name] for name in fields]
    assert dataset.description() == Description(**fields)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"description": "x" * 20_001}, "at most 20,000 fit"),
        ({"owner": "x" * 501}, "at most 500 fit"),
        ({"notes": "  "}, "take_back=\\['notes'\\]"),
        ({"license": 4}, "expected a text"),
        ({"stages": []}, "stages is empty"),
        ({"stages": "staging"}, "is a string"),
        ({"stages": ["staging", "v3"]}, "not the name of a release"),
        ({"stages": ["staging", "staging"]}, "names staging more than once"),
        ({"stages": [f"s{number}" for number in range(21)]}, "at most 20"),
        ({"others": {"Contact": "x"}}, "lower-case letters"),
        ({"others": {"owner": "x"}}, "an argument of its own"),
        ({"others": {f"f{number}": "x" for number in range(51)}}, "at most 50"),
        ({"owner": "Ann", "take_back": ["owner"]}, "given and in take_back"),
        ({"take_back": "owner"}, "is a string"),
    ],
)
def test_what_cannot_be_said_is_refused_before_anything_is_written(make_dataset: MakeDataset, fields: dict[str, Any], why: str):
    dataset = make_dataset(made=True)
    with pytest.raises(ConfigurationError, match=why):
        describe_dataset(dataset, **{"description": "Cells.", **fields})
    assert dataset.snapshot_id("descriptions") is None


def test_of_no_dataset_nothing_can_be_said(make_dataset: MakeDataset):
    with pytest.raises(DatasetNotFoundError):
        describe_dataset(make_dataset(), owner="Ann")


def test_cards_of_what_stages_hold_are_written_anew(make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch):
    dataset = make_dataset()
    release_of(dataset, ["a"], [("a", "cat")], stage="staging")
    release_of(dataset, ["a", "b"], [("a", "cat")])
    result = describe_dataset(dataset, description="Cats, one of them twice.")
    cards = result.summary.details["cards"]
    assert {stage: uri.split("/")[-2] for stage, uri in cards.items()} == {"production": "v2", "staging": "v1"}
    assert result.summary.report_uri == cards["production"]
    assert all("Cats, one of them twice." in read_report(dataset, uri).decode() for uri in cards.values())
    assert [(use.table, use.rows) for use in result.lineage.outputs] == [("descriptions", 1)]
    again = describe_dataset(dataset, description="Cats, one of them twice.")
    assert again.summary.details == {"changed": [], "cards": cards}, "a retry writes the same"

    def no_disk(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(card_module, "collect_facts", no_disk)
    failed = describe_dataset(dataset, owner="Ann")
    assert (failed.failure, failed.summary.details) == (None, {"changed": ["owner"], "cards": {}})
    assert dataset.description().owner == "Ann"
