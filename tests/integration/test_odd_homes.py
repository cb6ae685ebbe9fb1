"""A dataset lives in a folder of any name: what is written there is read back, and nothing lies beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from airflow_cv_dataops.core.dataset import open_dataset
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.labels.importing import import_labels
from airflow_cv_dataops.core.store.catalog import CatalogConfig, embedded_catalog
from airflow_cv_dataops.core.store.uris import file_uri

pytestmark = pytest.mark.integration

KEY = "2026-11-05"
ODD = ("my home", "hömé 家", "a#b", "100%", "my%20home")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two images, and a box in one of them."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(2):
        Image.effect_noise((32 + number, 24), 40).save(folder / f"{number}.png")
    labels = {
        "images": [{"id": 7, "file_name": "0.png", "width": 32, "height": 24}],
        "categories": [{"id": 1, "name": "fish"}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 1, "bbox": [1, 2, 5, 6]}],
    }
    (folder / "labels.json").write_text(json.dumps(labels))
    return folder


def embedded(folder: Path) -> CatalogConfig:
    return embedded_catalog(folder)


def with_path(folder: Path) -> CatalogConfig:
    folder.mkdir()
    return CatalogConfig.of({"type": "sql", "uri": embedded_catalog(folder).properties["uri"], "warehouse": str(folder / "warehouse")})


def with_uri(folder: Path) -> CatalogConfig:
    folder.mkdir()
    warehouse = file_uri(os.fsencode(folder / "warehouse"))
    return CatalogConfig.of({"type": "sql", "uri": embedded_catalog(folder).properties["uri"], "warehouse": warehouse})


# The embedded catalog writes its warehouse as a URI itself.
@pytest.mark.parametrize(
    ("catalog", "name"), [*((embedded, name) for name in ODD), (with_path, "a#b"), (with_path, "my%20home"), (with_uri, "hömé 家")]
)
def test_a_dataset_is_written_and_read_back_in_a_folder_of_any_name(
    tmp_path: Path, source: Path, catalog: Callable[[Path], CatalogConfig], name: str
) -> None:
    home = tmp_path / name
    config = catalog(home)
    ingest_images(open_dataset("digits", config), KEY, source, workers=1)
    import_labels(open_dataset("digits", config), KEY, source / "labels.json", label_set="default", format="coco")
    dataset = open_dataset("digits", config)
    assert sorted(dataset.images()["width"].to_pylist()) == [32, 33]
    assert dataset.annotations()["category"].to_pylist() == ["fish"]
    assert {path.name for path in tmp_path.iterdir()} == {"in", name}
    assert {path.name for path in home.iterdir()} == {"catalog.db", "warehouse"}
    tables = {path.name for path in (home / "warehouse" / "digits").iterdir()}
    assert {"objects", "images", "annotations"} <= tables
