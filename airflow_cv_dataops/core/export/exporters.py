"""The formats that there are."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_cv_dataops.core.export.exporter import Exporter
from airflow_cv_dataops.core.export.formats.coco import CocoExporter
from airflow_cv_dataops.core.export.formats.csv import CsvExporter
from airflow_cv_dataops.core.export.formats.huggingface import HuggingFaceExporter
from airflow_cv_dataops.core.export.formats.imagefolder import ImageFolderExporter
from airflow_cv_dataops.core.export.formats.parquet import ParquetExporter
from airflow_cv_dataops.core.export.formats.voc import VocExporter
from airflow_cv_dataops.core.export.formats.webdataset import WebDatasetExporter
from airflow_cv_dataops.core.export.formats.yolo import YoloExporter, YoloSegmentationExporter
from airflow_cv_dataops.core.export.options import ExportOptions

EXPORTERS: Mapping[str, type[Exporter]] = {
    exporter.name: exporter
    for exporter in (
        CocoExporter,
        YoloExporter,
        YoloSegmentationExporter,
        VocExporter,
        ImageFolderExporter,
        CsvExporter,
        ParquetExporter,
        WebDatasetExporter,
        HuggingFaceExporter,
    )
}


def exporter_of(options: ExportOptions) -> type[Exporter]:
    """Return the exporter of the format that is asked for."""
    return EXPORTERS[options.format]
