"""What libraries at the lowest versions that are admitted do otherwise than the tested ones, of which the tests speak."""

from __future__ import annotations

from importlib.metadata import version

PILLOW = tuple(int(part) for part in version("pillow").split(".")[:2])
OPENLINEAGE = tuple(int(part) for part in version("openlineage-python").split(".")[:2])

HAS_GATES = OPENLINEAGE >= (1, 46)  # the facet "test"
HAS_PARAMETERS = OPENLINEAGE >= (1, 43)  # the facet "executionParameters"
HAS_SEVERITY = OPENLINEAGE >= (1, 43)  # of an assertion
HAS_EXPECTATION = OPENLINEAGE >= (1, 47)  # of an assertion: description, expected, actual
CLIENT_LOADS_NUMPY = OPENLINEAGE < (1, 40)

_ONE_BIT_BMP = "ljt/afl-testcases/bmp/edges-only/images/id:001334,src:000934,op:havoc,rep:2.bmp"

_SHORT_DDS = "pillow/timeout-755a4d204f4208e3597ac3391edebee196462bd0.dds"


def mode_in_pillow(path: str, mode: str) -> str:
    """Return the mode of a file of the shared set ``bad_images``, of which is known what a later Pillow says."""
    return "L" if path == _ONE_BIT_BMP and PILLOW < (13, 0) else mode


def is_taken_by_older_pillow(path: str) -> bool:
    """Tell whether a file of that set is an image to this Pillow, and damaged to a later one."""
    return path == _SHORT_DDS and PILLOW < (13, 0)
