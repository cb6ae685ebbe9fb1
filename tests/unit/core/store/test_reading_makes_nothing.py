"""A name or a place that is mistyped: the error says where it was looked for and what is there, and nothing is made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_cv_dataops import audit_labels, import_labels, import_predictions, promote_dataset, sample_hard_examples
from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.store.catalog import check_can_be_made, embedded_catalog, load, open_existing
from airflow_cv_dataops.core.store.schema import TABLES

READS: dict[str, Callable[[Dataset], Any]] = {
    "images": lambda dataset: dataset.images(),
    "read": lambda dataset: dataset.read("metrics", columns=["value"]),
    "read_batches": lambda dataset: list(dataset.read_batches("annotations")),
    "release": lambda dataset: dataset.release("v1"),
    "audit": lambda dataset: audit_labels(dataset, "2026-11-05"),
    "sampling": lambda dataset: sample_hard_examples(dataset, "2026-11-05"),
    "promotion": lambda dataset: promote_dataset(dataset),
    "label import": lambda dataset: import_labels(dataset, "2026-11-05", "/nowhere", format="coco"),
    "prediction import": lambda dataset: import_predictions(dataset, "2026-11-05", "/nowhere", model="m"),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS.keys())
def test_a_dataset_that_there_is_not_is_told_with_those_that_there_are(make_dataset: Callable[..., Dataset], read: Any) -> None:
    make_dataset("digits", made=True)
    make_dataset("signs", made=True)
    with pytest.raises(DatasetNotFoundError, match=r"no dataset 'digit' in catalog 'cv_dataops' \(sqlite:.*\): it has digits, signs\."):
        read(make_dataset("digit"))
    assert sorted(load(make_dataset().config).list_namespaces()) == [("digits",), ("signs",)]


@pytest.mark.parametrize("read", READS.values(), ids=READS.keys())
def test_a_home_that_there_is_not_stays_so(tmp_path: Path, read: Any) -> None:
    home = tmp_path / "mistyped"
    with pytest.raises(DatasetNotFoundError, match=f"no dataset 'digits' .*{home}.*: there is no catalog there yet"):
        read(open_dataset("digits", home=home))
    assert not home.exists()


@pytest.mark.parametrize("step", ["audit", "sampling"])
def test_a_partition_that_nobody_has_written_to_is_told(make_dataset: Callable[..., Dataset], step: str) -> None:
    dataset = make_dataset("digits", made=True)
    with pytest.raises(DatasetNotFoundError, match="No step has written to partition '2026-11-05' of 'digits': check the spelling"):
        READS[step](dataset)
    assert [name for name in TABLES if dataset.load_table(name)] == ["images"]


def test_how_a_dataset_is_opened_is_looked_at(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="are both given"):
        open_dataset("digits", {"type": "sql"}, home=tmp_path)
    with pytest.raises(ConfigurationError, match="not by a str"):
        open_dataset("digits", "sqlite:///catalog.db")  # type: ignore[arg-type]


def test_a_database_without_a_catalog_in_it_stays_so(tmp_path: Path) -> None:
    (tmp_path / "some.db").touch()
    dataset = open_dataset("digits", {"type": "sql", "uri": f"sqlite:///{tmp_path}/some.db", "warehouse": str(tmp_path / "w")})
    with pytest.raises(DatasetNotFoundError):
        dataset.images()
    assert dataset.load_table("images") is None
    assert (tmp_path / "some.db").stat().st_size == 0
    dataset.ensure_table("images")
    assert dataset.images().num_rows == 0


def test_whether_a_catalog_can_be_made_is_known_before(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    assert open_existing(embedded_catalog(tmp_path / "new" / "home")) is None
    check_can_be_made(embedded_catalog(tmp_path / "new" / "home"))
    with pytest.raises(ConfigurationError, match="a file is no folder that can be written to"):
        check_can_be_made(embedded_catalog(tmp_path / "a file" / "home"))
