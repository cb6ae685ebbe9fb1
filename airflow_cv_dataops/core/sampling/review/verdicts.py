"""Whether the model was wrong on each image, as far as labels tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.image_places import ImagePlaces
from airflow_cv_dataops.core.labels.records import BACKGROUND
from airflow_cv_dataops.core.sampling.review.box_errors import BoxErrors, box_errors, boxes_of, ranks_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.sampling.review.reading import ReviewSources

UNANSWERED, UNCLEAR, WITHOUT_PREDICTION, RIGHT, WRONG = range(5)


@dataclass(frozen=True, eq=False)
class Verdicts:
    """Arrays of one entry an image.

    :param state: ``UNANSWERED``: nobody has labelled it yet, in the way in which the model predicts; ``UNCLEAR``: its labels contradict
        each other, or cannot be compared; ``WITHOUT_PREDICTION``: the model (a classifier) has not seen it; else ``RIGHT`` or ``WRONG``.
    :param errors: of a detector, on images that are right or wrong: misses, false positives and confusions; else ``None``.
    """

    state: np.ndarray
    errors: BoxErrors | None = None


def verdicts(sources: ReviewSources, *, min_score: float, iou: float) -> Verdicts:
    """Judge each of the images of ``sources.image_ids``.

    What one label set says of one file of an image is one opinion; where opinions make the model right and wrong, the image is unclear.
    """
    places = ImagePlaces(sources.image_ids)
    predictions = of_one_file(sources.predictions, places)
    if sources.is_classifier:
        return _of_categories(sources.labels, predictions, places)
    return _of_boxes(sources.labels, predictions, places, min_score, iou)


def answers(labels: pa.Table, *, of_whole_images: bool) -> pa.Table:
    """Return the labels that say what a classifier, or else a detector, says; that nothing is there answers both."""
    import pyarrow.compute as pc

    is_of_image = pc.equal(labels["task"], "classification")
    wanted = is_of_image if of_whole_images else pc.invert(is_of_image)
    return labels.filter(pc.or_(wanted, pc.equal(labels["task"], BACKGROUND)))


def _of_categories(labels: pa.Table, predictions: pa.Table, places: ImagePlaces) -> Verdicts:
    """Compare the category that the model finds most likely with what people say."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    state = np.full(len(places), UNANSWERED, dtype=np.int8)
    given = answers(labels, of_whole_images=True)
    # Nothing there is an answer too: no category, and so none that a model could have named.
    said = pc.if_else(pc.equal(given["task"], BACKGROUND), pa.scalar(None, pa.string()), given["category"])
    is_named = pc.or_(pc.equal(given["task"], BACKGROUND), given["category"].is_valid()).to_numpy()
    of_label, of_prediction = places.of(given["image_id"]), places.of(predictions["image_id"])
    names = pc.unique(pa.chunked_array([*said.chunks, *predictions["category"].chunks], pa.string()).drop_null())
    codes = [_codes(column, names) for column in (said, predictions["category"])]
    predicted = np.full(len(places), -2)
    order = _likeliest_last(predictions, codes[1])
    predicted[of_prediction[order]] = codes[1][order]
    lowest, highest = np.full(len(places), np.iinfo(np.int64).max), np.full(len(places), -3)
    np.minimum.at(lowest, of_label, codes[0])
    np.maximum.at(highest, of_label, codes[0])
    answered = highest >= -1
    state[answered] = np.where(highest == predicted, RIGHT, WRONG)[answered]
    state[answered & (predicted == -2)] = WITHOUT_PREDICTION
    # A prediction without a category has said nothing.
    state[answered & (predicted == -1)] = WITHOUT_PREDICTION
    unclear = answered & (lowest != highest)
    unclear[of_label[~is_named]] = True
    state[unclear] = UNCLEAR
    return Verdicts(state)


