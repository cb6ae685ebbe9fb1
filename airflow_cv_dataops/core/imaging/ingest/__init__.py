"""A source to one partition of ``images`` and ``rejects``.

In: a source, and settings. Out: the partition's rows in one commit a table, copies by content, a summary. ``workers`` are the processes
in which bytes are decoded; ``shards`` is the same step cut into tasks. Must not know labels, audits or releases.
"""
