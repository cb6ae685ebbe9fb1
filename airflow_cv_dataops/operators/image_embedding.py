"""From images to vectors in which alike is near: rows of ``embeddings``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.common.argument_checks import embedding, shared
from airflow_cv_dataops.common.argument_checks.embedding import as_numbers, as_size
from airflow_cv_dataops.common.arguments import as_count, as_list, required_number
from airflow_cv_dataops.common.partition import with_partition_key
from airflow_cv_dataops.common.places import path_text, place_of
from airflow_cv_dataops.core.step_lineage import DatasetUse, StepLineage
from airflow_cv_dataops.core.store.source_names import stable_source
from airflow_cv_dataops.operators.base import DatasetOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_cv_dataops.core.store.base import Place
    from airflow_cv_dataops.core.store.dataset import Dataset
    from airflow_cv_dataops.core.summary import StepResult


_ONLY_WITH_MODEL = ("model", "input_size", "mean", "std", "resize", "channels", "layout", "output_name")


class ImageEmbeddingOperator(DatasetOperator):
    """Make a vector of each image of the partition, or import vectors that are made already, and write ``embeddings``.

    In the URIs of ``model``, ``embeddings`` and ``ids``, ``{partition_key}`` is filled in, and an ``s3://`` URI may name its connection:
    ``s3://my_conn@bucket/model.onnx``.

    :param model: URI of an ONNX file (needs ``airflow-cv-dataops[onnx]``); default: ``descriptor``, which is built in and needs none.
        (templated)
    :param embeddings: URI of a file, or a prefix with files, to import vectors from instead: Parquet, ``.npz``, or ``.npy`` with ``ids``.
        (templated)
    :param ids: file with the image names of an ``.npy`` of ``embeddings``: ``.npy``, or text with one a line. (templated)
    :param id_column: column of ``embeddings`` with the image name; default: detected. (templated)
    :param embedding_model: name that owns the rows: a rerun replaces its own; default: ``descriptor``, or the model file's name without
        extension. Vectors that are imported need one. (templated)
    :param input_size: pixels of the model's square input, or height and width; default: what the model's shape says. (templated)
    :param mean: of each channel, 0 to 1, taken away from pixels of 0 to 1; default: ImageNet's (0.485, 0.456, 0.406). (templated)
    :param std: of each channel; pixels are divided by it; default: ImageNet's (0.229, 0.224, 0.225). (templated)
    :param resize: ``squash``, the default: the whole picture, whatever its aspect ratio; ``crop``: its middle, as the input's shape is.
        (templated)
    :param channels: ``rgb``, the default, or ``bgr``. (templated)
    :param layout: ``NCHW`` or ``NHWC``; default: what the model's shape says. (templated)
    :param output_name: which of the model's outputs is the vector; default: the only one. (templated)
    :param batch_size: images that the model is given at once, unless its input says how many. (templated)
    :param threads: that work on one batch; default: one for each processor. (templated)
    :param max_unreadable_ratio: share of the images, or of the files of ``embeddings`` (0 to 1), that may be unreadable; above it the task
        fails; ``1``: any number of them. (templated)
    :param on_findings: ``fail``, ``warn`` or ``skip`` when a vector of ``embeddings`` could not be used (severity in ``fail_on``).
        (templated)
    :param fail_on: severities that count. (templated)
    """

    what_it_does = (
        "Makes a vector of each image of the partition that has none by this model yet, or imports vectors, and writes `embeddings` and "
        "`metrics`; of an import also `findings` of what could not be used."
    )
    template_fields: Sequence[str] = (
        *DatasetOperator.template_fields,
        "model",
        "embeddings",
        "ids",
        "id_column",
        "embedding_model",
        "input_size",
        "mean",
        "std",
        "resize",
        "channels",
        "layout",
        "output_name",
        "batch_size",
        "threads",
        "max_unreadable_ratio",
        "on_findings",
        "fail_on",
    )
    path_fields: Sequence[str] = ("model", "embeddings", "ids")
    argument_checks = {
        **DatasetOperator.argument_checks,
        "model": embedding.model,
        "embeddings": shared.place,
        "ids": shared.place,
        "embedding_model": embedding.embedding_model,
        "input_size": embedding.input_size,
        "mean": embedding.mean,
        "std": embedding.std,
        "resize": embedding.resize,
        "channels": embedding.channels,
        "layout": embedding.layout,
        "batch_size": embedding.batch_size,
        "threads": embedding.threads,
        "max_unreadable_ratio": shared.ratio,
        **shared.POLICY,
        ("model", "embeddings", "embedding_model"): embedding.one_origin,
        _ONLY_WITH_MODEL: embedding.only_with_model,
        ("embeddings", "ids", "id_column"): embedding.only_with_embeddings,
    }

    def __init__(
        self,
        *,
        model: str | PathLike[str] | None = None,
        embeddings: str | PathLike[str] | None = None,
        ids: str | PathLike[str] | None = None,
        id_column: str | None = None,
        embedding_model: str | None = None,
        input_size: int | Sequence[int] | str | None = None,
        mean: Sequence[float] | str | None = None,
        std: Sequence[float] | str | None = None,
        resize: str | None = None,
        channels: str | None = None,
        layout: str | None = None,
        output_name: str | None = None,
        batch_size: int | str = 32,
        threads: int | str | None = None,
        max_unreadable_ratio: float | str = 0.05,
        on_findings: str = "fail",
        fail_on: Sequence[str] | str = ("error",),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model: str | None = path_text(model)
        self.embeddings: str | None = path_text(embeddings)
        self.ids: str | None = path_text(ids)
        self.id_column = id_column
        self.embedding_model = embedding_model
        self.input_size = input_size
        self.mean = mean
        self.std = std
        self.resize = resize
        self.channels = channels
        self.layout = layout
        self.output_name = output_name
        self.batch_size = batch_size
        self.threads = threads
        self.max_unreadable_ratio = max_unreadable_ratio
        self.on_findings = on_findings
        self.fail_on = fail_on

    def run_step(self, dataset: Dataset, partition_key: str, context: Context) -> StepResult:
        model, embeddings, ids = (
            place_of(name, uri, partition_key, self._located)
            for name, uri in (("model", self._model_file), ("embeddings", self.embeddings), ("ids", self.ids))
        )
        self._check_together()
        if embeddings is not None:
            return self._import(dataset, partition_key, embeddings, ids)
        from airflow_cv_dataops.core.embeddings.embedding import embed_images

        return embed_images(
            dataset,
            partition_key,
            model=model,
            embedding_model=self.embedding_model,
            input_size=as_size("input_size", self.input_size),
            mean=as_numbers("mean", self.mean),
            std=as_numbers("std", self.std),
            resize=self.resize,
            channels=self.channels,
            layout=self.layout,
            output_name=self.output_name,
            batch_size=as_count("batch_size", self.batch_size) or 0,
            threads=as_count("threads", self.threads),
            max_unreadable_ratio=required_number("max_unreadable_ratio", self.max_unreadable_ratio),
        )

    def _check_together(self) -> None:
        """Ask of all arguments that templates have rendered what one of the two functions would not, as it does not know the others."""
        shared.on_findings("on_findings", self.on_findings)
        shared.fail_on("fail_on", self.fail_on)
        embedding.one_origin(self.model, self.embeddings, self.embedding_model)
        if self.embeddings is not None:
            embedding.only_with_model(*(getattr(self, name) for name in _ONLY_WITH_MODEL))
        embedding.only_with_embeddings(self.embeddings, self.ids, self.id_column)

    def _import(self, dataset: Dataset, partition_key: str, embeddings: Place, ids: Place | None) -> StepResult:
        from airflow_cv_dataops.core.embeddings.importing import import_embeddings

        return import_embeddings(
            dataset,
            partition_key,
            embeddings.uri,
            embedding_model=self.embedding_model or "",
            id_column=self.id_column,
            ids=ids,
            source_options=embeddings.options,
            on_findings=self.on_findings,
            fail_on=as_list("fail_on", self.fail_on) or (),
            max_unreadable_ratio=required_number("max_unreadable_ratio", self.max_unreadable_ratio),
        )

    def planned_lineage(self) -> StepLineage:
        files = self._files_use()
        writes = ("embeddings", "findings", "metrics") if self.embeddings else ("embeddings", "metrics")
        return self.planned_step("embedding", sources=() if files is None else (files,), reads=("images",), writes=writes)

    def stable_lineage(self, lineage: StepLineage) -> StepLineage:
        files = self._files_use()
        if files is None:
            return lineage
        found, *others = lineage.inputs
        return replace(lineage, inputs=(replace(found, uri=files.uri), *others))

    @property
    def _model_file(self) -> str | None:
        """URI of the model; ``None`` for what is built in."""
        from airflow_cv_dataops.core.embeddings.arguments import is_built_in

        return None if is_built_in(self.model) else self.model

    def _located(self, uri: str, partition_key: str) -> tuple[str, Mapping[str, Any]]:
        """Return a place with its partition filled in and no connection in it, and the options to open it with."""
        return self.hook.storage(with_partition_key(uri, partition_key))

    def _files_use(self) -> DatasetUse | None:
        """Describe the model or the files of vectors for lineage, so that every run names the same; ``None`` where there are none."""
        if self.embeddings:
            from airflow_cv_dataops.core.embeddings.arguments import storage_format

            return self._use(self.embeddings, "embeddings", storage_format(self.embeddings))
        return self._use(self._model_file, "embedding_model", "onnx") if self._model_file else None

    def _use(self, uri: str, holds: str, storage_format: str) -> DatasetUse:
        return DatasetUse(uri=stable_source(uri, self.resolved_partition_key), holds=holds, storage_format=storage_format)
