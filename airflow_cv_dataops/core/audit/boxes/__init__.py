"""Checks on bounding boxes by what they are: their numbers, their sizes, and how they lie on one another.

In: the partition's boxes as arrays. Out: findings rows. Must not know what models predict.
"""
