"""Gates, splits and promotion: a dataset's tables in, an immutable release out.

In: table snapshots and metrics. Out: a row in ``releases``, the rows of ``release_items``, and readers over them,
for training too. Must not know how images were ingested, labels parsed or findings found.
"""
