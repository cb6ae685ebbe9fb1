"""Which files of a source an ingest takes, and how: one value, for a whole ingest and for one in shards alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from os import PathLike
from types import NoneType
from typing import Any

from airflow_cv_dataops.core.arguments import as_place, check_list
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.imaging.decoding.decode import DEFAULT_FORMATS, Limits
from airflow_cv_dataops.core.imaging.ingest.parameters import IngestParameters
from airflow_cv_dataops.core.imaging.measures.quality import QualityThresholds
from airflow_cv_dataops.core.imaging.sources import ImageSource, open_image_source
from airflow_cv_dataops.core.imaging.sources.archive_members import ArchiveLimits

_DEFAULTS = IngestParameters()
_ARCHIVE_LIMITS = ArchiveLimits()
_KINDS = {
    "pattern": (str, NoneType),
    "list_column": (str, NoneType),
    "archive_limits": (ArchiveLimits,),
    "limits": (Limits,),
    "thresholds": (QualityThresholds,),
    "copy_images": (bool,),
    "force": (bool,),
}


@dataclass(frozen=True)
class IngestSettings:
    """What an ingest is told beside its source; the defaults are those of ``ImageIngestOperator``.

    :param pattern: glob that a path below the source has to match; ``*`` crosses ``/``, case does not matter.
    :param exclude: globs of paths to skip; default: label files (``*.txt``, ``*.xml``, ``*.json``, …), which globs of your own
        replace. Hidden and house-keeping files are skipped in any case.
    :param list_column: the column of a list file that names the images; default: detected.
    :param archive_limits: what an archive may cost.
    :param formats: the only decoders that are tried, in Pillow's names; default: JPEG, PNG, WebP, TIFF, BMP, GIF,
        and AVIF and HEIF where they are installed.
    :param limits: which files are refused before they cost anything (bytes, pixels, sides).
    :param thresholds: where a measure becomes an issue.
    :param copy_images: keep a copy by content below the dataset; ``False``: rows refer to the source.
    :param timeout_seconds: how long one file may keep its worker busy before it is a reject, ``timeout``.
    :param worker_memory_bytes: most memory of a worker process; ``None``: no limit.
    :param force: read every file, changed or not.
    :raises ConfigurationError: a value cannot be used.
    """

    pattern: str | None = None
    exclude: Sequence[str] | None = None
    list_column: str | None = None
    archive_limits: ArchiveLimits = _ARCHIVE_LIMITS
    formats: Sequence[str] = DEFAULT_FORMATS
    limits: Limits = _DEFAULTS.limits
    thresholds: QualityThresholds = _DEFAULTS.thresholds
    copy_images: bool = True
    timeout_seconds: float = _DEFAULTS.timeout_seconds
    worker_memory_bytes: int | None = _DEFAULTS.worker_memory_bytes
    force: bool = False

    def __post_init__(self) -> None:
        check_list("exclude", self.exclude)
        check_list("formats", self.formats)
        for field in fields(self):
            value, kinds = getattr(self, field.name), _KINDS.get(field.name)
            if kinds is not None and not isinstance(value, kinds):
                raise ConfigurationError(f"{field.name}={value!r} cannot be used: expected {_named(kinds)}.")
        _ = self.parameters  # which looks at the numbers

    @property
    def parameters(self) -> IngestParameters:
        """What decides a file's row beside the file itself."""
        return IngestParameters(
            tuple(self.formats), self.limits, self.thresholds, self.copy_images, self.timeout_seconds, self.worker_memory_bytes
        )

    def open(self, source: str | PathLike[str], options: Mapping[str, Any]) -> ImageSource:
        """Open the source, to be closed after use.

        :param options: obstore's configuration of it.
        :raises ConfigurationError: it is no URI or path. :raises SourceError: it cannot be opened.
        """
        return open_image_source(
            as_place("source", source),
            options=options,
            list_column=self.list_column,
            max_bytes=self.limits.max_bytes,
            archive_limits=self.archive_limits,
        )


def _named(kinds: tuple[type, ...]) -> str:
    return " or ".join("None" if kind is NoneType else kind.__name__ for kind in kinds)
