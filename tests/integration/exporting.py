"""A small release for tests of exports, what lies below a folder, and processes that kill themselves while they export."""

from __future__ import annotations

import json
import os
import random
import re
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.export.export import export_release
from airflow_cv_dataops.core.export.options import ExportOptions
from airflow_cv_dataops.core.export.targets import local_target as target_module
from airflow_cv_dataops.core.export.targets.local_target import LocalTarget
from airflow_cv_dataops.core.export.targets.remote_target import RemoteTarget
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.imaging.ingest.settings import IngestSettings
from airflow_cv_dataops.core.labels.importing import import_labels
from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.summary import StepResult

IMAGES = 10
KEY = "2026-11-05"
NAME = "digits"


def make_release(folder: Path, *, copy_images: bool = True) -> Dataset:
    """Ingest ten noisy photos, label them with boxes, polygons and classes, and release them."""
    photos = folder / "photos"
    photos.mkdir(parents=True)
    images, labels = [], []
    for number in range(IMAGES):
        name = f"{number:02}.{'png' if number % 3 == 0 else 'jpg'}"
        noise = random.Random(number).randbytes((40 + number) * 32)  # splits follow from bytes
        Image.frombytes("L", (40 + number, 32), noise).save(photos / name)
        images.append({"id": number, "file_name": name, "width": 40 + number, "height": 32})
        for box in range(1 + number % 2):
            corners = [1 + box, 2, 20, 2, 20, 20, 1 + box, 20]
            labels.append({"id": len(labels), "image_id": number, "category_id": box, "bbox": [1 + box, 2, 19 - box, 18]})
            labels[-1] |= {"segmentation": [corners], "area": (19 - box) * 18, "iscrowd": 0}
    categories = [{"id": number, "name": name} for number, name in enumerate(("person", "dog"))]
    labels_file = folder / "labels.json"
    labels_file.write_text(json.dumps({"images": images, "annotations": labels, "categories": categories}))
    dataset = open_dataset(NAME, home=str(folder / "home"))
    assert ingest_images(dataset, KEY, str(photos), IngestSettings(copy_images=copy_images), workers=1).failure is None
    assert import_labels(dataset, KEY, str(labels_file), format="coco").failure is None
    assert promote_dataset(dataset, splits={"train": 0.6, "val": 0.4}).failure is None
    return dataset


def options_of(format: str, **more: Any) -> ExportOptions:  # noqa: A002 (what the options call it)
    """Return options with three images in a shard, so that there are several, and nothing is left out."""
    return ExportOptions(**{"format": format, "shard_images": 3, "max_left_out_ratio": 1.0, **more})


def export(dataset: Dataset, target: Path | str, options: ExportOptions, **more: Any) -> StepResult:
    """Export what is in production; it does not fail."""
    result = export_release(dataset, target=str(target), options=options, **more)
    assert result.failure is None, result.failure
    return result


def written_by(result: StepResult) -> int:
    return int(result.summary.to_dict()["counts"]["files_written"])


def tree(folder: Path) -> dict[str, bytes | None]:
    """Return all that lies below a folder, by relative path: the bytes of files, ``None`` for folders."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the files below a folder that are no part of the export's own records."""
    return {name: data for name, data in tree(folder).items() if data is not None and not name.startswith("_export/")}


def export_until_killed(home: str, target: str, options: ExportOptions, point: Point, more: Mapping[str, Any]) -> None:
    """Export in a process of its own, which kills itself at a point."""
    what, pattern, when, nth = point
    if what == "half":
        kill_in_the_middle_of_a_file(nth)
    elif what == "unlink":
        Path.unlink = killing(Path.unlink, 0, pattern, when, nth)  # type: ignore[method-assign]
    else:
        for owner in (LocalTarget, RemoteTarget):
            if hasattr(owner, what):
                setattr(owner, what, killing(getattr(owner, what), 2 if what == "_move" else 1, pattern, when, nth))
    export(open_dataset(NAME, home=home), target, options, **more)


# What is called, a pattern that the path of it contains, whether it dies before or after the call, and at the how-many-eth such one.
Point = tuple[str, str, str, int]


def killing(function: Callable[..., Any], at: int, pattern: str, when: str, nth: int) -> Callable[..., Any]:
    """Return the function, which ends the process at its nth call with such a path. :param at: the path's place among the arguments."""
    calls = iter(range(1, 1_000_000))

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        is_the_one = bool(len(args) <= at or re.search(pattern, str(args[at]))) and next(calls) == nth
        if is_the_one and when == "before":
            die()
        result = function(*args, **kwargs)
        if is_the_one:
            die()
        return result

    return wrapped


def kill_in_the_middle_of_a_file(nth: int) -> None:
    """Let this process end when half of its nth file is written."""
    calls, write = iter(range(1, 1_000_000)), target_module._write

    def half(path: str, data: bytes) -> None:
        if next(calls) == nth:
            write(path, data[: len(data) // 2])
            die()
        write(path, data)

    target_module._write = half


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
