"""From a release to files that train."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.common.argument_checks import export, shared
from airflow_cv_dataops.common.arguments import as_count, as_flag, as_list_or_absent, required_number
from airflow_cv_dataops.common.partition import with_partition_key
from airflow_cv_dataops.common.places import path_text
from airflow_cv_dataops.core.step_lineage import DatasetUse, StepLineage
from airflow_cv_dataops.core.store.source_names import PLACEHOLDER, stable_source
from airflow_cv_dataops.operators.base import DatasetOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_cv_dataops.core.export.options import ExportOptions
    from airflow_cv_dataops.core.store.dataset import Dataset
    from airflow_cv_dataops.core.summary import StepResult


class DatasetExportOperator(DatasetOperator):
    """Write a release as files that train: COCO, YOLO, Pascal VOC, ImageFolder, CSV, Parquet, WebDataset or Hugging Face.

    The same release with the same arguments gives the same bytes. A run that was killed is finished by its retry, which writes what is
    missing alone; a manifest with the hash of every file is written last.

    :param release: the release, by its name (``v3``), by the stage that points to it, or by a time: what ``production`` was then.
        (templated)
    :param target: URI or local path of the folder or prefix that is written; ``{release}`` in it becomes the release's name, and
        ``{partition_key}`` that of the run. An ``s3://`` URI may name its connection: ``s3://my_conn@bucket/prefix``. Default:
        ``exports/<release>/<format>`` below the dataset's own folder in the warehouse. (templated)
    :param format: ``coco``, ``yolo`` (boxes), ``yolo_seg`` (polygons), ``voc``, ``imagefolder``, ``csv``, ``parquet``, ``webdataset`` or
        ``huggingface``. (templated)
    :param images: ``copy``, ``link`` (hard links to the dataset's copies, on one file system) or ``reference`` (label files name images
        where they are stored: ``coco``, ``csv``, ``parquet``). (templated)
    :param without_labels: which images without labels are exported: ``stated``, those of which labels state that nothing is in them;
        ``none``; ``all``, also those of which nothing is said, which whoever trains takes for empty. (templated)
    :param incomplete_images: what becomes of an image of which some labels cannot be exported: ``keep`` or ``leave_out``. (templated)
    :param categories: these only, numbered in this order; default: all, by name. (templated)
    :param label_sets: labels of these imports only; default: all. (templated)
    :param splits: these only; default: all. (templated)
    :param size: resize pictures, and labels with them: ``640``, the longest side at most, or ``640x480``. (templated)
    :param fit: with a width and height: ``within`` them, ``stretch``, ``cover`` (what overlaps is cut off) or ``pad`` (grey around it).
        (templated)
    :param crop: a part of every picture, before it is resized: left, top, right, bottom as fractions, e.g. ``0,0.4,1,1``. (templated)
    :param min_visible: a label that is cut, and has less than this share (0 to 1) of its area left, is left out. (templated)
    :param max_left_out_ratio: share of the labels, 0 to 1, that may be left out for what is wrong with them or because the format has no
        place for them; above it the task fails before anything is written. (templated)
    :param shard_images: images in a shard of ``webdataset`` and ``huggingface``. (templated)
    :param replace: whether another export at the target may be removed, with everything else that is below it. (templated)
    """

    what_it_does = (
        "Writes a release of the dataset as files that train: images, labels in the format that was asked for, and a manifest with the "
        "hash of every file."
    )
    template_fields: Sequence[str] = (
        *DatasetOperator.template_fields,
        "release",
        "target",
        "format",
        "images",
        "without_labels",
        "incomplete_images",
        "categories",
        "label_sets",
        "splits",
        "size",
        "fit",
        "crop",
        "min_visible",
        "max_left_out_ratio",
        "shard_images",
        "replace",
    )
    path_fields: Sequence[str] = ("target",)
    never_empty = ("categories", "label_sets", "splits")
    # A template that names no release must not export another one in its place.
    never_absent = ("release",)
    argument_checks = {
        **DatasetOperator.argument_checks,
        "release": shared.release_or_time,
        "target": export.export_target,
        "format": export.export_format,
        "images": export.export_option,
        ("format", "images"): export.export_images,
        "without_labels": export.export_option,
        "incomplete_images": export.export_option,
        "categories": export.export_names,
        "label_sets": export.export_names,
        "splits": export.export_names,
        ("size", "fit", "images"): export.export_size,
        "crop": export.export_crop,
        ("crop", "images"): export.crop_without_copy,
        "min_visible": export.min_visible,
        "max_left_out_ratio": export.export_ratio,
        "shard_images": export.shard_images,
        "replace": shared.flag,
    }

    def __init__(
        self,
        *,
        release: str = "production",
        target: str | PathLike[str] | None = None,
        format: str = "coco",  # noqa: A002 (the word of the other operators)
        images: str = "copy",
        without_labels: str = "stated",
        incomplete_images: str = "keep",
        categories: Sequence[str] | str | None = None,
        label_sets: Sequence[str] | str | None = None,
        splits: Sequence[str] | str | None = None,
        size: int | str | Sequence[int] | None = None,
        fit: str = "within",
        crop: str | Sequence[float] | None = None,
        min_visible: float | str = 0.0,
        max_left_out_ratio: float | str = 0.1,
        shard_images: int | str = 1_000,
        replace: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.release = release
        self.target: str | None = path_text(target)
        self.format = format
        self.images = images
        self.without_labels = without_labels
        self.incomplete_images = incomplete_images
        self.categories = categories
        self.label_sets = label_sets
        self.splits = splits
        self.size = size
        self.fit = fit
        self.crop = crop
        self.min_visible = min_visible
        self.max_left_out_ratio = max_left_out_ratio
        self.shard_images = shard_images
        self.replace = replace

    def run_step(self, dataset: Dataset, partition_key: str, context: Context) -> StepResult:
        from airflow_cv_dataops.core.export.export import export_release

        target, options = self._located_target(partition_key)
        return export_release(
            dataset,
            self.release,
            target,
            self._options(),
            target_options=options,
            replace=as_flag("replace", self.replace),
            partition_key=partition_key,
        )

    def _located_target(self, partition_key: str) -> tuple[str | None, Mapping[str, Any] | None]:
        """Return the target with its partition filled in, and the options to open it with; nothing of both for the dataset's own place."""
        return self.hook.storage(with_partition_key(self.target, partition_key)) if self.target else (None, None)

    def _options(self) -> ExportOptions:
        from airflow_cv_dataops.core.export.options import ExportOptions
        from airflow_cv_dataops.core.export.transform.placement import Resize

        names = {
            name: as_list_or_absent(name, getattr(self, name), f"all {name.replace('_', ' ')}")
            for name in ("categories", "label_sets", "splits")
        }
        return ExportOptions(
            format=self.format,
            images=self.images,
            without_labels=self.without_labels,
            incomplete_images=self.incomplete_images,
            **{name: None if given is None else tuple(given) for name, given in names.items()},
            resize=Resize.of(self.size, self.fit, self.crop, self.min_visible),
            max_left_out_ratio=required_number("max_left_out_ratio", self.max_left_out_ratio),
            shard_images=as_count("shard_images", self.shard_images) or 0,
        )

    def planned_lineage(self) -> StepLineage:
        from airflow_cv_dataops.core.export.outcome import LINEAGE_INPUTS

        plan = self.planned_step("export", reads=LINEAGE_INPUTS, writes=())
        return replace(plan, outputs=(self._target_use(),))

    def stable_lineage(self, lineage: StepLineage) -> StepLineage:
        named = self._target_use()
        return replace(lineage, outputs=tuple(replace(output, uri=named.uri) for output in lineage.outputs))

    def _target_use(self) -> DatasetUse:
        """Describe the target for lineage, so that every run and every release names the same dataset."""
        from airflow_cv_dataops.core.export.export import RELEASE_PLACEHOLDER, default_target

        target = self.target or default_target(self.hook.dataset(self.dataset), RELEASE_PLACEHOLDER, self.format)
        place = self.hook.storage(target.replace(RELEASE_PLACEHOLDER, PLACEHOLDER))[0]
        return DatasetUse(uri=stable_source(place, self.resolved_partition_key), holds="export", storage_format=self.format)