def _of_boxes(labels: pa.Table, predictions: pa.Table, places: ImagePlaces, min_score: float, iou: float) -> Verdicts:
    """Match boxes one to one, opinion by opinion; an image without a prediction is one in which the model found nothing."""
    import numpy as np
    import pyarrow.compute as pc

    given = answers(labels, of_whole_images=False)
    is_background = pc.equal(given["task"], BACKGROUND).to_numpy()
    image = places.of(given["image_id"])
    opinion, opinion_image = _opinions(given, image)
    boxes = boxes_of(given)
    unclear = np.zeros(len(opinion_image), dtype=bool)
    # A label without a box that can be compared, or without a category; nothing there, and yet a label; boxes of several people, of whom
    # nobody knows whether they share the work or do it twice.
    unclear[opinion[~is_background & ~(boxes.usable & given["category"].is_valid().to_numpy())]] = True
    backgrounds = np.bincount(opinion[is_background], minlength=len(opinion_image))
    count = np.bincount(opinion[~is_background], minlength=len(opinion_image))
    unclear |= (backgrounds > 0) & (count > 0)
    unclear |= _has_several(opinion[~is_background], given["annotator"].take(np.flatnonzero(~is_background)), len(opinion_image))
    errors = box_errors(given, opinion, ~is_background & boxes.usable, opinion_image, predictions, places, min_score=min_score, iou=iou)
    return _combined(errors, unclear, opinion_image, len(places))


def _combined(errors: BoxErrors, unclear: np.ndarray, opinion_image: np.ndarray, images: int) -> Verdicts:
    import numpy as np

    is_wrong = errors.total > 0
    opinions = np.bincount(opinion_image, minlength=images)
    wrong = np.bincount(opinion_image, weights=is_wrong, minlength=images)
    state = np.where(wrong == opinions, WRONG, RIGHT).astype(np.int8)
    state[(wrong > 0) & (wrong < opinions)] = UNCLEAR
    state[opinion_image[unclear]] = UNCLEAR
    state[opinions == 0] = UNANSWERED
    return Verdicts(state, errors.mean_by(opinion_image, opinions))


def of_one_file(predictions: pa.Table, places: ImagePlaces) -> pa.Table:
    """Return the predictions of one file of each image, the first by partition and source: each of several files may have its own."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if not predictions.num_rows:
        return predictions
    image = places.of(predictions["image_id"])
    source = ranks_of(pc.binary_join_element_wise(predictions["partition_key"], pc.fill_null(predictions["source_uri"], ""), "\0"))
    first = np.full(len(places), np.iinfo(np.int64).max)
    np.minimum.at(first, image, source)
    return predictions.filter(pa.array(source == first[image]))


def likeliest(predictions: pa.Table, places: ImagePlaces) -> pa.Table:
    """Return a classifier's prediction of each image that has one: the most confident with a category."""
    import numpy as np
    import pyarrow as pa

    chosen = of_one_file(predictions, places)
    order = _likeliest_last(chosen, chosen["category"].is_valid().to_numpy().astype(np.int64) - 1)
    last = np.full(len(places), -1)
    last[places.of(chosen["image_id"])[order]] = order
    return chosen.take(pa.array(last[last >= 0]))


def _likeliest_last(predictions: pa.Table, codes: np.ndarray) -> np.ndarray:
    """Order rows so that of each image the most confident stands last, of equals the one with the smallest id."""
    import numpy as np
    import pyarrow.compute as pc

    scores = pc.fill_null(predictions["score"], -1.0).to_numpy()
    ids = ranks_of(predictions["prediction_id"])
    return np.lexsort((-ids, scores, codes >= 0))


def _codes(column: pa.ChunkedArray, names: pa.Array) -> np.ndarray:
    import pyarrow.compute as pc

    return pc.fill_null(pc.index_in(column, value_set=names), -1).to_numpy().astype("int64")


def _opinions(given: pa.Table, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each label's opinion, and each opinion's image, ascending."""
    import numpy as np

    ranks = [ranks_of(given[name]) for name in ("partition_key", "label_set", "source_uri")]
    if not given.num_rows:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    keys, opinion = np.unique(np.stack([image, *ranks], axis=1), axis=0, return_inverse=True)
    return opinion.reshape(-1), keys[:, 0]


def _has_several(group: np.ndarray, names: pa.ChunkedArray, groups: int) -> np.ndarray:
    """Say which groups have rows with different names; no name is one of them."""
    import numpy as np

    ranks = ranks_of(names)
    lowest, highest = np.full(groups, np.iinfo(np.int64).max), np.full(groups, -1)
    np.minimum.at(lowest, group, ranks)
    np.maximum.at(highest, group, ranks)
    return (highest >= 0) & (lowest != highest)
