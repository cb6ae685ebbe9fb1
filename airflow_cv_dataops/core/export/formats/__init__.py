"""One file a format: how it lays out images and labels, and what it has no place for."""
