"""What steps have measured, over partitions and so over time, with the releases that end there.

In: ``metrics``, ``releases``, and which partitions ``images`` has at their snapshots. Out: tidy data frames, and charts of them. Must not
know how a number came about, or whether it is good.
"""
