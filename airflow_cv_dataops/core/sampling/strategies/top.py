"""The highest score first."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_cv_dataops.core.sampling.strategies.keys import highest_first
from airflow_cv_dataops.core.sampling.strategies.strategy import Choice, strategy
from airflow_cv_dataops.core.sampling.strategies.walk import walk


@strategy(meaning="the images with the highest score", needs=("scores",))
def top(choice: Choice) -> Iterator[int]:
    """Yield the open row with the highest score, of equal ones that with the smallest tie; embeddings are not looked at."""
    yield from walk(choice, highest_first(choice.scores, choice.ties))
