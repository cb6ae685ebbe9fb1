"""The report of a batch of real images: written below the dataset, read back by its URI, the same for the same batch."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sample_datasets import KEY, batch_of_cells, batch_of_digits

from airflow_cv_dataops.core.report.limits import ReportLimits
from airflow_cv_dataops.core.report.location import read_report
from airflow_cv_dataops.core.sampling.report.write import write_sample_report
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.objects import local_path

pytestmark = pytest.mark.integration


def test_a_batch_of_photos_is_a_page_of_pictures_with_their_boxes(
    make_dataset: Callable[..., Dataset], shared_data: Callable[[str], Path], tmp_path: Path
) -> None:
    dataset = make_dataset("cells")
    report = batch_of_cells(dataset, shared_data("bccd"), tmp_path / "landing")
    snapshot = dataset.snapshot_id("images")
    uri = write_sample_report(dataset, report, images_snapshot_id=snapshot)
    assert re.fullmatch(rf"file://.*/cells/reports/sample_hard_cells/{KEY}/[0-9a-f]{{32}}\.html", uri)
    page = read_report(dataset, uri).decode()
    assert page.count("<article") == page.count("<image") == 12
    assert page.count('class="box given"') == 12  # the most uncertain box of each image
    assert page.count('class="box suggested"') == sum(len(image.boxes) for image in report.images) - 12
    assert page.count('viewBox="0 0 640 480"') == 12
    assert write_sample_report(dataset, report) == uri
    assert len(list(Path(local_path(uri)).parent.iterdir())) == 1


def test_an_image_whose_file_is_gone_costs_only_its_picture(make_dataset: Callable[..., Dataset], tmp_path: Path) -> None:
    dataset = make_dataset("digits")
    report = batch_of_digits(dataset, tmp_path / "landing")
    Path(local_path(report.images[3].storage_uri)).unlink()
    page = read_report(dataset, write_sample_report(dataset, report)).decode()
    assert page.count("The picture cannot be read: FileNotFoundError.") == 1
    assert (page.count("<article"), page.count("<image")) == (30, 29)


def test_a_batch_is_shown_as_its_images_were_when_they_were_chosen(make_dataset: Callable[..., Dataset], tmp_path: Path) -> None:
    dataset = make_dataset("digits")
    report = batch_of_digits(dataset, tmp_path / "landing")
    chosen_at = dataset.snapshot_id("images")
    before = write_sample_report(dataset, report, images_snapshot_id=chosen_at)
    rows = dataset.images(partition_key=KEY)
    dataset.replace_partition("images", KEY, rows.slice(0, 1).drop_columns(["partition_key"]))
    assert write_sample_report(dataset, report, images_snapshot_id=chosen_at) == before
    assert "The table of images has no such image any more." in read_report(dataset, write_sample_report(dataset, report)).decode()


def test_limits_of_bytes_and_pictures_hold(
    make_dataset: Callable[..., Dataset], shared_data: Callable[[str], Path], tmp_path: Path
) -> None:
    dataset = make_dataset("cells")
    report = batch_of_cells(dataset, shared_data("bccd"), tmp_path / "landing")
    many = replace(report, images=[replace(image, rank=rank) for rank, image in enumerate(report.images * 100, start=1)])
    page = read_report(dataset, write_sample_report(dataset, many, limits=ReportLimits(max_bytes=1_000_000, max_pictures=20)))
    assert len(page) <= 1_000_000
    assert 0 < page.count(b"<image") <= 20
    assert b"of 1,200 images; the table" in page
