"""What decides the rows of an ingest beside the files themselves, and how long and how large the work on one file may get."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from airflow_cv_dataops.core.arguments import check_ratio, check_whole_number
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.imaging.decoding.decode import DEFAULT_FORMATS, MEBIBYTE, Limits, check_formats
from airflow_cv_dataops.core.imaging.ingest.incremental import parameters_id
from airflow_cv_dataops.core.imaging.measures.quality import QualityThresholds
from airflow_cv_dataops.core.imaging.measures.verdicts import beyond_the_rows

_LIMITS = Limits()
_THRESHOLDS = QualityThresholds()
# Thresholds were part of an id once. These were all there were, with their defaults: what was hashed then does not change with what is
# added, or given another default, now. Those of odd sizes came last.
_ONCE_HASHED = {
    "dark_below": 0.10,
    "light_above": 0.95,
    "low_contrast_below": 0.04,
    "blurry_below": 50.0,
    "low_information_below": 1.0,
    "aspect_ratio_above": 4.0,
    "grayscale_below": 3.0,
    "odd_size_deviations_above": 3.5,
    "odd_size_ratio_above": 4.0,
}
_HASHED_LAST = ("odd_size_deviations_above", "odd_size_ratio_above")
_MOST_SECONDS = 10**8
_LEAST_MEMORY = 512 * MEBIBYTE  # with less, what is read ahead and copied (read_ahead) leaves decoders nothing


@dataclass(frozen=True)
class IngestParameters:
    """The same for every worker and every shard of a run.

    :param formats: the only decoders that are tried, in Pillow's spelling.
    :param limits: which files are refused before they cost anything.
    :param thresholds: where a measure becomes an issue; of rows that are kept, too.
    :param copy_images: keep a copy by content below the dataset; ``False``: rows refer to the source.
    :param timeout_seconds: how long one file may keep its worker busy, not counting time in which the machine lets the worker wait for
        a processor; then it is a reject, ``timeout``. See ``workers.pool``.
    :param worker_memory_bytes: most memory of a worker process, where the platform can limit it; ``None``: no limit.
    """

    formats: tuple[str, ...] = DEFAULT_FORMATS
    limits: Limits = _LIMITS
    thresholds: QualityThresholds = _THRESHOLDS
    copy_images: bool = True
    timeout_seconds: float = 60.0
    worker_memory_bytes: int | None = 4096 * MEBIBYTE

    def __post_init__(self) -> None:
        check_formats(self.formats)
        check_timeout(self.timeout_seconds)
        check_worker_memory(self.worker_memory_bytes)

    @property
    def id(self) -> str:
        """Hash of what decides a row as it is read: the decoders that are installed among them.

        Not of the time limit, as a file that took too long is read again anyway; nor of thresholds, as verdicts follow from measures, which
        the row has. One on ``grayscale`` that they do not tell is the exception.
        """
        return parameters_id(**self._of_pixels(), **beyond_the_rows(self.thresholds))

    @property
    def former_ids(self) -> tuple[str, ...]:
        """The ids that rows decided by the same parameters had when thresholds were hashed too: these, or the defaults of that time.

        Rows that other thresholds decided then cannot be told from rows of other parameters.
        """
        now = {name: getattr(self.thresholds, name) for name in _ONCE_HASHED}
        sets = [now, {name: float(value) for name, value in now.items()}]  # 30 and 30.0 had different hashes
        if not beyond_the_rows(self.thresholds):
            sets.append(_ONCE_HASHED)
        sets += [{name: value for name, value in each.items() if name not in _HASHED_LAST} for each in sets]
        pixels = self._of_pixels()
        return tuple(parameters_id(**pixels, thresholds={"QualityThresholds": each}) for each in sets)

    def _of_pixels(self) -> dict[str, Any]:
        from airflow_cv_dataops.core.imaging.decoding.openers import openers

        return {
            "formats": sorted(openers(self.formats)),
            "limits": self.limits,
            "copy_images": self.copy_images,
            "worker_memory_bytes": self.worker_memory_bytes,
        }

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, for a worker or an XCom, which takes no infinity: ``"inf"`` stands for it."""
        thresholds = {name: value if math.isfinite(value) else str(value) for name, value in asdict(self.thresholds).items()}
        return {**asdict(self), "formats": list(self.formats), "thresholds": thresholds}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> IngestParameters:
        """Return what :meth:`to_json` was made from."""
        thresholds = QualityThresholds(**{name: float(value) for name, value in values["thresholds"].items()})
        made = {"formats": tuple(values["formats"]), "limits": Limits(**values["limits"]), "thresholds": thresholds}
        return cls(**{**values, **made})


def check_timeout(timeout_seconds: float) -> None:
    """:raises ConfigurationError: it is no time that a file may take."""
    if not 0 < timeout_seconds <= _MOST_SECONDS:
        raise ConfigurationError(
            f"timeout_seconds={timeout_seconds!r} cannot be used: expected a number above 0, at most {_MOST_SECONDS:,}."
        )


def check_worker_memory(worker_memory_bytes: int | None) -> None:
    """:raises ConfigurationError: a decoder could do nothing with so little."""
    if worker_memory_bytes is not None and worker_memory_bytes < _LEAST_MEMORY:
        raise ConfigurationError(
            f"worker_memory_bytes={worker_memory_bytes!r} cannot be used: expected at least {_LEAST_MEMORY:,}, or None."
        )


def check_max_reject_ratio(max_reject_ratio: float) -> None:
    """:raises ConfigurationError: it is no share."""
    check_ratio("max_reject_ratio", max_reject_ratio)


def check_workers(workers: int | None) -> None:
    """:raises ConfigurationError: so many processes cannot be. :param workers: ``None``: one for each core."""
    if workers is not None:
        check_whole_number("workers", workers, 1)
