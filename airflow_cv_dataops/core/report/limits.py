"""How large a report may get, and how much work."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_cv_dataops.core.errors import ConfigurationError

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class ReportLimits:
    """How large a report may get, and how much work.

    :param max_bytes: of the file; at least 1 MB.
    :param max_pictures: images that are read, decoded and shown.
    :raises ConfigurationError: a limit is out of range.
    """

    max_bytes: int = 20 * MEGABYTE
    max_pictures: int = 500

    def __post_init__(self) -> None:
        if not self.max_bytes >= MEGABYTE:
            raise ConfigurationError(
                f"report_max_megabytes is {self.max_bytes / MEGABYTE:g} (max_bytes {self.max_bytes:,}): "
                "a report needs at least 1 MB; expected 1 or more."
            )
        if not self.max_pictures >= 0:
            raise ConfigurationError(f"report_max_pictures (max_pictures) is {self.max_pictures!r}: expected 0 or more.")
