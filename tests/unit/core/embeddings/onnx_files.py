"""Tiny ONNX models: the mean of each channel of an image as its vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CHANNEL_FIRST, CHANNEL_LAST = ("n", 3, 8, 8), ("n", 8, 8, 3)


def mean_of_channels(
    shape: Sequence[Any] = CHANNEL_FIRST,
    *,
    kind: int = TensorProto.FLOAT,
    flat: bool = True,
    outputs: Sequence[str] = ("vector",),
    inputs: Sequence[str] = ("images",),
    scale: Sequence[float] | None = None,
) -> onnx.ModelProto:
    """Return a model of which every output is the mean over the pixels.

    :param shape: of its input. :param flat: whether the axes of the pixels are dropped. :param scale: weights of the channels.
    """
    axes = [2, 3] if shape[1] in (1, 3) else [1, 2]
    nodes = []
    for output in outputs:
        mean = output if scale is None else f"{output}_mean"
        nodes.append(helper.make_node("ReduceMean", [inputs[0]], [mean], axes=axes, keepdims=0 if flat else 1))
        if scale is not None:
            nodes.append(helper.make_node("Mul", [mean, "scale"], [output]))
    weights = [] if scale is None else [numpy_helper.from_array(np.array(scale, np.float32), "scale")]
    graph = helper.make_graph(
        nodes,
        "mean_of_channels",
        [helper.make_tensor_value_info(name, kind, list(shape)) for name in inputs],
        [helper.make_tensor_value_info(name, kind, None) for name in outputs],
        initializer=weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
