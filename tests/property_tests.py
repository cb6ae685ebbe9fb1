"""How many examples a property test takes."""

from __future__ import annotations

from hypothesis import settings


def examples(most: int) -> int:
    """Return how many examples to try: all in ``make test-random``, whose are others each time; a third where they are always the same."""
    return max(min(most, 20), most // 3) if settings().derandomize else most
