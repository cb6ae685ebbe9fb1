"""Checks on segmentations: their form, and what models predict of them.

In: polygons and run-length encoded masks, predicted masks, probabilities of pixels. Out: findings rows. Must not know other checks.
"""
