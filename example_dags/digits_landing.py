"""Stands in for cameras, labellers and a model: lands real handwritten digits, a part for each day.

The images are the 1,797 that scikit-learn ships (UCI ML hand-written digits, 8 x 8 pixels, here written as 64 x 64 PNG).
Two thirds of a day's images come with a label, some of them flipped from a fixed seed; the rest waits to be labelled.
Predictions are out of sample, from a small model that was trained on the given labels, wrong ones included.
"""

from __future__ import annotations

import csv
import io
import json
import os
from datetime import date
from pathlib import Path

PARTS = 3
FLIPPED_SHARE = 0.05
SEED = 20261105
MODEL = "logistic_regression"


def landing_folder() -> str:
    """Return where the digits land: environment ``CV_DATAOPS_LANDING``, else ``landing`` below AIRFLOW_HOME."""
    airflow_home = os.environ.get("AIRFLOW_HOME", os.path.expanduser("~/airflow"))
    return os.path.join(os.environ.get("CV_DATAOPS_LANDING", os.path.join(airflow_home, "landing")), "digits")


def land_day(partition_key: str) -> dict[str, int]:
    """Write a day's images, labels (CSV) and predictions (NPZ) below the landing folder; the same day always gives the same files."""
    import numpy as np
    from sklearn.datasets import load_digits

    digits = load_digits()
    part = date.fromisoformat(partition_key).toordinal() % PARTS
    chosen = np.arange(part, len(digits.target), PARTS)
    pixels, truth = digits.images[chosen], digits.target[chosen]
    names = [f"digit_{index:04d}.png" for index in chosen]
    labelled = np.arange(len(chosen)) % 3 != 2
    given = _flip(truth, labelled, np.random.default_rng(SEED + part))

    folder = Path(landing_folder()) / partition_key
    _write_images(folder / "images", names, pixels)
    _write_labels(folder / "labels.csv", names, given, labelled)
    np.savez(
        folder / "predictions.npz",
        ids=np.array(names),
        probabilities=_predict(pixels, given, labelled),
        classes=[str(c) for c in range(10)],
    )
    flipped = [name for name, is_flipped in zip(names, (given != truth) & labelled, strict=True) if is_flipped]
    (folder / "flipped.json").write_text(json.dumps(flipped))
    return {"images": len(names), "labelled": int(labelled.sum()), "flipped": len(flipped)}


def _flip(truth, labelled, random):  # type: ignore[no-untyped-def]
    given = truth.copy()
    flipped = random.choice(labelled.nonzero()[0], size=round(FLIPPED_SHARE * labelled.sum()), replace=False)
    given[flipped] = (truth[flipped] + random.integers(1, 10, size=len(flipped))) % 10
    return given


def _predict(pixels, given, labelled):  # type: ignore[no-untyped-def]
    """Return class probabilities, each from a model that has not seen the image: 5 folds, and all labels for the unlabelled."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    features = pixels.reshape(len(pixels), -1) / 16.0
    model = LogisticRegression(C=1.0, max_iter=500)
    probabilities = np.zeros((len(pixels), 10))
    probabilities[labelled] = cross_val_predict(model, features[labelled], given[labelled], cv=5, method="predict_proba")
    probabilities[~labelled] = model.fit(features[labelled], given[labelled]).predict_proba(features[~labelled])
    return probabilities


def _write_images(folder: Path, names: list[str], pixels) -> None:  # type: ignore[no-untyped-def]
    import numpy as np
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for name, image in zip(names, pixels, strict=True):
        encoded = io.BytesIO()
        Image.fromarray((image * (255 / 16)).astype(np.uint8)).resize((64, 64), Image.Resampling.BICUBIC).save(encoded, "PNG")
        file = folder / name
        if not file.exists() or file.read_bytes() != encoded.getvalue():  # what has landed already keeps its time, as in a real source
            file.write_bytes(encoded.getvalue())


def _write_labels(path: Path, names: list[str], given, labelled) -> None:  # type: ignore[no-untyped-def]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label", "annotator"])
        writer.writerows([name, str(label), "crowd"] for name, label, has_label in zip(names, given, labelled, strict=True) if has_label)
