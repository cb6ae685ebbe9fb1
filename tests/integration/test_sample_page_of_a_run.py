"""The page that a sampling leaves, of real photos and of digits, as its readers see it in a browser.

With ``CV_DATAOPS_SCREENSHOTS`` set to a folder, the pictures of docs/images are written there.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from project import PROJECT_ROOT
from report_datasets import KEY, detector_output

from airflow_cv_dataops.core.dataset import open_dataset
from airflow_cv_dataops.core.embeddings.embedding import embed_images
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.labels.importing import import_labels
from airflow_cv_dataops.core.predictions.importing import import_predictions
from airflow_cv_dataops.core.sampling.sample import sample_hard_examples
from airflow_cv_dataops.core.summary import Summary

pytestmark = [
    pytest.mark.integration,
    pytest.mark.browser,
    pytest.mark.once(reason="what a browser makes of a page does not depend on Airflow's version"),
]

WIDE = (1360, 1500)
LOADED = "async (image) => { const one = new Image(); one.src = image.href.baseVal; await one.decode(); return one.naturalWidth; }"


@pytest.fixture(scope="module")
def cells(shared_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Summary:
    """Sample 24 of BCCD's photographs, of which every second is labelled; boxes are the labels', as a detector would draw them."""
    bccd, home = shared_data("bccd") / "BCCD", tmp_path_factory.mktemp("cells")
    dataset = open_dataset("blood_cells", home=str(home / "home"))
    ingest_images(dataset, KEY, str(bccd / "JPEGImages"))
    import_labels(dataset, KEY, str(bccd / "Annotations"), format="voc", label_set="all")
    (home / "results.json").write_text(json.dumps(detector_output(dataset)))
    import_predictions(dataset, KEY, str(home / "results.json"), model="detector", format="coco")
    (home / "labels").mkdir()
    for path in sorted((bccd / "Annotations").glob("*.xml"))[::2]:
        shutil.copy(path, home / "labels")
    import_labels(dataset, KEY, str(home / "labels"), format="voc", label_set="all")
    embed_images(dataset, KEY)
    return sample_hard_examples(
        dataset, KEY, budget=24, scores={"entropy": 2, "novelty": 1}, min_per={"category": {"Platelets": 8}}, explore=0.25
    ).summary


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    """Sample a day of the digits example as its DAG does."""
    home = tmp_path_factory.mktemp("digits")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CV_DATAOPS_LANDING", str(home))
        patch.setattr(sys, "path", [str(PROJECT_ROOT / "example_dags"), *sys.path])
        from digits_landing import land_day

        land_day(KEY)
    day, dataset = home / "digits" / KEY, open_dataset("digits", home=str(home / "home"))
    ingest_images(dataset, KEY, str(day / "images"))
    import_labels(dataset, KEY, str(day / "labels.csv"), format="csv")
    import_predictions(dataset, KEY, str(day / "predictions.npz"), model="logistic_regression", model_version="1")
    embed_images(dataset, KEY)
    return sample_hard_examples(dataset, KEY, budget=50, max_per_class=10, explore=0.1).summary


def test_the_page_of_a_run_shows_every_photo_with_its_boxes_and_why_it_is_there(look: Any, cells: Summary) -> None:
    assert cells.counts["sampled"] == 24
    assert cells.counts["sampled_at_random"] == 6
    with look(cells.report_uri, WIDE) as page:
        loaded = page.locator(".card svg image").evaluate_all(f"(images) => Promise.all(images.map({LOADED}))")
        assert loaded == [640] * 24
        assert page.locator(".card .box:visible").count() > 24
        reasons = page.locator(".card .reasons li").all_inner_texts()
        assert sum(reason == "drawn at random" for reason in reasons) == 6
        assert not [reason for reason in reasons if "_" in reason.rpartition(" [")[0]], "in words"
        keep(page, "sample-report-cells-light")


def test_the_page_of_the_digits_shows_what_the_model_takes_them_for(look: Any, digits: Summary) -> None:
    with look(digits.report_uri, WIDE) as page:
        assert page.locator(".card").count() == digits.counts["sampled"] == 50
        loaded = page.locator(".card svg image").evaluate_all(f"(images) => Promise.all(images.map({LOADED}))")
        assert loaded == [64] * 50
        keep(page, "sample-report-digits-light")


def keep(page: Any, name: str) -> None:
    """Write pictures for the documentation, where they are asked for: the top, and the gallery."""
    folder = os.environ.get("CV_DATAOPS_SCREENSHOTS")
    if not folder:
        return
    for part, script in {"top": "window.scrollTo(0, 0)", "gallery": "document.getElementById('gallery').scrollIntoView()"}.items():
        page.evaluate(script)
        file = Path(folder) / f"{name}-{part}.webp"
        page.screenshot(path=file.with_suffix(".png"))
        Image.open(file.with_suffix(".png")).convert("RGB").save(file, "WEBP", quality=82, method=6)
        file.with_suffix(".png").unlink()
