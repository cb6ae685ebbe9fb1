"""The Airflow plugin: registers what the provider info cannot."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from airflow_cv_dataops.links.marquez import MarquezLink


class CvDataOpsPlugin(AirflowPlugin):
    """Makes the operator links known to the web server, also for DAGs that were parsed elsewhere."""

    name = "cv_dataops"
    operator_extra_links = [MarquezLink()]
