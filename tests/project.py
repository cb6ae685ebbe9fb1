"""Where things are."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = Path(os.environ.get("CV_DATAOPS_SHARED_DATA", PROJECT_ROOT.parent / "shared" / "data"))
