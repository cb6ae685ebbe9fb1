"""ImageFolder: ``<split>/<category>/`` holds the images of a category, as torchvision, timm and Keras read it."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cached_property

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.export.exporter import Exporter, Layout, WholeFiles
from airflow_cv_dataops.core.export.names import RESERVED
from airflow_cv_dataops.core.export.picture import Picture
from airflow_cv_dataops.core.export.targets.target import FOLDER
from airflow_cv_dataops.core.export.transform.label import Label

_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029/\\:*?"<>|]+')
_LONGEST = 100
_CLASSES = "classes.json"


class ImageFolderExporter(Exporter):
    """A folder a category; readers number them by the names of the folders that a split has: where ``folders_missing`` is not 0, as a
    category has no image in one of the splits, they number each split in its own way, and whoever trains must take the list of classes
    from ``classes.json``. An image of several categories, or of none, has no place.

    A category whose name cannot be that of a folder gets one like it; ``classes.json`` says which folder is which category.
    """

    name = "imagefolder"
    needs = frozenset(("category",))

    def __init__(self, layout: Layout, tally: Counter[str]) -> None:
        super().__init__(layout, tally)
        if odd := sorted({FOLDER, _CLASSES}.intersection(split.casefold() for split in layout.splits)):
            raise ConfigurationError(
                f"The split {odd[0]!r} cannot be one of imagefolder's: beside the splits' folders lies one of this name."
            )
        self._made: dict[str, set[str]] = defaultdict(set)

    @classmethod
    def refuses(cls, labels: Sequence[Label]) -> str | None:
        categories = {label.category for label in labels}
        if not categories:
            return "without_category"
        return "several_categories" if len(categories) > 1 else None

    def image_path(self, picture: Picture) -> str:
        return f"{picture.split}/{self._folders[picture.labels[0].category or '']}/{picture.name}"

    def add(self, pictures: Sequence[Picture], files: WholeFiles) -> None:
        self._made[pictures[0].split].update(picture.labels[0].category or "" for picture in pictures)

    def finish(self, files: WholeFiles) -> None:
        self.tally["folders_missing"] += sum(len(self.layout.categories) - len(self._made[split]) for split in self.layout.splits)
        folders = {folder: category for category, folder in self._folders.items()}
        files.append(_CLASSES, (json.dumps(folders, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode())

    @cached_property
    def _folders(self) -> dict[str, str]:
        """The folder of each category; no two differ in case alone."""
        folders: dict[str, str] = {}
        taken: set[str] = set()
        for number, category in enumerate(self.layout.categories):
            folder = _folder_like(category)
            while folder.casefold() in taken:
                folder = f"{folder}_{number}"
            taken.add(folder.casefold())
            folders[category] = folder
        return folders


def _folder_like(category: str) -> str:
    folder = _UNSAFE.sub("_", category).strip(". ")
    while len(folder.encode()) > _LONGEST:
        folder = folder[:-1].rstrip(". ")
    return f"{folder}_" if not folder or folder.casefold() in RESERVED else folder
