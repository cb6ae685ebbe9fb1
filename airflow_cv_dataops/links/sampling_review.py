"""From a review of a sample to its page."""

from __future__ import annotations

from airflow_cv_dataops.links.report import ReportLink


class SamplingReviewLink(ReportLink):
    """Opens whether a sample helped: how often the model was wrong on it, beside images drawn at random, and its mistakes as pictures."""

    name = "Sampling review"
