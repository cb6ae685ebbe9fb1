"""A split of a release as a map-style dataset: what ``torch.utils.data`` takes, without a line of torch."""

from __future__ import annotations

import json
import logging
import operator
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.errors import StoreError
from airflow_cv_dataops.core.imaging.decoding.decode import Limits, Reject
from airflow_cv_dataops.core.imaging.decoding.viewing import decode_for_viewing
from airflow_cv_dataops.core.release.training_labels import Boxes, TrainingLabels
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.image_files import ImageFiles
from airflow_cv_dataops.core.store.objects import without_credentials
from airflow_cv_dataops.core.store.remote import check_not_forked

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

log = logging.getLogger(__name__)

NO_LABEL = -100
"""``label`` of an image that has not exactly one: what PyTorch's losses ignore by default (``ignore_index``)."""

Target = dict[str, Any]
Transform = Callable[["Image.Image", Target], Any]


class MapStyleDataset:
    """Pictures and targets of a split, by number: ``Release.map_style`` makes it.

    An item is a picture, upright (EXIF orientation applied), ``PIL.Image`` of mode RGB, transparent pixels on white; and a target, a
    ``dict`` whose keys are the same for all items of a release:

    - ``image_id``: sha256 of the file, 64 hex digits.
    - ``boxes``: float32 (N, 4), x1, y1, x2, y2 in pixels of the picture, cut off at its border. ``labels``: int64 (N,), the index of each
      box's category in ``classes``. ``area``: float32 (N,), square pixels, as the label states it, else the box's.
      ``iscrowd``: int64 (N,), 0 or 1. Not in a release whose labels are all of images as a whole.
    - ``segmentation``: list of N, as in COCO: polygons ``[[x1, y1, …], …]`` in pixels, or a run-length encoding; ``None`` where a label
      has none. ``keypoints``: list of N, float32 (K, 3) of x, y, visibility, or ``None``. Each where a label of the release has it.
    - ``label``: the index in ``classes`` of the category of the image as a whole, ``NO_LABEL`` (-100) where it has not exactly one.
      ``image_labels``: int64 (K,), all that it has, each once, sorted. In a release with labels of images as a whole.

    It may be sent to another process, by spawning too; each process opens the images' store for itself. Labels are held in columns: some
    30 bytes a box, beside the texts of segmentations.

    :param dataset: where the images are kept.
    :param title: what it is, for people.
    :param transform: called with picture and target; what it returns is the item. Default: the two.
    """

    def __init__(self, dataset: Dataset, title: str, labels: TrainingLabels, transform: Transform | None = None) -> None:
        self.dataset = dataset
        self.transform = transform
        self._title = title
        self._labels = labels
        self._files: ImageFiles | None = None
        self._process: int | None = None
        if labels.left_out:
            reasons = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in sorted(labels.left_out.items()))
            log.warning("Labels that train nothing are left out of %s: %s", title, reasons)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.dataset.name!r}, {self._title}: {len(self)} images, {len(self.classes)} classes>"

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the release's categories, sorted: the same for each of its splits."""
        return self._labels.classes

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many labels of the split train nothing, by reason; images that have none but these are not taken for empty.

        ``without_category``, ``without_box``, ``without_area`` (or with numbers that are not finite), ``outside_the_image``, and
        ``of_another_image``: the file that was labelled has other bytes by now.
        """
        return self._labels.left_out

    def __len__(self) -> int:
        count: int = self._labels.images.num_rows
        return count

    def __getitem__(self, index: int) -> Any:
        """Return picture and target, or what the transform makes of them.

        :param index: from 0, or from -1 backwards.
        :raises IndexError: there is no such item.
        :raises OSError: the image's file is gone, or is not what was ingested; :class:`~.errors.StoreError`, where it may be tried again.
        """
        number = range(len(self))[operator.index(index)]
        picture, target = self._picture(number), self.target(number)
        return (picture, target) if self.transform is None else self.transform(picture, target)

    def target(self, index: int) -> Target:
        """Return the target alone, without reading the image. :raises IndexError: there is no such item."""
        number = range(len(self))[operator.index(index)]
        target: Target = {"image_id": self._labels.images["image_id"][number].as_py()}
        if self._labels.boxes is not None:
            target |= _boxes_of(self._labels.boxes, number)
        if self._labels.whole is not None:
            import numpy as np

            found = np.unique(_part(self._labels.whole.codes, self._labels.whole.starts, number)).astype(np.int64)
            target |= {"label": int(found[0]) if len(found) == 1 else NO_LABEL, "image_labels": found}
        return target

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_files": None}

    def _picture(self, number: int) -> Image.Image:
        image = self._labels.images.slice(number, 1).to_pylist()[0]
        files = self._opened(image["storage_uri"])
        try:
            data = files.read_ingested(image["storage_uri"], image["image_id"])
        except StoreError as error:
            raise StoreError(f"{_named(image)} cannot be read just now: {error}") from error
        except OSError as error:
            raise OSError(
                f"{_named(image)} cannot be read: {error}. Bring the file back as it was ingested, or ingest its partition "
                f"{image['partition_key']} again and promote a new release; an ingest that copies images (copy_images=True) keeps them."
            ) from error
        # Ingest has decoded these very bytes; it may have been allowed more than is usual.
        picture = decode_for_viewing(data, limits=Limits(max_bytes=len(data), max_pixels=image["width"] * image["height"]))
        if isinstance(picture, Reject):
            raise OSError(
                f"{_named(image)} cannot be decoded: {picture.detail}. It could be, where it was ingested: compare the versions of Pillow."
            )
        picture.info = {}  # an EXIF orientation that is still told would turn the picture once more (ImageOps.exif_transpose)
        return picture

    def _opened(self, storage_uri: str) -> ImageFiles:
        """Return the images' store as this process has opened it: connections do not survive a fork."""
        if not storage_uri.startswith("file://"):
            check_not_forked()
        if self._files is None or self._process != os.getpid():
            self._files, self._process = ImageFiles(self.dataset), os.getpid()
        return self._files


def _boxes_of(boxes: Boxes, number: int) -> Target:
    import numpy as np

    part = slice(*boxes.starts[number : number + 2].tolist())
    target: Target = {
        "boxes": boxes.corners[part].copy(),  # what a transform writes into is its own
        "labels": boxes.codes[part].astype(np.int64),
        "area": boxes.area[part].copy(),
        "iscrowd": boxes.iscrowd[part].astype(np.int64),
    }
    if "segmentation" in boxes.also:
        texts = boxes.also["segmentation"][part].to_pylist()
        target["segmentation"] = [None if text is None else json.loads(text) for text in texts]
    if "keypoints" in boxes.also:
        points = boxes.also["keypoints"][part].to_pylist()
        target["keypoints"] = [None if values is None else np.array(values, np.float32).reshape(-1, 3) for values in points]
    return target


def _part(values: np.ndarray, starts: np.ndarray, number: int) -> np.ndarray:
    return values[starts[number] : starts[number + 1]]


def _named(image: Mapping[str, Any]) -> str:
    places = dict.fromkeys(without_credentials(image[name]) for name in ("source_uri", "storage_uri"))
    return f"Image {image['image_id']} ({', kept at '.join(places)})"
