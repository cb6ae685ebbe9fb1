"""What holds of every built-in score."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from unit.core.sampling.pools import images

from airflow_cv_dataops.core.sampling.pool import Pool
from airflow_cv_dataops.core.sampling.scores.built_in import SCORES


def test_the_scores_are_found_by_name():
    assert sorted(SCORES) == [
        *("annotator_vote_entropy", "bald", "category_rarity", "consensus_kl", "entropy", "entropy_by_class", "errors_against_labels"),
        *(
            "image_rarity",
            "label_issues",
            "least_confidence",
            "localisation_disagreement",
            "margin",
            "novelty",
            "similarity",
            "vote_entropy",
        ),
    ]
    assert all(name == score.name == score.run.__name__ for name, score in SCORES.items())


@pytest.mark.parametrize("name", SCORES)
def test_a_pool_of_which_nothing_is_known_gets_no_made_up_number(name):
    values = SCORES[name](Pool(images("ab")))
    # Without findings nothing was found; everything else cannot be told.
    assert (values == 0).all() if name == "label_issues" else np.isnan(values).all()
    assert SCORES[name](Pool(images(""))).shape == (0,)


@pytest.mark.parametrize("name", SCORES)
def test_each_is_documented(name):
    score = SCORES[name]
    assert score.run.__doc__.startswith("Return ")
    assert score.meaning.endswith(".")


def test_listing_them_loads_nothing_heavy():
    code = (
        "import sys, airflow_cv_dataops.core.sampling.scores.built_in as b; "
        "print([m for m in ('numpy', 'pyarrow', 'pandas', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
