"""The strategies that come with the package, by name."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_cv_dataops.core.sampling.strategies.badge import badge
from airflow_cv_dataops.core.sampling.strategies.diverse_top import diverse_top
from airflow_cv_dataops.core.sampling.strategies.dpp import k_dpp
from airflow_cv_dataops.core.sampling.strategies.herding import max_herding, uncertainty_herding
from airflow_cv_dataops.core.sampling.strategies.k_center import k_center
from airflow_cv_dataops.core.sampling.strategies.random_order import random
from airflow_cv_dataops.core.sampling.strategies.strategy import Strategy
from airflow_cv_dataops.core.sampling.strategies.top import top
from airflow_cv_dataops.core.sampling.strategies.typiclust import typiclust

STRATEGIES: Mapping[str, Strategy] = {
    each.name: each for each in (top, random, diverse_top, k_center, badge, typiclust, max_herding, uncertainty_herding, k_dpp)
}
