"""An ONNX model of the user's as a maker of vectors, run by onnxruntime on the CPU."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.embeddings.arguments import check_batch_size, check_threads, name_of_model
from airflow_cv_dataops.core.embeddings.embedder import Facts
from airflow_cv_dataops.core.embeddings.onnx_file import check_onnx
from airflow_cv_dataops.core.embeddings.preprocessing import Asked
from airflow_cv_dataops.core.errors import ConfigurationError, SourceError, StoreError
from airflow_cv_dataops.core.store.objects import Place, normalize_uri, read_uri, without_credentials
from airflow_cv_dataops.core.store.uris import told_uri

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

# The format's own limit: a Protocol Buffers message has no more.
MAX_MODEL_BYTES = 2**31
_FLOATS = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64"}


def open_onnx_model(
    model: Place, asked: Asked, *, output: str | None = None, batch_size: int = 32, threads: int | None = None
) -> OnnxModel:
    """Read a model and make it ready to run.

    :param asked: how pictures become its input.
    :param output: which of its outputs is the vector; ``None``: the only one.
    :param batch_size: images that it is given at once, unless its input says how many.
    :param threads: that work on one batch; ``None``: one for each processor that this process may use.
    :raises ConfigurationError: onnxruntime is absent, the file is no ONNX model or leaves its weights to other files, or its input or
        outputs are none that can be used.
    :raises SourceError: the file cannot be read. :raises StoreError: its store does not answer.
    """
    check_batch_size(batch_size)
    check_threads(threads)
    name = told_uri(normalize_uri(model.uri))
    _runtime()  # before anything is read
    try:
        data = read_uri(model.uri, model.options, max_bytes=MAX_MODEL_BYTES)
    except StoreError:
        raise
    except OSError as error:
        raise SourceError(f"Cannot read the model {name}: {error}") from error
    check_onnx(data, name)
    return OnnxModel(
        data, without_credentials(normalize_uri(model.uri)), name, asked, output=output, batch_size=batch_size, threads=threads
    )


class OnnxModel:
    """A model and its pre-processing. Use :func:`open_onnx_model`.

    All batches have one size, the last one filled up: a kernel may add in another order for another size, and a vector would then depend
    on how many images were embedded with it.
    """

    def __init__(
        self, data: bytes, source: str, name: str, asked: Asked, *, output: str | None, batch_size: int, threads: int | None
    ) -> None:
        self._name = name
        self._session = _session(data, name, threads)
        given = _only_input(self._session.get_inputs(), name)
        self._input, self._type = given.name, _FLOATS[given.type]
        self._preprocessing = asked.for_input(given.shape, name)
        self._output = _output(self._session.get_outputs(), output, name)
        stated = given.shape[0]
        self.batch_size = stated if isinstance(stated, int) and stated > 0 else batch_size
        words = f"{self._preprocessing.words}; output {self._output}"
        digest = hashlib.sha256(f"onnx\0{hashlib.sha256(data).hexdigest()}\0{self._preprocessing!r}\0{self._output}".encode())
        self._facts = Facts(name_of_model(source), source, words, digest.hexdigest()[:16])

    @property
    def facts(self) -> Facts:
        return self._facts

    def needed(self, width: int, height: int) -> float:
        return self._preprocessing.needed(width, height)

    def prepare(self, picture: Image.Image) -> np.ndarray:
        """Return the input of one picture, without the axis of the batch."""
        return self._preprocessing.apply(picture).astype(self._type, copy=False)

    def embed(self, prepared: np.ndarray) -> np.ndarray:
        """Return ``(N, D)`` float32. :raises ConfigurationError: the model cannot be run, or its output has another shape."""
        import numpy as np

        parts = [self._run(prepared[start : start + self.batch_size]) for start in range(0, len(prepared), self.batch_size)]
        return np.concatenate(parts)

    def _run(self, prepared: np.ndarray) -> np.ndarray:
        import numpy as np

        count = len(prepared)
        filled = np.zeros((self.batch_size, *prepared.shape[1:]), prepared.dtype)
        filled[:count] = prepared
        try:
            found = np.asarray(self._session.run([self._output], {self._input: filled})[0])
        except Exception as error:  # (onnxruntime's own exceptions have no common base)
            raise ConfigurationError(
                f"{self._name} cannot be run on images of {self._preprocessing.words}: {_first_line(error)}"
            ) from error
        shape = found.shape
        while found.ndim > 2 and found.shape[-1] == 1:  # of a pooling that keeps its axes
            found = found[..., 0]
        if found.ndim != 2 or len(found) != self.batch_size or not found.shape[1] or found.dtype.kind != "f":
            raise ConfigurationError(
                f"Output {self._output} of {self._name} has shape {shape} ({found.dtype}) for {self.batch_size} images: expected one "
                "vector of floats for each. Name another as `output_name`, or export the model with its pooling."
            )
        return found[:count].astype(np.float32)


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ConfigurationError(
            "Embedding images by an ONNX model needs onnxruntime, which is not installed: pip install airflow-cv-dataops[onnx]"
        ) from error
    return onnxruntime


def _session(data: bytes, name: str, threads: int | None) -> Any:
    from airflow_cv_dataops.core.imaging.ingest.workers.cores import available_cores

    runtime = _runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads or available_cores()
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # threads that decode need the processors meanwhile
    try:
        return runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # (as above)
        raise ConfigurationError(f"onnxruntime {runtime.__version__} cannot load {name}: {_first_line(error)}") from error


def _only_input(inputs: Sequence[Any], name: str) -> Any:
    if len(inputs) != 1:
        raise ConfigurationError(f"{name} has the inputs {_names(inputs)}: expected one, of images.")
    if inputs[0].type not in _FLOATS:
        raise ConfigurationError(f"Input {inputs[0].name} of {name} takes {inputs[0].type}: expected floats, {', '.join(_FLOATS)}.")
    return inputs[0]


def _output(outputs: Sequence[Any], wanted: str | None, name: str) -> str:
    names = [found.name for found in outputs]
    if wanted is None and len(names) == 1:
        return str(names[0])
    if wanted is None:
        raise ConfigurationError(f"{name} has several outputs: {_names(outputs)}. Name the one with the embedding as `output_name`.")
    if wanted not in names:
        raise ConfigurationError(f"{name} has no output {wanted!r}; it has {_names(outputs)}.")
    return wanted


def _names(values: Sequence[Any]) -> str:
    return ", ".join(f"{value.name} {tuple(value.shape)}" for value in values) or "none"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
