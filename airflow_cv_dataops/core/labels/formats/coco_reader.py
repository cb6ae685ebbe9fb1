"""COCO annotation files (https://cocodataset.org/#format-data): boxes, polygons, RLE, keypoints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airflow_cv_dataops.core.labels.formats.coco_annotations import CocoAnnotations, shape_of
from airflow_cv_dataops.core.labels.formats.coco_annotations import CocoImage as CocoImage
from airflow_cv_dataops.core.labels.formats.coco_columns import add_annotations
from airflow_cv_dataops.core.labels.formats.coco_json import NotCocoError as NotCocoError
from airflow_cv_dataops.core.labels.formats.coco_json import Scanned, scan_coco, value_of
from airflow_cv_dataops.core.labels.formats.coco_json import load_json as load_json
from airflow_cv_dataops.core.labels.formats.coco_values import id_text, image_name
from airflow_cv_dataops.core.labels.formats.json_kinds import labels_under_another_name, other_kind
from airflow_cv_dataops.core.labels.records import (
    AMBIGUOUS_FILE_NAME,
    MALFORMED_RECORD,
    UNPARSABLE_LABEL,
    RecordBuilder,
    clean_text,
    excerpt,
    pixels,
)

# Smaller files are read whole: of thousands of them, each would be a table of a few rows.
SCANNED_FROM = 1 << 17

# Of a list in the file: position, the entry, its id as text.
Entry = tuple[int, dict[str, Any], str | None]


def parse_coco(data: bytes, records: RecordBuilder) -> None:
    """Add the annotations of one COCO file to ``records``.

    An annotation of an image that the file does not define is kept with the file name ``#<image_id>``; one of a category
    that it does not define is kept without category, a problem for each such id. Segmentations are stored as JSON with the very numbers of
    the file. An image of ``images`` without annotation in ``annotations`` is stated to show nothing, unless it is one of LVIS. Captions and
    panoptic segments are left out and counted; a file with any of them states nothing of its other images.
    """
    scanned = scan_coco(data) if len(data) >= SCANNED_FROM else None
    if scanned is not None:
        draft = records.draft()
        try:
            _add_scanned(scanned, draft)
        except NotCocoError:
            pass  # nested nearly as deeply as Python can read: as a whole, the file tells
        else:
            records.take(draft)
            return
    _add_whole(data, records)


def _add_scanned(scanned: Scanned, records: RecordBuilder) -> None:
    images = _images(_numbered(map(value_of, scanned.images)), records)
    labels = CocoAnnotations(images, coco_categories({"categories": scanned.categories}, records), records)
    count = len(scanned.annotations)
    add_annotations(scanned.annotations, labels, records)
    labels.finish(count, _numbered(map(value_of, scanned.images)))


def _add_whole(data: bytes, records: RecordBuilder) -> None:
    try:
        document = load_json(data)
        if kind := other_kind(document):
            raise NotCocoError(f"not COCO, but {kind}")
        if not isinstance(document, dict) or not any(isinstance(document.get(part), list) for part in ("annotations", "images")):
            raise NotCocoError(f"not COCO: expected an object with `images` and `annotations`, found {shape_of(document)}")
    except NotCocoError as error:
        records.problem(UNPARSABLE_LABEL, f"Cannot read the label file: {error}")
        return
    labels = CocoAnnotations(coco_images(document, records), coco_categories(document, records), records)
    annotations = document.get("annotations")
    if annotations is None and "annotations" not in document:
        if others := labels_under_another_name(document):
            shown = excerpt(", ".join(f"`{name}`" for name in others))
            records.problem(
                UNPARSABLE_LABEL, f"The file has `images` and no `annotations`; {shown} is not read: call the list of labels `annotations`."
            )
        return
    if not isinstance(annotations, list):
        records.problem(UNPARSABLE_LABEL, f"`annotations` is {shape_of(annotations)}, not a list; nothing of it was taken.")
        return
    for ordinal, annotation in enumerate(annotations):
        annotations[ordinal] = None  # its memory is needed for what is made of it
        if (record := labels.record(ordinal, annotation)) is not None:
            records.add(record)
    labels.finish(len(annotations), _entries(document, "images"))


def coco_images(document: dict[str, Any], records: RecordBuilder) -> dict[str, CocoImage]:
    """Return the file's ``images`` by id as text.

    An id that stands for two files settles no file name, nor does a name that images of different sizes share. One that images of the same
    size share is kept: it may be one picture that is listed for each of its annotators.
    """
    return _images(_entries(document, "images"), records)


def _images(entries: Iterable[Entry], records: RecordBuilder) -> dict[str, CocoImage]:
    images: dict[str, CocoImage] = {}
    for position, image, key in entries:
        if key is None:
            records.problem(MALFORMED_RECORD, f"images[{position}] has no id that can be used: {excerpt(image)}")
            continue
        found = CocoImage(image_name(image), pixels(image.get("width")), pixels(image.get("height")))
        if found.file_name is None:
            records.problem(MALFORMED_RECORD, f"images[{position}] (id {excerpt(key)}) has no file_name and no coco_url.")
        if images.get(key, found).file_name != found.file_name:
            both = f"{excerpt(images[key].file_name)} and {excerpt(found.file_name)}"
            records.problem(MALFORMED_RECORD, f"Image id {excerpt(key)} stands for {both}; its annotations join neither.")
            found = CocoImage(None)
        images[key] = found
    for name, keys in _shared_names(images).items():
        ids = f"Ids {excerpt(', '.join(keys))}: {len(keys):,} images of the file are called {excerpt(name)}"
        if len({images[key][1:] for key in keys if None not in images[key]}) > 1:
            records.problem(MALFORMED_RECORD, f"{ids} and differ in size; their annotations join none.")
            images |= dict.fromkeys(keys, CocoImage(None))
        else:
            records.problem(
                AMBIGUOUS_FILE_NAME, f"{ids}. If they are several pictures, all their annotations count for one; name their folders."
            )
    return images


def _shared_names(images: Mapping[str, CocoImage]) -> dict[str, list[str]]:
    """Return the ids of images that have the file name of another."""
    count = Counter(image.file_name for image in images.values())
    shared: dict[str, list[str]] = {}
    for key, image in images.items():
        if image.file_name is not None and count[image.file_name] > 1:
            shared.setdefault(image.file_name, []).append(key)
    return shared


def coco_categories(document: dict[str, Any], records: RecordBuilder) -> dict[str, str | None]:
    """Return names of the file's ``categories`` by id as text; ``None`` for an id with two names. One with a blank name is left out."""
    named: dict[str, str] = {}
    refused: set[str] = set()
    for position, category, key in _entries(document, "categories"):
        name = category.get("name")
        if key is None or not isinstance(name, str) or not name.strip():
            records.problem(MALFORMED_RECORD, f"categories[{position}] has no id or no name that can be used: {excerpt(category)}")
            continue
        first = named.setdefault(key, clean_text(name))
        if first != clean_text(name):
            both = f"{excerpt(first)} and {excerpt(name)}"
            records.problem(MALFORMED_RECORD, f"Category id {excerpt(key)} stands for {both}; its annotations are kept without category.")
            refused.add(key)
    return {key: None if key in refused else name for key, name in named.items()}


def _entries(document: dict[str, Any], part: str) -> Iterator[Entry]:
    entries = document.get(part)
    return _numbered(entries if isinstance(entries, list) else [])


def _numbered(entries: Iterable[Any]) -> Iterator[Entry]:
    for position, entry in enumerate(entries):
        shaped = entry if isinstance(entry, dict) else {}
        yield position, shaped, id_text(shaped.get("id"))
