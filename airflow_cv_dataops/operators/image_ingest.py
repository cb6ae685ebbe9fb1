"""From a source prefix to rows of ``images`` and ``rejects``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.common.argument_checks import ingest, shared
from airflow_cv_dataops.common.arguments import as_count, as_flag, as_list, as_mapping, as_number, as_pattern, numbers, required_number
from airflow_cv_dataops.core.step_lineage import DatasetUse, StepLineage
from airflow_cv_dataops.operators.base import SourceOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_cv_dataops.core.imaging.ingest.settings import IngestSettings
    from airflow_cv_dataops.core.store.dataset import Dataset
    from airflow_cv_dataops.core.summary import StepResult


class ImageIngestOperator(SourceOperator):
    """List a source prefix, decode, measure, fingerprint and copy its images, and write ``images`` and ``rejects``.

    A file that cannot be taken becomes a row in ``rejects`` with a reason; the task fails by ``max_reject_ratio`` alone.

    A file that has not changed since the partition was last written (URI, size, ETag, time, parameters) is not read again.

    :param source: a prefix with the images, a list of them (Parquet, CSV or JSON lines of URIs), or a ``.tar`` or ``.zip``;
        ``{partition_key}`` in it is filled in. (templated)
    :param list_column: the column of a list that names the images; default: detected. (templated)
    :param archive_limits: what an archive may cost, by name, e.g. ``{"max_temporary_bytes": 2e11}`` (``ArchiveLimits``). (templated)
    :param pattern: glob on the path below the prefix, e.g. ``*.jpg``; default: every file. (templated)
    :param exclude: globs of files that are no images and not to be reported as rejects; default: label files (``*.txt``,
        ``*.xml``, ``*.json``, …), which globs of your own replace: name these too where they lie beside the images. Hidden and
        house-keeping files are skipped in any case. (templated)
    :param copy_images: copy images to the dataset's content-addressed store; ``False`` references them where they are. (templated)
    :param formats: decoders to try, in Pillow's names; default: JPEG, PNG, WebP, TIFF, BMP, GIF,
        and AVIF and HEIF where they are installed. (templated)
    :param max_reject_ratio: fail if more than this share of the files (0 to 1) was rejected. (templated)
    :param max_bytes: a larger file is rejected before it is read. (templated)
    :param max_pixels: an image with more pixels is rejected before it is decoded. (templated)
    :param min_side: an image with a shorter side, in pixels, is rejected. (templated)
    :param thresholds: where a measure becomes an issue, by name, e.g. ``{"blurry_below": 30}`` (``QualityThresholds``). (templated)
    :param timeout_seconds: how long one file may keep a worker busy, not counting time in which the worker waits for a processor; then
        it is a reject, ``timeout``. (templated)
    :param worker_memory_bytes: most memory of a worker process, where the platform can limit it; default: 4 GiB. (templated)
    :param force: read every file, changed or not. (templated)
    :param allow_empty: let a source that is absent or empty, or of which no file is wanted or none is an image, empty a partition that
        holds images or rejects, a link behind which nothing is take out what was found there, and ``pattern`` or ``exclude`` leave out
        every file; default: the task fails and may be retried. (templated)
    :param workers: processes that read, decode and write; default: one for each core.
    """

    what_it_does = (
        "Reads the image files at the source, checks, measures and copies each, and writes the partition's `images`, "
        "its `rejects` with the reason, and `metrics`."
    )
    template_fields: Sequence[str] = (
        *SourceOperator.template_fields,
        "pattern",
        "exclude",
        "copy_images",
        "formats",
        "max_reject_ratio",
        "max_bytes",
        "max_pixels",
        "min_side",
        "thresholds",
        "list_column",
        "archive_limits",
        "timeout_seconds",
        "worker_memory_bytes",
        "force",
        "allow_empty",
    )
    argument_checks = {
        **SourceOperator.argument_checks,
        "pattern": shared.glob,
        "exclude": shared.listed,
        "copy_images": shared.flag,
        "formats": shared.listed,
        "max_reject_ratio": shared.ratio,
        "max_bytes": ingest.image_limit,
        "max_pixels": ingest.image_limit,
        "min_side": ingest.image_limit,
        "thresholds": ingest.quality_thresholds,
        "archive_limits": ingest.archive_limits,
        "timeout_seconds": ingest.timeout_seconds,
        "worker_memory_bytes": ingest.worker_memory_bytes,
        "force": shared.flag,
        "allow_empty": shared.flag,
        "workers": ingest.workers,
    }
    unchecked_arguments = {
        **SourceOperator.unchecked_arguments,
        "list_column": "which columns there are, the list says",
    }

    def __init__(
        self,
        *,
        pattern: str | None = None,
        exclude: Sequence[str] | None = None,
        copy_images: bool = True,
        formats: Sequence[str] | None = None,
        max_reject_ratio: float | str = 0.1,
        max_bytes: int | str | None = None,
        max_pixels: int | str | None = None,
        min_side: int | str | None = None,
        thresholds: Mapping[str, float] | None = None,
        list_column: str | None = None,
        archive_limits: Mapping[str, float] | None = None,
        timeout_seconds: float | str | None = None,
        worker_memory_bytes: int | str | None = None,
        force: bool | str = False,
        allow_empty: bool | str = False,
        workers: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pattern = pattern
        self.exclude = exclude
        self.copy_images = copy_images
        self.formats = formats
        self.max_reject_ratio = max_reject_ratio
        self.max_bytes = max_bytes
        self.max_pixels = max_pixels
        self.min_side = min_side
        self.thresholds = thresholds
        self.list_column = list_column
        self.archive_limits = archive_limits
        self.timeout_seconds = timeout_seconds
        self.worker_memory_bytes = worker_memory_bytes
        self.force = force
        self.allow_empty = allow_empty
        self.workers = workers

    def run_step(self, dataset: Dataset, partition_key: str, context: Context) -> StepResult:
        from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images

        source, options = self.located_source(partition_key)
        return ingest_images(
            dataset,
            partition_key,
            source,
            self.ingest_settings(),
            source_options=options,
            max_reject_ratio=required_number("max_reject_ratio", self.max_reject_ratio),
            allow_empty=as_flag("allow_empty", self.allow_empty),
            workers=self.workers,
        )

    def ingest_settings(self) -> IngestSettings:
        """Return which files are taken and how, as ``core`` wants it."""
        from airflow_cv_dataops.core.imaging.decoding.decode import DEFAULT_FORMATS, Limits
        from airflow_cv_dataops.core.imaging.ingest.settings import IngestSettings
        from airflow_cv_dataops.core.imaging.measures.quality import QualityThresholds
        from airflow_cv_dataops.core.imaging.sources.archive_members import ArchiveLimits

        limits = {name: getattr(self, name) for name in ("max_bytes", "max_pixels", "min_side")}
        formats = as_list("formats", self.formats)
        work: dict[str, Any] = {
            "timeout_seconds": as_number("timeout_seconds", self.timeout_seconds),
            "worker_memory_bytes": as_count("worker_memory_bytes", self.worker_memory_bytes),
        }
        return IngestSettings(
            pattern=as_pattern(self.pattern),
            exclude=as_list("exclude", self.exclude),
            list_column=self.list_column or None,
            archive_limits=ArchiveLimits(**numbers("archive_limits", ArchiveLimits, as_mapping("archive_limits", self.archive_limits))),
            formats=formats or DEFAULT_FORMATS,
            limits=Limits(**numbers("limits", Limits, limits)),
            thresholds=QualityThresholds(**numbers("thresholds", QualityThresholds, as_mapping("thresholds", self.thresholds))),
            copy_images=as_flag("copy_images", self.copy_images),
            force=as_flag("force", self.force),
            **{name: value for name, value in work.items() if value is not None},
        )

    def planned_source(self) -> DatasetUse:
        return self.source_use("images", "image")

    def planned_lineage(self) -> StepLineage:
        return self.planned_step("ingest", sources=(self.planned_source(),), writes=("images", "rejects", "metrics"))
