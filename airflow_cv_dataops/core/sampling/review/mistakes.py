"""The images of a sample on which the model was wrong, with what people and the model say of them, for a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.image_places import ImagePlaces
from airflow_cv_dataops.core.labels.records import BACKGROUND
from airflow_cv_dataops.core.report.entries import GalleryImage, box_of, gallery_image
from airflow_cv_dataops.core.report.views import Box
from airflow_cv_dataops.core.sampling.review.reading import ReviewSources, images_of
from airflow_cv_dataops.core.sampling.review.verdicts import WRONG, Verdicts, answers, likeliest, of_one_file
from airflow_cv_dataops.core.store.dataset import Dataset

if TYPE_CHECKING:
    import pyarrow as pa

NOTHING = "nothing there"
_MOST_BOXES = 100


@dataclass(frozen=True)
class Mistake:
    """One image.

    :param said: categories that people named, or that nothing is there. :param predicted: what the model named, with its confidence.
    :param errors: of a detector: how many misses, false positives and confusions, of several opinions the mean.
    """

    image: GalleryImage
    strategy: str
    rank: int
    said: Sequence[str]
    predicted: Sequence[str]
    given_boxes: Sequence[Box] = ()
    predicted_boxes: Sequence[Box] = ()
    errors: tuple[tuple[str, float], ...] = ()


def mistakes(
    dataset: Dataset, partition_key: str, sources: ReviewSources, verdicts: Verdicts, *, min_score: float, most: int
) -> list[Mistake]:
    """Return the first ``most`` of the sample's images on which the model was wrong, by rank, then strategy."""
    import pyarrow as pa

    at = ImagePlaces(sources.image_ids).of(sources.sample["image_id"])
    rows = sources.sample.append_column("at", pa.array(at)).filter(pa.array(verdicts.state[at] == WRONG))
    rows = rows.sort_by([("rank", "ascending"), ("strategy", "ascending")]).slice(0, most)
    ids = rows["image_id"].to_pylist()
    images = images_of(dataset, sources.keys, sources.snapshots.get("images"), ids)
    said = _by_image(answers(sources.labels, of_whole_images=sources.is_classifier), ids)
    predicted = _by_image(_shown_predictions(sources, min_score), ids)
    found: list[Mistake] = []
    for row in rows.to_pylist():  # of as many images as a page shows
        image_id = row["image_id"]
        if image_id not in images:
            continue  # its row is gone since: there is no picture, and no name
        labels, outputs = said.get(image_id, []), predicted.get(image_id, [])
        errors = () if verdicts.errors is None else _errors(verdicts, row["at"])
        boxes = ((), ()) if verdicts.errors is None else (_boxes(labels), _boxes(outputs))
        found.append(
            Mistake(
                image=gallery_image(images[image_id], len(found)),
                strategy=row["strategy"],
                rank=row["rank"],
                said=_said(labels),
                predicted=_predicted(outputs) if verdicts.errors is None else sorted({str(output["category"]) for output in outputs}),
                given_boxes=boxes[0],
                predicted_boxes=boxes[1],
                errors=errors,
            )
        )
    return found


def _shown_predictions(sources: ReviewSources, min_score: float) -> pa.Table:
    import pyarrow.compute as pc

    places = ImagePlaces(sources.image_ids)
    if sources.is_classifier:
        return likeliest(sources.predictions, places)
    rows = of_one_file(sources.predictions, places)
    return rows.filter(pc.fill_null(pc.greater_equal(rows["score"], min_score), False))


def _by_image(rows: pa.Table, ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    found: dict[str, list[dict[str, Any]]] = {}
    key = "annotation_id" if "annotation_id" in rows.column_names else "prediction_id"
    for row in rows.filter(pc.is_in(rows["image_id"], value_set=pa.array(ids, pa.string()))).sort_by(key).to_pylist():
        found.setdefault(row["image_id"], []).append(row)
    return found


def _said(labels: Sequence[dict[str, Any]]) -> list[str]:
    return sorted({NOTHING if label["task"] == BACKGROUND else str(label["category"]) for label in labels})


def _predicted(outputs: Sequence[dict[str, Any]]) -> list[str]:
    return [
        f"{output['category']}" + (f" ({100 * output['score']:.0f}%)" if output["score"] is not None and 0 <= output["score"] <= 1 else "")
        for output in outputs
    ]


def _boxes(rows: Sequence[dict[str, Any]]) -> list[Box]:
    return sorted({box for row in rows if (box := box_of(row["bbox"])) is not None})[:_MOST_BOXES]


def _errors(verdicts: Verdicts, at: int) -> tuple[tuple[str, float], ...]:
    assert verdicts.errors is not None
    kinds = (
        ("missed", verdicts.errors.misses),
        ("made up", verdicts.errors.false_positives),
        ("of another category", verdicts.errors.confusions),
    )
    return tuple((name, float(counts[at])) for name, counts in kinds if counts[at] > 0)
