"""Scores of disagreement on the category of an image: between models (query by committee), and between the people who labelled it.

An image of which fewer than two models, or annotators, say anything is NaN.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.predictions.batches import stored_classes
from airflow_cv_dataops.core.sampling.scores.categories import numbers_of
from airflow_cv_dataops.core.sampling.scores.members import committee
from airflow_cv_dataops.core.sampling.scores.rows import rows_at_once
from airflow_cv_dataops.core.sampling.scores.said import said_of
from airflow_cv_dataops.core.sampling.scores.score import score
from airflow_cv_dataops.core.sampling.scores.votes import Votes, entropy_of_votes
from airflow_cv_dataops.core.wording import few, percent

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.sampling.pool import Pool

_MOST_TOLD = 5


@score(
    meaning="The models take the image for different categories.",
    needs=("models", "classifiers"),
    words=lambda pool, row, value: _voted(_model_votes(pool), row, "the models"),
)
def vote_entropy(pool: Pool) -> np.ndarray:
    """Return the entropy of the models' most probable categories, 0 to 1; see :func:`.votes.entropy_of_votes`.

    Each classifier of the pool has one vote for an image: the ``category`` of its prediction. Settles 2009, section 3.2.
    """
    return entropy_of_votes(_model_votes(pool)[0], len(pool))


@score(
    meaning="The models' class probabilities lie far from their mean.",
    needs=("models", "classifiers"),
    words=lambda pool, row, value: _opinions(pool, row),
)
def consensus_kl(pool: Pool) -> np.ndarray:
    """Return the mean Kullback-Leibler divergence of the models' class probabilities from their mean, by log K, 0 to 1.

    McCallum and Nigam, *Employing EM and Pool-Based Active Learning for Text Classification* (ICML 1998); Settles 2009, section 3.2. With
    every model weighing the same this is the Jensen-Shannon divergence, and so the same number as :data:`bald`: of the two, one says all.
    Two models reach at most log 2 / log K.
    """
    return committee(pool).information


@score(
    meaning="Each model is sure of itself, but not of the same.",
    needs=("models", "classifiers"),
    words=lambda pool, row, value: _opinions(pool, row),
)
def bald(pool: Pool) -> np.ndarray:
    """Return the mutual information of category and model, by log K, 0 to 1: the entropy of the mean minus the mean of the entropies.

    Houlsby et al., *Bayesian Active Learning for Classification and Preference Learning* (arXiv 1112.5745), with the pool's models as
    samples of the posterior. K counts the classes of all models by name; see :func:`.members.committee`.
    """
    return committee(pool).information


@score(
    meaning="Annotators gave the image different categories.",
    needs=("annotations",),
    words=lambda pool, row, value: _voted(_annotator_votes(pool), row, "the annotators"),
)
def annotator_vote_entropy(pool: Pool) -> np.ndarray:
    """Return the entropy of the annotators' categories of an image as a whole, 0 to 1; see :func:`.votes.entropy_of_votes`.

    Labels without a stated annotator do not count, as it is not known who disagrees with whom. Of an annotator who gave an image several
    categories, each has its share of one vote.
    """
    return entropy_of_votes(_annotator_votes(pool)[0], len(pool))


def _model_votes(pool: Pool) -> tuple[Votes, list[str]]:
    return pool.kept("model_votes", lambda: _votes_of_models(pool))


def _annotator_votes(pool: Pool) -> tuple[Votes, list[str]]:
    return pool.kept("annotator_votes", lambda: _votes_of_annotators(pool))


def _votes_of_models(pool: Pool) -> tuple[Votes, list[str]]:
    """Return the models' votes and the names of the categories: those that a model votes for, and those that it could."""
    import pyarrow as pa
    import pyarrow.compute as pc

    parts: list[pa.Table] = []
    known: set[str] = set()
    for model, rows in sorted(pool.predictions.items()):
        for found in pool.outputs(("task", "category", "classes"), model=model, batch_rows=rows_at_once(rows)):
            counts = pc.and_(pc.equal(found.table["task"], "classification"), found.table["category"].is_valid())
            table = found.table.filter(counts)
            known.update(name for text in pc.unique(table["classes"]).to_pylist() for name in stored_classes(text))
            image, voter = found.image[counts.to_numpy()], pa.repeat(model, table.num_rows)
            parts.append(pa.table({"image": image, "voter": voter, "choice": table["category"]}))
    return _votes(parts, known)


def _votes_of_annotators(pool: Pool) -> tuple[Votes, list[str]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    parts: list[pa.Table] = []
    for found in pool.labels(("task", "category", "annotator")):
        counts = pc.and_(pc.equal(found.table["task"], "classification"), found.table["category"].is_valid())
        counts = pc.and_(counts, found.table["annotator"].is_valid())
        table = found.table.filter(counts)
        image = found.image[counts.to_numpy()]
        parts.append(pa.table({"image": image, "voter": table["annotator"], "choice": table["category"]}))
    return _votes(parts, set())


def _votes(parts: list[pa.Table], known: set[str]) -> tuple[Votes, list[str]]:
    """Return votes with voters and categories numbered in the order of their names."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if not parts:
        none = np.empty(0, dtype=np.int64)
        return Votes(none, none, none, 0), []
    voter, choice = (
        pa.chunked_array([chunk for part in parts for chunk in part[name].chunks], pa.string()) for name in ("voter", "choice")
    )
    voters, choices = sorted(pc.unique(voter).to_pylist()), sorted({*known, *pc.unique(choice).to_pylist()})
    image = np.concatenate([part["image"].to_numpy() for part in parts])
    return Votes(image, numbers_of(voter, voters), numbers_of(choice, choices), len(choices)), choices


def _voted(voted: tuple[Votes, list[str]], row: int, who: str) -> str:
    """Say what was voted for, most votes first: ``the models disagree: 2 say 'cat', 1 says 'dog'``."""
    votes, names = voted
    own = votes.image == row
    ballots = set(zip(votes.voter[own].tolist(), votes.choice[own].tolist(), strict=True))
    counts = Counter(names[choice] for _, choice in ballots)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    told = few([f"{count} {'says' if count == 1 else 'say'} '{name}'" for name, count in ordered], _MOST_TOLD)
    return f"{who} {'disagree' if len(counts) > 1 else 'agree'}: {told}"


def _opinions(pool: Pool, row: int) -> str:
    """Say which class each model finds most probable: ``the models disagree: one says cat (92%), other says dog (88%)``."""
    said = []
    for model in sorted(pool.predictions):
        # Of several predictions a committee takes only equal ones.
        said += [(model, one.likeliest[0]) for one in said_of(pool, row, model) if one.likeliest and not one.is_box][:1]
    classes = sorted({name for _, (name, _) in said})
    if len(classes) == 1:
        told = few([f"{model} with {percent(value)}" for model, (_, value) in said], _MOST_TOLD)
        return f"the models all say {classes[0]}: {told}"
    return f"the models disagree: {few([f'{model} says {name} ({percent(value)})' for model, (name, value) in said], _MOST_TOLD)}"
