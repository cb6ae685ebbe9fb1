"""Scores: how much each image of a pool is worth labelling, by one measure each; see :mod:`.score` for the contract."""
