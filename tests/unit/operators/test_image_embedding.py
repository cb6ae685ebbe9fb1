"""The embedding as a task: where its model and files lie, what it takes from templates, what it tells lineage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from unit.core.embeddings.onnx_files import mean_of_channels
from unit.hooks.fake_connections import add_connection
from unit.operators.small_tasks import TaskInstance, context, embedded, ingest, landing, rendered, ti

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.operators.image_embedding import ImageEmbeddingOperator

__all__ = ["add_connection", "context", "embedded", "landing", "ti"]


def names(datasets: list[Any]) -> list[str]:
    return [dataset.name for dataset in datasets]


def embed(**arguments: Any) -> ImageEmbeddingOperator:
    return ImageEmbeddingOperator(task_id="embed", dataset="digits", **arguments)


def test_start_declares_what_complete_reports_of_the_descriptor(landing: Path, context: dict[str, Any], ti: TaskInstance) -> None:
    ingest(landing).execute(context)
    operator = rendered(embed(), context)
    start = operator.get_openlineage_facets_on_start()
    summary = operator.execute(context)
    complete = operator.get_openlineage_facets_on_complete(ti)
    assert names(start.inputs) == names(complete.inputs) == ["digits.images"]
    assert names(start.outputs) == names(complete.outputs) == ["digits.embeddings", "digits.metrics"]
    facet = complete.run_facets["cvDataops_embedding"]
    assert (facet.embeddingModel, facet.dimensions, facet.embedded) == ("descriptor", 256, summary["counts"]["embedded"])
    origins = complete.outputs[0].facets["columnLineage"].fields["embedding"].inputFields
    assert [(origin.name, origin.field) for origin in origins] == [("digits.images", "storage_uri")]


def test_a_model_of_each_partition_is_one_dataset_for_lineage(landing: Path, context: dict[str, Any], ti: TaskInstance) -> None:
    ingest(landing).execute(context)
    models = landing.parent.parent / "models"
    (models / "2026-11-05").mkdir(parents=True)
    (models / "2026-11-05" / "tiny.onnx").write_bytes(mean_of_channels().SerializeToString())
    operator = rendered(
        embed(model=str(models / "{partition_key}" / "tiny.onnx"), mean="[0, 0, 0]", std="{{ params.std }}", batch_size="2"),
        context,
        std="1, 1, 1",
    )
    start = operator.get_openlineage_facets_on_start()
    summary = operator.execute(context)
    complete = operator.get_openlineage_facets_on_complete(ti)
    assert names(start.inputs) == names(complete.inputs) == [str(models / "tiny.onnx"), "digits.images"]
    assert (summary["embedding_model"], summary["counts"]["dimensions"]) == ("tiny", 3)
    assert "mean [0, 0, 0], std [1, 1, 1]" in summary["preprocessing"]


def test_vectors_are_imported_where_they_are_given(landing: Path, context: dict[str, Any], ti: TaskInstance, embedded: Dataset) -> None:
    ingest(landing).execute(context)
    folder = landing.parent
    np.save(folder / "vectors.npy", [[1.0, 2.0], [3.0, float("nan")]])
    (folder / "ids.txt").write_text("0.png\n1.png\n")
    operator = rendered(
        embed(
            embeddings=str(folder / "vectors.npy"),
            ids=folder / "ids.txt",
            embedding_model="{{ params.name }}",
            on_findings="{{ params.policy }}",
        ),
        context,
        name="clip",
        policy="warn",
    )
    start = operator.get_openlineage_facets_on_start()
    summary = operator.execute(context)
    complete = operator.get_openlineage_facets_on_complete(ti)
    assert names(start.inputs) == names(complete.inputs) == [str(folder / "vectors.npy"), "digits.images"]
    assert names(start.outputs) == names(complete.outputs) == ["digits.embeddings", "digits.findings", "digits.metrics"]
    assert embedded.read("embeddings")["embedding"].to_pylist() == [[1, 2]]
    assert summary["counts"]["problems"] == {"malformed_record": 1}
    with pytest.raises(AirflowFailException, match="1 finding"):
        rendered(embed(embeddings=str(folder / "vectors.npy"), ids=folder / "ids.txt", embedding_model="clip"), context).execute(context)


def test_an_argument_that_renders_to_nothing_is_the_descriptor(landing: Path, context: dict[str, Any]) -> None:
    ingest(landing).execute(context)
    nothing = "{{ params.nothing }}"
    operator = embed(model=nothing, embeddings=nothing, embedding_model=nothing, input_size=nothing, resize=nothing, threads=nothing)
    assert rendered(operator, context, nothing=None).execute(context)["embedding_model"] == "descriptor"


def test_what_a_template_renders_is_checked_as_what_was_written(landing: Path, context: dict[str, Any]) -> None:
    ingest(landing).execute(context)
    with pytest.raises(ConfigurationError, match="crop_center"):
        rendered(embed(model="/m.onnx", resize="{{ params.resize }}"), context, resize="crop_center").execute(context)
