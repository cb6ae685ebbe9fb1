"""The scores that sampling knows by name. A new score is listed here."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_cv_dataops.core.sampling.scores.by_class import entropy_by_class
from airflow_cv_dataops.core.sampling.scores.disagreement import annotator_vote_entropy, bald, consensus_kl, vote_entropy
from airflow_cv_dataops.core.sampling.scores.faults import errors_against_labels, label_issues
from airflow_cv_dataops.core.sampling.scores.localisation import localisation_disagreement
from airflow_cv_dataops.core.sampling.scores.nearness import novelty, similarity
from airflow_cv_dataops.core.sampling.scores.rarity import category_rarity, image_rarity
from airflow_cv_dataops.core.sampling.scores.score import Score
from airflow_cv_dataops.core.sampling.scores.uncertain import entropy, least_confidence, margin

SCORES: Mapping[str, Score] = {
    score.name: score
    for score in (
        # doubt of one model
        *(entropy, margin, least_confidence, entropy_by_class),
        # disagreement of models, of annotators
        *(vote_entropy, consensus_kl, bald, localisation_disagreement, annotator_vote_entropy),
        # labels that may be wrong
        *(errors_against_labels, label_issues),
        # rare, new, or like what a person named
        *(category_rarity, image_rarity, novelty, similarity),
    )
}
