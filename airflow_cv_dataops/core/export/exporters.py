"""The formats that there are."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_cv_dataops.core.arguments import check_choice
from airflow_cv_dataops.core.errors import ConfigurationError
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
    """Return the exporter of the format that is asked for.

    :raises ConfigurationError: there is none of that name, or it cannot take images as they are asked for.
    """
    check_choice("format", options.format, EXPORTERS)
    found = EXPORTERS[options.format]
    if options.images == "reference" and not found.takes_references:
        able = ", ".join(name for name, exporter in EXPORTERS.items() if exporter.takes_references)
        raise ConfigurationError(f"{options.format} finds labels beside its images, so that images='reference' cannot be; {able} can.")
    if options.images == "link" and found.packs_images:
        raise ConfigurationError(f"{options.format} holds images in its own files, so that images='link' cannot be: use images='copy'.")
    return found
