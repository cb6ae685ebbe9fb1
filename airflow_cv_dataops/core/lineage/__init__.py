"""What a step read and wrote, as OpenLineage datasets and facets.

In: ``StepLineage`` values from the other core packages. Out: OpenLineage client objects. Must not know Airflow, and must
not open a table or a file: on completion it runs in a forked process, where other libraries' threads are gone. ``page`` draws the
graph of a file of events.
"""
