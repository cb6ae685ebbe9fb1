"""What is known of the shared data set `bad_images` beyond its manifest."""

from __future__ import annotations

# Pillow refuses these over a chunk that only describes the picture; an ingest leaves such chunks aside.
BADLY_DESCRIBED = frozenset(("pillow/png_decompression_dos.png", "pillow/unknown_compression_method.png"))
