"""Data contracts: a table's rows in, an expectation suite's result and its page out. Knows Great Expectations, and no Airflow."""
