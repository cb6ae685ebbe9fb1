"""Checks on the category of a whole image: which labels class probabilities contradict, and how many labels are wrong.

In: labels, and out-of-sample class probabilities a batch at a time. Out: findings rows and estimates. Must not know how a model was run.
"""
