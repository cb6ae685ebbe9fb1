"""An ingest cut into tasks: one plans, many take a shard each, one commits.

In: as of an ingest. Out: small JSON values between the tasks, and in the end the same partition. Must not know what runs the tasks.
"""
