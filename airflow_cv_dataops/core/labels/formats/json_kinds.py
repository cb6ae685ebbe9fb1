"""What a JSON file is that is not what was expected, and what to do with it; for messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What a COCO file has beside its annotations: its other lists are labels under another name.
_BESIDE_ANNOTATIONS = frozenset(("images", "categories", "licenses", "license", "info", "videos", "attributes", "keypoints", "skeleton"))
_OF_RESULTS = frozenset(("image_id", "score"))


def other_kind(document: Any) -> str | None:
    """Return what a document is where it is known and no COCO file of labels, with what to do; ``None`` for any other."""
    first = document[0] if isinstance(document, list) and document else document
    if not isinstance(first, dict):
        return None
    if _is_task_of_label_studio(first):
        return "Label Studio's own JSON, which is not read: export the project as COCO, YOLO or Pascal VOC"
    if isinstance(document, list) and first.keys() >= _OF_RESULTS:
        return "a list of COCO results, which are predictions: import them as such, with PredictionImportOperator"
    if isinstance(document, dict) and isinstance(document.get("shapes"), list) and "imagePath" in document:
        return "LabelMe's JSON of one image, which is not read: convert the files to COCO (labelme2coco)"
    return None


def is_coco_annotations(document: Any) -> bool:
    """Say whether a document has the two lists of a COCO file of labels."""
    return isinstance(document, dict) and all(isinstance(document.get(part), list) for part in ("images", "annotations"))


def labels_under_another_name(document: Mapping[str, Any]) -> list[str]:
    """Return the keys of a COCO file without ``annotations`` that hold lists of objects, as those would be."""
    lists = {name: part for name, part in document.items() if name.lower() not in _BESIDE_ANNOTATIONS and isinstance(part, list)}
    return [name for name, part in lists.items() if any(isinstance(item, dict) for item in part)]


def _is_task_of_label_studio(document: Mapping[str, Any]) -> bool:
    if isinstance(document.get("images"), list):
        return False
    made = [item for key in ("annotations", "completions", "predictions") if isinstance(items := document.get(key), list) for item in items]
    return isinstance(document.get("data"), dict) or any(isinstance(item, dict) and "result" in item for item in made)
