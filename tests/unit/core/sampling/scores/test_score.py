"""A score of one's own: what it may return, and who is named where it fails."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from unit.core.sampling.pools import images

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.sampling.pool import Pool
from airflow_cv_dataops.core.sampling.scores.score import Score

POOL = Pool(images("abc"))


def of(returned: Any) -> Score:
    return Score("dark", "It is dark.", lambda pool: returned)


@pytest.mark.parametrize(
    "returned",
    [
        [0.5, None, 1],
        np.array([0.5, np.nan, 1.0], dtype=np.float16),
        np.ma.masked_array([0.5, 7.0, 1.0], mask=[False, True, False]),
        pa.array([0.5, None, 1.0]),
        pa.chunked_array([[0.5, None], [1.0]]),
    ],
    ids=["list", "half", "masked", "array", "chunks"],
)
def test_any_column_of_numbers_is_a_score_and_what_is_not_known_is_nan(returned: Any) -> None:
    assert np.array_equal(of(returned)(POOL), [0.5, np.nan, 1], equal_nan=True)


@pytest.mark.parametrize(
    ("returned", "told"),
    [
        (["low", "high", "high"], "'dark' returned list of str, which are no numbers: expected one finite number an image"),
        ({"a": 1}, r"'dark' returned dict \(\{'a': 1\}\), which are no numbers"),
        (np.array([{}, [], 1], dtype=object), "'dark' returned ndarray of object, which are no numbers"),
        (None, r"'dark' returned numbers of shape \(\) for 3 images"),
        ([1, 2], r"'dark' returned numbers of shape \(2,\) for 3 images"),
        ([1, 2, np.inf], "or infinite ones"),
    ],
    ids=["texts", "mapping", "objects", "nothing", "too_few", "infinite"],
)
def test_anything_else_is_told_with_the_name_of_the_score(returned: Any, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        of(returned)(POOL)


def test_what_a_score_or_its_words_raise_says_whose_it_is() -> None:
    def fails(*_: Any) -> Any:
        raise ZeroDivisionError("by nothing")

    with pytest.raises(ZeroDivisionError) as raised:
        Score("dark", "It is dark.", fails)(POOL)
    assert raised.value.__notes__ == ["Raised by score 'dark' on a pool of 3 images."]
    with pytest.raises(ZeroDivisionError) as raised:
        Score("dark", "It is dark.", lambda pool: [1, 2, 3], words=fails).in_words(POOL, 1, 0.25)
    assert raised.value.__notes__ == ["Raised by the words of score 'dark', of image b with 0.25."]
    with pytest.raises(ConfigurationError, match=r"words of score 'dark' returned float \(0.25\): expected a text"):
        Score("dark", "It is dark.", lambda pool: [1, 2, 3], words=lambda pool, row, value: value).in_words(POOL, 1, 0.25)  # type: ignore[arg-type,return-value]
