"""Object storage and the dataset's Iceberg tables.

In: bytes and Arrow tables. Out: the same, at a snapshot. Must not know what an image, a label or a gate means beyond the
schema module.
"""
