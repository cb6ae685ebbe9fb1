"""A model's doubt in words: of an image as a whole, and of the boxes in it. What is said holds whether the model is in doubt or not."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_cv_dataops.core.sampling.scores.said import Said
from airflow_cv_dataops.core.wording import percent

NO_BOX = "the model predicts no box"
NOTHING = "the model says nothing of it that can be used"
_COUNTS = 0.05  # a class of less is not named among those that the probability is spread over


def of_image(said: Said, measure: str) -> str:
    """Say what the model takes an image for. :param measure: ``entropy``, ``margin`` or ``least_confidence``."""
    likeliest = said.likeliest
    if not likeliest:
        return _by_confidence(said)
    name, first = likeliest[0]
    if measure == "entropy" and first < 0.5 and sum(value >= _COUNTS for _, value in likeliest) > 2:
        return f"the model spreads its probability over several classes: {listed(likeliest)}"
    if measure == "least_confidence":
        return f"the model gives its first guess, {name}, only {percent(first)}" if first < 0.5 else f"the model takes it for {_with(said)}"
    if said.has_rival:
        other, second = likeliest[1]
        return f"the model wavers between {name} and {other} ({percent(first)} against {percent(second)})"
    return f"the model takes it for {_with(said)}" + (f", next {listed(likeliest[1:2])}" if len(likeliest) > 1 and likeliest[1][1] else "")


def of_boxes(boxes: Sequence[Said], hardest: Said, aggregate: str) -> str:
    """Say of how many boxes the model is unsure, and of which most. :param aggregate: with ``max`` the hardest box alone counts."""
    if len(boxes) == 1:
        return f"the model {'is unsure of its only box' if hardest.is_unsure else 'predicts a single box'}: {box(hardest)}"
    unsure = sum(said.is_unsure for said in boxes)
    if aggregate != "max" and unsure > 1:
        return f"the model is unsure of {unsure:,} of {len(boxes):,} boxes, most of one: {box(hardest)}"
    return f"of {len(boxes):,} boxes the model is least sure of one: {box(hardest)}"


def box(said: Said) -> str:
    """Return ``WBC (confidence 46%)``, or ``RBC or WBC (51% against 47%)``."""
    if said.has_rival:
        (name, first), (other, second) = said.likeliest[:2]
        return f"{name} or {other} ({percent(first)} against {percent(second)})"
    return _with(said, "confidence ")


def listed(pairs: Sequence[tuple[str, float]]) -> str:
    """Return ``8 (31%), 3 (28%)``."""
    return ", ".join(f"{name} ({percent(value)})" for name, value in pairs)


def sureness(said: Said) -> float | None:
    """Return how sure the model is of a prediction's category, 0 to 1; ``None`` where it does not say."""
    return said.likeliest[0][1] if said.likeliest else said.confidence


def _by_confidence(said: Said) -> str:
    return f"the model {'is unsure that it is' if said.is_unsure else 'takes it for'} {_with(said, 'confidence ')}"


def _with(said: Said, what: str = "") -> str:
    name = said.likeliest[0][0] if said.likeliest else said.category or "an object without category"
    value = sureness(said)
    return name if value is None else f"{name} ({'' if said.likeliest else what}{percent(value)})"
