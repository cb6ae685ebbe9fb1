"""Operators: resolve the partition, call one core function, return its summary, describe its lineage."""
