"""How far voters disagree on the category of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.sampling.scores.distinct import distinct
from airflow_cv_dataops.core.sampling.scores.uncertainty import DIGITS

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, eq=False)
class Votes:
    """Who says what of which image; arrays of length M. A voter who says several things of an image has one vote, spread over them.

    :param image: row of the image. :param voter: number of who says it. :param choice: number of the category, below ``choices``.
    """

    image: np.ndarray
    voter: np.ndarray
    choice: np.ndarray
    choices: int


def entropy_of_votes(votes: Votes, images: int) -> np.ndarray:
    """Return the vote entropy of each image, (images,), 0 (all say the same) to 1 (as many opinions as there can be).

    ``-sum(v log v) / log min(V, K)`` over the shares v of the votes, with V the most voters that an image has and K the categories:
    Engelson and Dagan, *Minimizing Manual Annotation Cost in Supervised Training from Corpora* (ACL 1996). NaN for an image with fewer than
    two voters.
    """
    import numpy as np

    voters = int(votes.voter.max(initial=-1)) + 1
    # One number for each thing that a voter says of an image: each counts once, in an order of its own.
    said = distinct((votes.image * voters + votes.voter) * votes.choices + votes.choice)
    ballot_of, choice = np.divmod(said, max(votes.choices, 1))
    ballots, ballot = np.unique(ballot_of, return_inverse=True)
    image = ballot_of // max(voters, 1)
    count = np.bincount(ballots // max(voters, 1), minlength=images)
    options, option = np.unique(image * votes.choices + choice, return_inverse=True)
    option_image = options // max(votes.choices, 1)
    share = np.bincount(option, 1 / np.bincount(ballot)[ballot]) / count[option_image]
    total = np.bincount(option_image, -share * np.log(share), minlength=images)
    most = min(int(count.max(initial=0)), votes.choices)
    scaled = total / np.log(most) if most > 1 else np.zeros(images)
    return np.round(np.where(count > 1, np.clip(scaled, 0, 1), np.nan), DIGITS)
