"""The package's version, where both its face and its events find it."""

__version__ = "0.1.0"
