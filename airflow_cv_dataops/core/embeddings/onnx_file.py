"""An ONNX file's bytes, looked at before anything runs them: whether they are one, and whole.

A file may leave its weights to others that it names by paths (``external_data``). Those are never opened: out of an object store they are
not beside it, and a path in a file from outside may lead anywhere. So they are looked for here, by walking the messages of the format
(onnx.proto, Protocol Buffers' wire format): tensors of weights are stepped over, so that it takes no time, however large they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from airflow_cv_dataops.core.errors import ConfigurationError

# By message: which of its fields hold which messages.
_FIELDS: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_IR_VERSION, _GRAPH = 1, 7
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_LARGEST_FIELD = 2**29
_DEEPEST = 64


def check_onnx(data: bytes, name: str) -> None:
    """:raises ConfigurationError: it is no ONNX file, or its weights are in others. :param name: what to call it in messages."""
    whole = memoryview(data)
    try:
        fields = {field for field, _, _ in _walk(whole)}
        if not {_IR_VERSION, _GRAPH} <= fields:
            raise ValueError("it names no version, or has no graph")
        is_external = _has_external(whole, "model", 0)
    except ValueError as error:
        raise ConfigurationError(f"{name} is not an ONNX file: {error}.") from error
    if is_external:
        raise ConfigurationError(
            f"{name} leaves its weights to other files (external data), which are not read: save it as one file, e.g. with "
            "onnx.save_model(onnx.load(path), path, save_as_external_data=False)."
        )


def _has_external(message: memoryview, kind: str, depth: int) -> bool:
    if depth > _DEEPEST:
        raise ValueError(f"its graphs are nested more than {_DEEPEST} deep")
    for field, value, number in _walk(message):
        if kind == "tensor" and (field == _EXTERNAL_DATA or (field == _DATA_LOCATION and number == 1)):
            return True
        inner = _FIELDS[kind].get(field)
        if inner is not None and value is not None and _has_external(value, inner, depth + 1):
            return True
    return False


def _walk(message: memoryview) -> Iterator[tuple[int, memoryview | None, int | None]]:
    """Yield each field of a message with its bytes or its number. :raises ValueError: it is none."""
    place, end = 0, len(message)
    while place < end:
        key, place = _varint(message, place)
        field, kind = key >> 3, key & 7
        if not 0 < field < _LARGEST_FIELD:
            raise ValueError("its first bytes are of another format")
        number, value = None, None
        if kind == _VARINT:
            number, place = _varint(message, place)
        elif kind == _LENGTH:
            length, place = _varint(message, place)
            value, place = message[place : place + length], place + length
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            place += 8 if kind == _EIGHT_BYTES else 4
        else:
            raise ValueError("its bytes are of another format")
        if place > end:
            raise ValueError("it ends in the middle")
        yield field, value, number


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """Return a number and the place behind it."""
    found = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            raise ValueError("it ends in the middle")
        byte = message[place]
        place += 1
        found |= (byte & 127) << shift
        if byte < 128:
            return found, place
    raise ValueError("its bytes are of another format")
