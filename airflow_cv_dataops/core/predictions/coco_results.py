"""COCO results files (https://cocodataset.org/#format-results): a list of scored boxes, masks or categories."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_cv_dataops.core.labels.formats.coco_reader import (
    CocoImage,
    NotCocoError,
    coco_categories,
    coco_images,
    load_json,
)
from airflow_cv_dataops.core.labels.formats.coco_values import bbox_values, id_text, is_outline, segmentation_text
from airflow_cv_dataops.core.labels.formats.json_kinds import is_coco_annotations
from airflow_cv_dataops.core.labels.records import RecordBuilder, clean_text, excerpt, number

# Softmax and sigmoid in single precision may end a few ulps outside 0 to 1.
SCORE_TOLERANCE = 1e-6
_PADDED_DIGITS = 12


@dataclass(frozen=True)
class CocoReference:
    """What the ids of a results file mean.

    :param images: ``None``: an image id is taken for the file's name, with or without extension.
    :param categories: names by category id as text, ``None`` where one has two; without categories the category id is the name.
    :param source: where the names of the categories come from, for messages.
    """

    images: Mapping[str, CocoImage] | None = None
    categories: Mapping[str, str | None] | None = None
    source: str = "coco_reference"


@dataclass
class ResultColumns:
    """The records of one results file, column by column."""

    ordinal: list[int] = field(default_factory=list)
    file_name: list[str] = field(default_factory=list)
    alternative_name: list[str | None] = field(default_factory=list)
    task: list[str] = field(default_factory=list)
    category: list[str | None] = field(default_factory=list)
    score: list[float] = field(default_factory=list)
    bbox: list[tuple[float, float, float, float] | None] = field(default_factory=list)
    segmentation: list[str | None] = field(default_factory=list)


class NumberedImages:
    """Counts the results that name their image by a bare number, where no reference says which file it means."""

    def __init__(self) -> None:
        self._count = 0
        self._first = self._source = ""

    def add(self, found: ResultColumns, source: str) -> None:
        """Look at the results of one file; ``000000000042`` is the name of a file, ``42`` is not."""
        numbers = [name for name, padded in zip(found.file_name, found.alternative_name, strict=True) if padded and not _is_padded(name)]
        if numbers and not self._count:
            self._first, self._source = numbers[0], source
        self._count += len(numbers)

    def log(self, log: logging.Logger) -> None:
        """Warn of them: an image of that name need not be the one that the number means, and no check can tell."""
        if self._count:
            log.warning(
                "%d results name their image by a number alone, and there is no coco_reference: they join the images that are called so "
                "(image_id %s in %s joins %s.jpg, else %s.jpg, whatever image the number stands for). coco_reference, the COCO annotations "
                "file that the numbers are from, makes it certain; so does a file_name in each result.",
                *(self._count, self._first, self._source, self._first, self._first.zfill(_PADDED_DIGITS)),
            )


def _is_padded(name: str) -> bool:
    return len(name) > 1 and name.startswith("0")


def read_reference(data: bytes, name: str) -> CocoReference:
    """Return image and category names from a COCO annotations file. :raises ValueError: it is not one."""
    document = load_json(data)
    if not isinstance(document, dict) or not isinstance(document.get("images"), list):
        raise NotCocoError(f"{name} has no list of `images`")
    noted = RecordBuilder("", "coco")
    return CocoReference(coco_images(document, noted), coco_categories(document, noted) or None)


def parse_results(
    data: bytes, reference: CocoReference, lost: Callable[[str], None], unnamed: dict[str, int] | None = None
) -> ResultColumns:
    """Return the results of one file; records that cannot be used go to ``lost`` with why.

    :param unnamed: counts the results whose category has no name in ``reference``, by category id.
    :raises ValueError: the file as a whole is no COCO results file.
    """
    document = load_json(data)
    if is_coco_annotations(document):
        raise NotCocoError(
            "it is a COCO annotations file, not results: give it as `coco_reference` if the results' ids are from it, else leave it out by "
            "`exclude`"
        )
    if not isinstance(document, list):
        raise NotCocoError("not COCO results: expected a list of objects with image_id, category_id and score")
    found = ResultColumns()
    # Each result is a Python object of its own shape, so it is checked by itself.
    for ordinal, result in enumerate(document):
        if problem := _problem(result, reference):
            lost(f"Result {ordinal}: {problem}.")
            continue
        _take(found, ordinal, result, reference, {} if unnamed is None else unnamed)
    return found


def _problem(result: Any, reference: CocoReference) -> str | None:
    if not isinstance(result, dict):
        return f"{excerpt(result)} is not an object"
    image_id, stated = id_text(result.get("image_id")), _stated_name(result)
    if image_id is None and (stated is None or result.get("image_id") is not None):
        return f"image_id {excerpt(result.get('image_id'))} cannot be used"
    known = _known_name(image_id, reference)
    if stated is not None and known is not None and not _is_one_file(stated, known):
        return f"file_name {excerpt(stated)} contradicts image_id {excerpt(image_id)}, which is {excerpt(known)} in coco_reference"
    if _score(result.get("score")) is None:
        return f"score {excerpt(result.get('score'))} is not a number from 0 to 1"
    if result.get("bbox") and bbox_values(result["bbox"]) is None:
        return f"bbox {excerpt(result['bbox'])} is not four numbers"
    if is_outline(result.get("segmentation")) and segmentation_text(result["segmentation"]) is None:
        return f"segmentation {excerpt(result['segmentation'])} is neither polygons nor an RLE"
    if result.get("keypoints") and not result.get("bbox"):
        return "keypoint results are not supported"
    return None


def _take(found: ResultColumns, ordinal: int, result: dict[str, Any], reference: CocoReference, unnamed: dict[str, int]) -> None:
    file_name, alternative = _names(id_text(result.get("image_id")), _stated_name(result), reference)
    outline = segmentation_text(result["segmentation"]) if is_outline(result.get("segmentation")) else None
    bbox = bbox_values(result.get("bbox"))
    category = id_text(result.get("category_id"))
    if category is not None and reference.categories is not None:
        name = reference.categories.get(category)
        if name is None:
            unnamed[category] = unnamed.get(category, 0) + 1
        category = name
    found.ordinal.append(ordinal)
    found.file_name.append(file_name)
    found.alternative_name.append(alternative)
    found.task.append("segmentation" if outline else "detection" if bbox else "classification")
    found.category.append(category)
    found.score.append(_score(result["score"]) or 0.0)
    found.bbox.append(bbox)
    found.segmentation.append(outline)


def _score(value: Any) -> float | None:
    """Return a score within 0 to 1, where single precision may have left it a few ulps outside; ``None`` for anything else."""
    score = number(value)
    if score is None or not -SCORE_TOLERANCE <= score <= 1 + SCORE_TOLERANCE:
        return None
    return min(max(score, 0.0), 1.0)


def _names(image_id: str | None, stated: str | None, reference: CocoReference) -> tuple[str, str | None]:
    """Return the image's name and a second one to try: tools write the number 42 for ``000000000042.jpg``."""
    known = _known_name(image_id, reference)
    if stated is not None:
        # Of two spellings of one file the one with more folders says more.
        return (stated if known is None or len(_parts(stated)) >= len(_parts(known)) else known), None
    if reference.images is not None:
        return known or f"#{image_id}", None
    name = image_id or ""
    return clean_text(name), name.zfill(_PADDED_DIGITS) if name.isdecimal() else None


def _stated_name(result: dict[str, Any]) -> str | None:
    name = result.get("file_name")
    return clean_text(name) if isinstance(name, str) and name.strip() else None


def _known_name(image_id: str | None, reference: CocoReference) -> str | None:
    image = (reference.images or {}).get(image_id or "")
    return image.file_name if image else None


def _is_one_file(name: str, other: str) -> bool:
    """Say whether one path is the end of the other."""
    parts, others = _parts(name), _parts(other)
    shared = min(len(parts), len(others))
    return parts[-shared:] == others[-shared:]


def _parts(path: str) -> list[str]:
    return [part for part in path.strip().replace("\\", "/").split("/") if part not in ("", ".")] or [path]
