"""ONNX models: what comes out is what the model says of the pixels; what cannot be run is refused with the reason."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from PIL import Image
from unit.core.embeddings.onnx_files import CHANNEL_FIRST, CHANNEL_LAST, mean_of_channels

from airflow_cv_dataops.core.embeddings.onnx_file import check_onnx
from airflow_cv_dataops.core.embeddings.onnx_model import OnnxModel, open_onnx_model
from airflow_cv_dataops.core.embeddings.preprocessing import Asked
from airflow_cv_dataops.core.errors import ConfigurationError, SourceError
from airflow_cv_dataops.core.store.objects import Place

PLAIN = Asked(mean=[0.0, 0.0, 0.0], std=[1.0, 1.0, 1.0])
COLOURS = ["red", "lime", "blue", "white", "black"]


def opened(folder: Path, model: onnx.ModelProto, asked: Asked = PLAIN, **arguments: Any) -> OnnxModel:
    path = folder / "mean_of_channels.onnx"
    path.write_bytes(model.SerializeToString())
    return open_onnx_model(Place(str(path)), asked, threads=1, **arguments)


def vectors(model: OnnxModel) -> np.ndarray:
    return model.embed(np.stack([model.prepare(Image.new("RGB", (20, 10), colour)) for colour in COLOURS]))


@pytest.mark.parametrize("shape", [CHANNEL_FIRST, CHANNEL_LAST, (2, 3, 8, 8), (1, 8, 8, 3)])
@pytest.mark.parametrize("flat", [True, False])
def test_the_vector_is_what_the_model_makes_of_the_pixels(tmp_path: Path, shape: tuple[Any, ...], flat: bool) -> None:
    found = vectors(opened(tmp_path, mean_of_channels(shape, flat=flat or shape[1] != 3)))
    assert found.dtype == np.float32
    assert found.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [0, 0, 0]]


def test_a_model_of_half_precision_is_given_what_it_takes(tmp_path: Path) -> None:
    found = vectors(opened(tmp_path, mean_of_channels(kind=TensorProto.FLOAT16)))
    assert (found.dtype, found[0].tolist()) == (np.float32, [1, 0, 0])


def test_a_vector_does_not_depend_on_the_batch(tmp_path: Path) -> None:
    model = opened(tmp_path, mean_of_channels(scale=[0.1, 0.7, 1.3]), Asked(), batch_size=4)
    noise = np.random.default_rng(0).integers(0, 256, (7, 12, 12, 3), dtype=np.uint8)
    prepared = np.stack([model.prepare(Image.fromarray(pixels)) for pixels in noise])
    together = model.embed(prepared)
    assert np.array_equal(together, np.concatenate([model.embed(prepared[at : at + 1]) for at in range(7)]))
    assert np.array_equal(together, model.embed(prepared[::-1])[::-1])


def test_the_facts_name_the_model_and_change_with_all_that_decides_the_numbers(tmp_path: Path) -> None:
    facts = opened(tmp_path, mean_of_channels()).facts
    assert (facts.embedding_model, facts.source) == ("mean_of_channels", (tmp_path / "mean_of_channels.onnx").as_uri())
    assert "8 x 8 px" in facts.preprocessing
    assert facts == opened(tmp_path, mean_of_channels(), batch_size=2).facts
    others = [
        opened(tmp_path, mean_of_channels(), Asked()),
        opened(tmp_path, mean_of_channels(), Asked(mean=PLAIN.mean, std=PLAIN.std, resize="crop")),
        opened(tmp_path, mean_of_channels(scale=[1, 1, 1])),
        opened(tmp_path, mean_of_channels(outputs=["vector", "other"]), output="other"),
    ]
    assert len({facts.parameters_id, *(model.facts.parameters_id for model in others)}) == 5


def test_of_several_outputs_one_is_named(tmp_path: Path) -> None:
    model = mean_of_channels(outputs=["logits", "features"])
    assert vectors(opened(tmp_path, model, output="features")).shape == (5, 3)
    with pytest.raises(ConfigurationError, match=r"several outputs: logits .*, features .*as `output_name`"):
        opened(tmp_path, model)
    with pytest.raises(ConfigurationError, match="no output 'pooled'; it has logits"):
        opened(tmp_path, model, output="pooled")


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (mean_of_channels(inputs=["images", "mask"]), "has the inputs images .*, mask .*: expected one"),
        (mean_of_channels(kind=TensorProto.INT32), r"takes tensor\(int32\): expected floats"),
    ],
)
def test_an_input_that_is_none_of_images_is_refused(tmp_path: Path, model: onnx.ModelProto, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        opened(tmp_path, model)


def test_an_output_that_is_no_vector_an_image_is_refused(tmp_path: Path) -> None:
    model = opened(tmp_path, onnx.helper.make_model(whole_picture(), opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8))
    with pytest.raises(ConfigurationError, match=r"has shape \(32, 3, 8, 8\) .*expected one vector"):
        vectors(model)


def whole_picture() -> onnx.GraphProto:
    """Return a graph that hands on what it is given."""
    values = [onnx.helper.make_tensor_value_info(name, TensorProto.FLOAT, list(CHANNEL_FIRST)) for name in ("images", "same")]
    return onnx.helper.make_graph([onnx.helper.make_node("Identity", ["images"], ["same"])], "same", values[:1], values[1:])


def test_weights_in_other_files_are_refused_and_not_opened(tmp_path: Path) -> None:
    model = mean_of_channels(scale=[1, 1, 1])
    onnx.save_model(model, tmp_path / "split.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert (tmp_path / "weights.bin").exists()
    with pytest.raises(ConfigurationError, match=r"external data.*save_as_external_data=False"):
        open_onnx_model(Place(str(tmp_path / "split.onnx")), PLAIN)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 a zip", b"\x89PNG\r\n\x1a\n", b"not a model at all", bytes(100), b"\x08\x08" * 3])
def test_a_file_that_is_no_model_is_refused(data: bytes) -> None:
    with pytest.raises(ConfigurationError, match="m is not an ONNX file"):
        check_onnx(data, "m")


def test_a_model_that_is_cut_short_is_refused_wherever_it_ends() -> None:
    whole = mean_of_channels(scale=[1, 1, 1]).SerializeToString()
    check_onnx(whole, "m")
    refused = 0
    for end in range(len(whole) - 20):
        try:
            check_onnx(whole[:end], "m")
        except ConfigurationError:
            refused += 1
    assert refused == len(whole) - 20


def test_without_onnxruntime_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigurationError, match=r"pip install airflow-cv-dataops\[onnx\]"):
        opened(tmp_path, mean_of_channels())


def test_a_model_that_is_not_there_may_come(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"Cannot read the model .*gone\.onnx"):
        open_onnx_model(Place(str(tmp_path / "gone.onnx")), PLAIN)
