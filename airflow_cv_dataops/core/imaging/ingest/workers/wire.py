"""How the ingest and its worker processes talk: JSON documents with their length in front. Never pickle: a decoder may be taken over."""

from __future__ import annotations

import json
from typing import IO, Any

_LENGTH_BYTES = 4
_LONGEST = 256 * 1024 * 1024


def send(stream: IO[bytes], document: Any) -> None:
    """Write one document. :raises BrokenPipeError: nobody reads any more."""
    data = json.dumps(document, separators=(",", ":")).encode()
    stream.write(len(data).to_bytes(_LENGTH_BYTES, "big") + data)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Return the next document. :raises EOFError: the other side is gone. :raises ValueError: what comes is no document."""
    length = int.from_bytes(_exactly(stream, _LENGTH_BYTES), "big")
    if length > _LONGEST:
        raise ValueError(f"a document of {length:,} bytes")
    return json.loads(_exactly(stream, length))


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data
