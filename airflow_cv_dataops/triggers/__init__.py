"""Triggers: what the deferrable sensors leave to the triggerer."""
