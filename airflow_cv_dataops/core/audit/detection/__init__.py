"""Checks on the boxes of objects by what models predict: evidence first, then four scores.

In: given and predicted boxes. Out: findings rows. Must not know where the predictions come from.
"""
