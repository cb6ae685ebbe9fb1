"""Archives and JSON lines, which are no label or prediction files: what to do with them, for messages."""

from __future__ import annotations

import re
from collections.abc import Sequence

_UNPACK = (
    "an archive or a compressed file, and labels and predictions are not read out of one: unpack it, and give the file or the folder that "
    "comes out as the source."
)
_AS_ONE_JSON = (
    "a file of JSON lines, which are not read: write one JSON document, a .json file (COCO: an object with `images` and `annotations`; "
    "COCO results: a list)."
)
_ADVICE = {
    (".zip", ".tar", ".tgz", ".gz", ".bz2", ".tbz2", ".xz", ".txz", ".zst", ".7z", ".rar"): _UNPACK,
    (".jsonl", ".ndjson"): _AS_ONE_JSON,
}
# How an image source names a file within an archive.
_MEMBER = re.compile(r"[^/]*\.(?:zip|tar|t[a-z0-9]+|tar\.[a-z0-9]+)!/", re.IGNORECASE)


def advice_on(uri: str) -> str | None:
    """Return what a file is that is never read, and what to do with it, by its name; ``None`` for any other."""
    if _MEMBER.search(uri):
        return f"within {_UNPACK}"
    return next((advice for extensions, advice in _ADVICE.items() if uri.lower().endswith(extensions)), None)


def advice_instead(paths: Sequence[str]) -> str:
    """Return a sentence, a space before it, on the first file that was meant to be read and is not; ``""`` where there is none."""
    return next((f" There is {path}, {advice}" for path in paths if (advice := advice_on(path))), "")
