"""What changed between two releases of a dataset, in numbers, as rows and as pictures.

In: two releases, read at their own snapshots. Out: a :class:`~.release_diff.ReleaseDiff`, and a report. Must not know who compares, or
what is decided on it.

The order of work keeps what does not differ cheap: images by hash, then labels by a hash of what each says (data files that both releases
have are not read for that), then the rows that differ, a few images at a time.
"""
