"""The batch: what a strategy proposes, within a budget, within quotas, never two near duplicates.

In: a choice, limits, a strategy. Out: the rows that are taken, in order, and what of the limits could not be met. Must not know how a score
is worked out, nor what a table is.
"""
