"""Templates of ours that stand in the place of those of GX's page."""
