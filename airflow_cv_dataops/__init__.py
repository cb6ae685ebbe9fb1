"""DataOps for computer vision inside Apache Airflow.

Operators and sensors live in ``operators`` and ``sensors``; the work itself lives in ``core``, which imports no
Airflow and can be used from a notebook. Nothing here is imported eagerly: DAG parsing stays cheap.
"""

__version__ = "0.1.0"
