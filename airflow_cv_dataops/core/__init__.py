"""The work: plain Python that imports no Airflow and can be used from a notebook or a script."""
