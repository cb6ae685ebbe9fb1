"""The page of a validation in a browser: it fits, it is light or dark, and its filter hides what holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import great_expectations as gx
import pandas as pd
import pytest
from browser import keep_screenshot
from great_expectations.data_context.types.base import ProgressBarsConfig

from airflow_cv_dataops.core.contracts.data_docs import data_docs_page
from airflow_cv_dataops.core.contracts.default_suites import default_suite

pytestmark = [
    pytest.mark.integration,
    pytest.mark.browser,
    pytest.mark.once(reason="what a browser makes of a page does not depend on Airflow's version"),
]

WIDE, NARROW = (1360, 900), (420, 900)


def labels(*changed: dict[str, Any]) -> pd.DataFrame:
    usual = {
        "partition_key": "2026-11-05",
        "label_set": "default",
        "file_name": "BloodImage_00338.jpg",
        "task": "detection",
        "category": "RBC",
    }
    usual |= {"bbox_x": 181.0, "bbox_y": 329.0, "bbox_width": 104.0, "bbox_height": 98.0, "segmentation": None, "area": None}
    usual |= {"image_width": 640.0, "image_height": 480.0, "image_matched": True, "stated_width": 640.0, "stated_height": 480.0}
    rows = [{**usual, "annotation_id": f"{number:032x}", **row} for number, row in enumerate([*changed, *[{}] * 4_000])]
    return pd.DataFrame(rows)


def page_of(frame: pd.DataFrame) -> bytes:
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    batch = context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("b")
    result = batch.get_batch({"dataframe": frame}).validate(default_suite("annotations", categories=["RBC", "WBC", "Platelets"]))
    facts = {
        "Dataset": "bccd",
        "Table": "annotations",
        "Partition": "2026-11-05",
        "Rows": f"{len(frame):,}",
        "Suite": "annotations (default)",
    }
    return data_docs_page(result, title="Contract annotations of bccd, 2026-11-05", facts=facts)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The addresses of a page on which something fails, and of one on which all holds."""
    folder = tmp_path_factory.mktemp("pages")
    faults = (
        {"bbox_x": 504.0, "bbox_width": 0.0},
        {"bbox_width": 0.0},
        {"category": "<b>rbc</b>"},
        {"bbox_x": 600.0},
        {"image_matched": False},
    )
    for name, frame in {"failing": labels(*faults), "passing": labels()}.items():
        Path(folder / f"{name}.html").write_bytes(page_of(frame))
    return {name: (folder / f"{name}.html").as_uri() for name in ("failing", "passing")}


@pytest.mark.parametrize("size", [WIDE, NARROW])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["failing", "passing"])
def test_it_fits_the_window_and_follows_the_colour_scheme(look, pages, name, size, scheme):
    with look(pages[name], size, scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        shades = [int(part) for part in page.evaluate("getComputedStyle(document.body).backgroundColor").strip("rgb()").split(",")]
        assert (min(shades) > 200) if scheme == "light" else (max(shades) < 60)
        if (name, size, scheme) == ("failing", WIDE, "light"):
            keep_screenshot("data-docs", page.screenshot())


def test_failed_only_hides_what_holds_and_nothing_else(look, pages):
    with look(pages["failing"]) as page:
        failed = page.locator("i.fa-times")
        assert page.get_by_text("boxes must be finite").is_visible()
        before = page.locator("td:has(i.fa-check-circle)").filter(visible=True).count()
        page.get_by_text("Failed Only").click()
        assert page.locator("td:has(i.fa-check-circle)").filter(visible=True).count() == 0 < before
        assert failed.filter(visible=True).count() == failed.count()
        assert page.get_by_text("nothing to check").first.is_visible()
        page.get_by_text("Show All").click()
        assert page.locator("td:has(i.fa-check-circle)").filter(visible=True).count() == before


def test_values_of_data_are_text(look, pages):
    with look(pages["failing"]) as page:
        assert page.get_by_text("<b>rbc</b>").count() >= 1
