"""Images by chance, each as likely as any other: what every strategy has to be better than."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_cv_dataops.core.sampling.strategies.keys import random_keys
from airflow_cv_dataops.core.sampling.strategies.strategy import Choice, strategy
from airflow_cv_dataops.core.sampling.strategies.walk import walk

_DRAW = 1  # tells these keys from those that other strategies draw of the same seed


@strategy(meaning="images by chance, each as likely as any other")
def random(choice: Choice) -> Iterator[int]:
    """Yield the open rows in an order that is drawn of the seed and the ties, whatever the order of the rows."""
    import numpy as np

    yield from walk(choice, np.lexsort((choice.ties, random_keys(choice.ties, choice.seed, _DRAW))))
