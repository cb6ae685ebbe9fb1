"""``python -m airflow_cv_dataops.core.lineage.page events.jsonl --out lineage.html --svg lineage.svg``"""

from __future__ import annotations

import sys

from airflow_cv_dataops.core.lineage.page.page import main

if __name__ == "__main__":
    sys.exit(main())
