"""One partition's tables, and those of the partitions before it, to verdicts: is it as fresh, as much, and of the kind that is usual here?

In: the tables of a dataset. Out: verdicts on five pillars (freshness, volume, schema, distribution, lineage), findings and metrics of one
partition, its profile, a step result. Knows nothing of pixels, of contracts, and of releases beyond their rows.
"""
