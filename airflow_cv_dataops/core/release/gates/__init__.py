"""Conditions on metrics that a release must meet: texts in, outcomes out."""
