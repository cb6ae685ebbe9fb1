"""Pictures to numbers: fingerprints, colour, quality.

In: the small pictures that ``decoding`` makes. Out: numbers and hashes, and which numbers are out of bounds. Must not know files or tables.
"""
