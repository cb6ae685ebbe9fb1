"""Segmentations of COCO files from text to text: as Python writes their numbers, mostly without reading them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec

from airflow_cv_dataops.core.labels.formats.coco_json import REFUSED, value_of
from airflow_cv_dataops.core.labels.formats.coco_values import segmentation_text
from airflow_cv_dataops.core.labels.records import json_text

if TYPE_CHECKING:
    import pyarrow as pa

_NOTHING = ("null", "[]", "[[]]", '""', "{}")
# Numbers that Python writes as they stand here: whole ones, and decimals of at most 15 digits, which every double keeps apart, from 0.0001
# on, where it does not write exponents.
_NUMBER = r"(?:-?[1-9][0-9]{0,17}|0|-?[1-9][0-9]{0,5}\.(?:0|[0-9]{0,8}[1-9])|-?0\.(?:0|[0-9]{0,3}[1-9](?:[0-9]{0,9}[1-9])?))"
_POLYGON = rf"\[{_NUMBER}(?:, {_NUMBER})*\]"
_POLYGONS = rf"^\[{_POLYGON}(?:, {_POLYGON})*\]$"

_SOME = msgspec.Meta(min_length=1)

_polygons = msgspec.json.Decoder(Annotated[list[Annotated[list[int | float], _SOME]], _SOME])


def outline_texts(segmentations: Sequence[msgspec.Raw]) -> tuple[pa.Array, set[int]]:
    """Return the texts that ``segmentation_text`` makes of segmentations, null where one says nothing.

    :return: the texts, and the places of what may be neither polygons nor an encoding, null as well.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    given = pa.array([bytes(segmentation) for segmentation in segmentations], pa.large_binary()).cast(pa.large_string())
    spaced = pc.replace_substring(pc.replace_substring(given, ", ", ","), ",", ", ")
    is_plain = pc.match_substring_regex(spaced, _POLYGONS)
    says_nothing = pc.is_in(given, value_set=pa.array(_NOTHING, given.type))
    texts = pc.if_else(is_plain, spaced, None)
    rest = pc.indices_nonzero(pc.invert(pc.or_(is_plain, says_nothing))).to_pylist()
    if not rest:
        return texts.cast(pa.string()), set()
    read = [_text(segmentations[place]) for place in rest]
    mask = np.zeros(len(texts), dtype=bool)
    mask[rest] = True
    texts = pc.replace_with_mask(texts, pa.array(mask), pa.array(read, texts.type))
    return texts.cast(pa.string()), {place for place, text in zip(rest, read, strict=True) if text is None}


def _text(segmentation: msgspec.Raw) -> str | None:
    try:
        polygons = _polygons.decode(segmentation)
        text = msgspec.json.encode(polygons).decode()
    except (*REFUSED, OverflowError):
        return segmentation_text(value_of(segmentation))
    # Python's own spelling of what is very large or very small is another.
    return json_text(polygons) if "e" in text or "0.0000" in text else text.replace(",", ", ")
