"""What every operator and sensor shares: partition keys, lineage, settings."""
