"""Strategies: in which order images are taken from a pool; see :mod:`.strategy` for the contract."""
