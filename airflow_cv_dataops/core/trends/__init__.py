"""What steps have measured, over partitions and so over time, with the releases that end there.

In: ``metrics``, ``releases``, and which partitions ``images`` has at their snapshots. Out: tidy data frames, and series for charts. Must not
know how a number came about, whether it is good, or how it is drawn.
"""
