"""Make the small datasets of ``tests/stored/``: what a version of this package has left on somebody's disk.

Each later version must read it, write to it and release it again (``tests/integration/test_stored_datasets.py``). Run it with the
version whose writing is to be kept; one of a commit is made in a checkout of that commit:

    git worktree add /tmp/version <commit>
    PYTHONPATH=/tmp/version .venv/bin/python scripts/make_stored_dataset.py tests/stored/<name>.zip

An Iceberg table names its files by absolute paths, in metadata and manifests. The home is therefore a path of exactly
``HOME_LENGTH`` characters, so that a test can put its own path of that length in the place of this one.
"""

from __future__ import annotations

import csv
import importlib
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

HOME_LENGTH = 240
NAME = "digits"
SIDE = 24
# Where each public name stood before the package itself handed them on.
_FORMERLY = {
    "open_dataset": "core.store.dataset",
    "ingest_images": "core.imaging.ingest",
    "import_labels": "core.labels.importing",
    "import_predictions": "core.labels.importing_predictions",
    "audit_labels": "core.audit.audit",
    "sample_hard_examples": "core.sampling.sample",
    "promote_dataset": "core.release.promote",
}


def main(target: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = padded(Path(folder))
        home.mkdir(parents=True)
        write_dataset(home, Path(folder) / "source")
        pack(home, Path(target))


def padded(folder: Path) -> Path:
    """Return a path below the folder, of ``HOME_LENGTH`` characters, in names that a file system takes."""
    missing = HOME_LENGTH - len(str(folder)) - 2
    if missing < 2:
        raise ValueError(f"{folder} is too long: expected at most {HOME_LENGTH - 4} characters.")
    return folder / ("h" * (missing // 2)) / ("h" * (missing - missing // 2))


def write_dataset(home: Path, source: Path) -> None:
    """Two days in two releases, ``v1`` at staging and ``v2`` at production, and a third day that is in none."""
    dataset = the("open_dataset")(NAME, home=str(home))
    for day, key in enumerate(("2026-11-05", "2026-11-06", "2026-11-07")):
        write_day(dataset, key, source / key, day)
        if day == 0:
            the("promote_dataset")(dataset, stage="staging", gates=["images >= 1"], notes="the first day")
        if day == 1:
            the("promote_dataset")(dataset, stage="production", gates=["images >= 1", "findings.error == 0"])


def write_day(dataset: Any, key: str, folder: Path, day: int) -> None:
    """Six pictures, one of them a twin of another and one broken; labels, predictions, an audit, a sample."""
    from PIL import Image

    folder.mkdir(parents=True)
    names = [f"{day}_{number}.png" for number in range(5)]
    for number, name in enumerate(names):
        picture = Image.new("RGB", (SIDE, SIDE), (40 * number, 60 * day + 20, 120))
        picture.putpixel((number, day), (255, 255, 255))
        picture.save(folder / name)
    shutil.copyfile(folder / names[1], folder / f"{day}_twin.png")
    (folder / f"{day}_broken.png").write_bytes(b"no picture")
    with (folder.parent / f"{key}-labels.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerows([("file", "label", "annotator"), *((name, "odd" if at % 2 else "even", "ann") for at, name in enumerate(names))])
    with (folder.parent / f"{key}-model.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerows([("file", "even", "odd"), *((name, 0.1 + 0.2 * at, 0.9 - 0.2 * at) for at, name in enumerate(names))])
    the("ingest_images")(dataset, key, str(folder), max_reject_ratio=0.5, workers=1)
    the("import_labels")(dataset, key, str(folder.parent / f"{key}-labels.csv"), format="csv")
    the("import_predictions")(dataset, key, str(folder.parent / f"{key}-model.csv"), model="cnn", format="probabilities")
    the("audit_labels")(dataset, key, on_findings="warn")
    the("sample_hard_examples")(dataset, key, model="cnn", budget=2)


def the(name: str) -> Any:
    """Return a function of the version that is imported."""
    package = importlib.import_module("airflow_cv_dataops")
    found = getattr(package, name, None)
    return found or getattr(importlib.import_module(f"airflow_cv_dataops.{_FORMERLY[name]}"), name)


def pack(home: Path, target: Path) -> None:
    """Write catalog and tables to an archive, with the home's path in it; pictures and reports, which no table needs, are left out."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("HOME", str(home))
        for path in sorted(home.rglob("*")):
            below = path.relative_to(home).as_posix()
            if path.is_file() and "/objects/" not in below and "/reports/" not in below and "-journal" not in below:
                archive.write(path, below)
    print(f"{target}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1])
