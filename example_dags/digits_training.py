"""Train on every new release of the handwritten digits: a DAG that runs whenever ``digits_dataops`` has moved production.

What trains here are ten means, one of the pictures of each digit, so that it needs nothing but numpy and takes a second. Put your
training in its place: the release holds still, so a run that is cleared next month trains on the same images, labels and splits.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow.sdk import DAG, Asset, get_current_context, task

PRODUCTION = Asset("cv://digits/production")  # a promotion emits its event when the stage has moved, and only then

with DAG(
    dag_id="digits_training",
    description="From a new release to a model and its accuracy",
    schedule=[PRODUCTION],
    start_date=datetime(2026, 11, 1),
    catchup=False,
    tags=["cv_dataops", "example"],
    doc_md=__doc__,
) as dag:

    @task
    def released() -> dict[str, Any]:
        """Says which release this run is for: that of the newest event; of a run by hand, where production is."""
        events = [event for of_asset in get_current_context()["triggering_asset_events"].values() for event in of_asset]
        if not events:
            return {"release": "production"}
        newest = max(events, key=lambda event: event.timestamp)
        return {"release": newest.extra["release"], "counts": newest.extra["counts"]}

    @task
    def train(event: dict[str, Any]) -> dict[str, Any]:
        """Takes the mean picture of each digit in the train split, and says how many of the test split are nearest to their own."""
        import numpy as np

        from airflow_cv_dataops.hooks.dataset import DatasetHook

        release = DatasetHook().dataset("digits").release(event["release"])

        def split(name: str) -> tuple[Any, Any, tuple[str, ...]]:
            pictures = release.map_style(name)  # a picture and its target at a time, for torch's DataLoader, too
            items = [(np.asarray(picture.convert("L"), float).ravel(), int(target["image_labels"][0])) for picture, target in pictures]
            return np.stack([item[0] for item in items]), np.array([item[1] for item in items]), pictures.classes

        pixels, digits, classes = split("train")
        means = np.stack([pixels[digits == digit].mean(axis=0) for digit in range(len(classes))])
        unseen, wanted, _ = split("test")
        nearest = ((unseen[:, None, :] - means[None]) ** 2).sum(axis=2).argmin(axis=1)
        return {"release": release.name, "trained_on": len(digits), "accuracy": round(float((nearest == wanted).mean()), 4)}

    train(released())
