"""Annotations, images and predictions of one partition to findings.

In: the partition's rows as Arrow tables. Out: rows of ``findings``, numbers in ``metrics``, a
report, a summary. Must not know where the labels
came from, how a picture is decoded, or who fails over a finding: checks only read, and the policy is the caller's.

To add a check: write one function in the module of its kind (``structure``, ``boxes``, ``masks``, ``detection``, ``label_errors``, …)
and list it in ``checks.BUILT_IN_CHECKS``.
"""
