"""What the embedding of images may be asked for; without what decodes, runs or reads anything, so that a DAG's file may ask."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from airflow_cv_dataops.core.arguments import check_choice, check_name, check_whole_number
from airflow_cv_dataops.core.errors import ConfigurationError

DESCRIPTOR = "descriptor"
"""The name of the descriptor that needs no model."""

RESIZE = ("squash", "crop")
CHANNELS = ("rgb", "bgr")
LAYOUTS = ("NCHW", "NHWC")
MAX_SIDE = 4096
MAX_BATCH_SIZE = 1024
BATCH_SIZE = 32


def check_embedding_model(embedding_model: Any) -> None:
    """:raises ConfigurationError: it is no name. :param embedding_model: ``None``: the model's own."""
    if embedding_model is not None:
        check_name("embedding_model", embedding_model, "dinov2_vits14")


def is_built_in(model: Any) -> bool:
    """Say whether a ``model`` means the descriptor: nothing, or its name."""
    return model is None or model == DESCRIPTOR


def check_input_size(input_size: Any) -> None:
    """:raises ConfigurationError: it is neither a number of pixels nor a height and a width. :param input_size: ``None``: the model's."""
    if input_size is None:
        return
    sides = [input_size] if isinstance(input_size, int) else list(input_size)
    if len(sides) not in (1, 2):
        raise ConfigurationError(f"input_size={input_size!r} cannot be used: expected a number of pixels, or height and width.")
    for side in sides:
        check_whole_number("input_size", side, 1, MAX_SIDE)


def check_numbers(name: str, values: Any, *, above: float | None = None) -> None:
    """:raises ConfigurationError: they are no one or three finite numbers, or one is not greater than ``above``."""
    if values is None:
        return
    expected = f"{name}={values!r} cannot be used: expected three numbers, one for each channel (one, where the model takes grey images)"
    if isinstance(values, (str, bytes)) or not isinstance(values, Sequence) or len(values) not in (1, 3):
        raise ConfigurationError(f"{expected}.")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not -1e6 < value < 1e6:
            raise ConfigurationError(f"{expected}.")
        if above is not None and not value > above:
            raise ConfigurationError(f"{expected} above {above:g}: pixels are divided by it.")


def check_resize(resize: Any) -> None:
    """:raises ConfigurationError: it is none of the ways to make a picture as large as the model takes it."""
    check_choice("resize", resize, RESIZE)


def check_channels(channels: Any) -> None:
    """:raises ConfigurationError: it is no order of channels."""
    check_choice("channels", channels, CHANNELS)


def check_layout(layout: Any) -> None:
    """:raises ConfigurationError: it is no order of axes. :param layout: ``None``: the model's shape says."""
    if layout is not None:
        check_choice("layout", layout, LAYOUTS)


def check_batch_size(batch_size: Any) -> None:
    """:raises ConfigurationError: it is no number of images, or more than memory is sure to hold."""
    check_whole_number("batch_size", batch_size, 1, MAX_BATCH_SIZE)


def check_threads(threads: Any) -> None:
    """:raises ConfigurationError: it is no number of threads. :param threads: ``None``: one for each processor."""
    if threads is not None:
        check_whole_number("threads", threads, 1)


def check_only_with_model(model: Any, **given: Any) -> None:
    """:param given: arguments that only a model has, as far as they say something.

    :raises ConfigurationError: there is no model to which they could apply.
    """
    named = [name for name, value in given.items() if value is not None]
    if is_built_in(model) and named:
        raise ConfigurationError(
            f"{', '.join(named)} would change nothing without a model: the built-in descriptor has a pre-processing of its own, and "
            "vectors that are imported are made already. Give the URI of an ONNX file as `model`, or leave this out."
        )


def check_one_origin(model: Any, embeddings: Any, embedding_model: Any) -> None:
    """:raises ConfigurationError: vectors would be made and imported at once, or imported without a name to own them."""
    if embeddings is None:
        return
    if model is not None:
        raise ConfigurationError("`model` makes embeddings and `embeddings` imports those that are made already: give one of them.")
    if embedding_model is None:
        raise ConfigurationError("`embeddings` needs `embedding_model`: the name of the model that made them, which owns the rows.")


def name_of_model(uri: str) -> str:
    """Return what a model is called where nobody says: its file's name without extension, e.g. ``resnet50``."""
    name = re.sub(r"[?#].*", "", uri).rstrip("/").rpartition("/")[2]
    return re.sub(r"\.onnx$", "", name, flags=re.IGNORECASE) or "model"


def storage_format(source: str) -> str:
    """Return what files of vectors are, for lineage: by extension, ``parquet`` for a prefix."""
    extension = source.rpartition(".")[2].lower()
    return extension if extension in ("npy", "npz") else "parquet"
