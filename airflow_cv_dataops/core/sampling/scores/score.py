"""What a score is: one number an image, higher where it is worth more to label."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.errors import ConfigurationError

if TYPE_CHECKING:
    import numpy as np

    from airflow_cv_dataops.core.sampling.pool import Pool

_ID = re.compile(r"[a-z][a-z0-9_]{0,62}")
# What a score may need beyond the images themselves; without it every image would be left out, so the step says what to do instead.
NEEDS = ("predictions", "models", "classifiers", "embeddings", "annotations", "findings", "similar_to")


@dataclass(frozen=True)
class Score:
    """One question that is asked of every image of a pool. Made from a function by :func:`score`; calling it calls the function.

    :param name: in arguments, reasons and the report: lower-case letters, digits and ``_``.
    :param meaning: what a high score says of an image, one sentence for people.
    :param run: a pure function of the pool: (N,) floats, higher for an image that is worth more; NaN where it cannot tell.
    :param needs: what it cannot do without, of ``NEEDS``.
    :param images: columns of ``images`` that it reads beside those that are always there.
    :param words: given the pool, a row and its score, why the image stands where it stands, for people; ``None``: name and number.
    :raises ConfigurationError: the name or a need cannot be used.
    """

    name: str
    meaning: str
    run: Callable[[Pool], np.ndarray]
    needs: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    words: Callable[[Pool, int, float], str] | None = None

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.name):
            raise ConfigurationError(f"Score {self.name!r} cannot be used: expected lower-case letters, digits and _, first a letter.")
        if unknown := sorted(set(self.needs) - set(NEEDS)):
            raise ConfigurationError(f"Score {self.name!r} needs {', '.join(unknown)}: expected some of {', '.join(NEEDS)}.")

    def __call__(self, pool: Pool) -> np.ndarray:
        """Return the score of each image.

        :raises ConfigurationError: the function returned something else. What it raises itself is passed on, with a note whose it is.
        """
        import numpy as np

        try:
            returned = self.run(pool)
        except Exception as error:
            error.add_note(f"Raised by score {self.name!r} on a pool of {len(pool):,} images.")
            raise
        expected = "expected one finite number an image, NaN where it cannot tell"
        try:
            # A masked number is one that it cannot tell; NumPy would take what is below the mask.
            values = np.asarray(np.ma.filled(np.ma.asarray(returned, dtype=np.float64), np.nan))
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"Score {self.name!r} returned {_told(returned)}, which are no numbers: {expected}.") from error
        if values.shape != (len(pool),) or np.isinf(values).any():
            raise ConfigurationError(
                f"Score {self.name!r} returned numbers of shape {values.shape} for {len(pool):,} images, or infinite ones: {expected}."
            )
        return values

    def in_words(self, pool: Pool, row: int, value: float) -> str:
        """Say why an image has its score. :raises ConfigurationError: ``words`` returned no text."""
        if self.words is None:
            return f"{self.name} {value:.3f}"
        try:
            said = self.words(pool, row, value)
        except Exception as error:
            error.add_note(f"Raised by the words of score {self.name!r}, of image {pool.images['image_id'][row]} with {value:.6g}.")
            raise
        if not isinstance(said, str):
            raise ConfigurationError(f"The words of score {self.name!r} returned {_told(said)}: expected a text.")
        return said


def _told(value: Any) -> str:
    """Return what came, in short: its type, and that of its first element where it has some."""
    kind = type(value).__name__
    if isinstance(value, (list, tuple)) and value:
        return f"{kind} of {type(value[0]).__name__}"
    return f"{kind} of {value.dtype}" if hasattr(value, "dtype") else f"{kind} ({value!r:.40})"


def score(
    *,
    meaning: str,
    needs: tuple[str, ...] = (),
    images: tuple[str, ...] = (),
    words: Callable[[Pool, int, float], str] | None = None,
) -> Callable[[Callable[[Pool], np.ndarray]], Score]:
    """Make a :class:`Score` of a function, under the function's name.

    :param meaning: what a high score says of an image, one sentence for people.
    :param needs: what it cannot do without: ``predictions``, ``models`` (two or more), ``classifiers`` (one that says what an
        image as a whole is), ``embeddings``, ``annotations``, ``findings``,
        ``similar_to``.
    :param images: columns of ``images`` that it reads beside ``image_id``, ``source_uri``, ``storage_uri`` and ``file_name``.
    :param words: given the pool, a row and its score, why the image stands where it stands, for people.
    """
    return lambda run: Score(run.__name__, meaning, run, needs, images, words)


sampling_score = score
"""The same under the name that the package hands on."""
