# ruff: noqa: TID253 (facets subclass the client's attrs classes; this module is imported only inside functions of `events`)
"""Our own facets. Their JSON schemas are in ``schemas/``; a change of a field is a new version folder, never an edit."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from typing import Any

import attr
from openlineage.client.facet_v2 import RunFacet

from airflow_cv_dataops.core.lineage.values import json_value
from airflow_cv_dataops.version import __version__

PRODUCER = f"https://pypi.org/project/airflow-cv-dataops/{__version__}/"
SCHEMA_BASE = "https://airflow-cv-dataops.github.io/lineage/1-0-0"


def step_facet(step: str, facts: Mapping[str, Any]) -> dict[str, RunFacet]:
    """Return the facet that a step's facts fill, under its key; empty where the step has none or sent no facts.

    Facts that the facet does not know stay as additional properties.
    """
    if step not in _STEP_FACETS or not facts:
        return {}
    return {f"cvDataops_{step}": _filled(_STEP_FACETS[step], facts)}


def run_facet(step: str, airflow: Mapping[str, Any]) -> dict[str, RunFacet]:
    """Return the facet that tells runs apart which share an OpenLineage run id."""
    return {"cvDataops_run": _filled(CvDataopsRunRunFacet, {"step": step, **airflow})}


def _schema_url(name: str) -> str:
    return f"{SCHEMA_BASE}/{name}.json#/$defs/{name}"


def _filled(facet: type[RunFacet], facts: Mapping[str, Any]) -> RunFacet:
    values = {_field_name(key): value for key, value in json_value(facts).items()}
    names = {field.name for field in attr.fields(facet) if field.init and not field.name.startswith("_")}
    known = facet(**{name: value for name, value in values.items() if name in names}, producer=PRODUCER)
    extra = {name: value for name, value in values.items() if name and name not in names and name != "producer"}
    return known.with_additional_properties(**extra) if extra else known  # type: ignore[return-value]


def _field_name(key: str) -> str:
    """Return the key in camel case, and as an identifier, which is what attrs can hold."""
    first, *rest = [part for part in re.split(r"[^a-zA-Z0-9]+", key) if part] or [""]
    name = first + "".join(part[0].upper() + part[1:] for part in rest)
    if name[:1].isdigit():
        return f"n{name}"
    return f"{name}_" if keyword.iskeyword(name) else name


@attr.define(kw_only=True)
class CvDataopsRunRunFacet(RunFacet):
    """Airflow's own identity of the run."""

    step: str | None = None
    dagId: str | None = None  # noqa: N815
    taskId: str | None = None  # noqa: N815
    runId: str | None = None  # noqa: N815
    tryNumber: int | None = None  # noqa: N815
    mapIndex: int | None = None  # noqa: N815
    partitionKey: str | None = None  # noqa: N815

    @staticmethod
    def _get_schema() -> str:
        return _schema_url("CvDataopsRunRunFacet")


@attr.define(kw_only=True)
class CvDataopsIngestRunFacet(RunFacet):
    """What an ingest took and refused."""

    partitionKey: str | None = None  # noqa: N815
    images: int | None = None
    rejects: int | None = None
    rejectsByReason: dict[str, int] | None = None  # noqa: N815
    duplicates: int | None = None
    bytes: int | None = None
    imagesPerSecond: float | None = None  # noqa: N815

    @staticmethod
    def _get_schema() -> str:
        return _schema_url("CvDataopsIngestRunFacet")


@attr.define(kw_only=True)
class CvDataopsImportRunFacet(RunFacet):
    """What an import of labels or predictions read and joined."""

    format: str | None = None
    files: int | None = None
    records: int | None = None
    matched: int | None = None
    unmatched: int | None = None
    problems: int | None = None
    labelSet: str | None = None  # noqa: N815
    model: str | None = None
    modelVersion: str | None = None  # noqa: N815

    @staticmethod
    def _get_schema() -> str:
        return _schema_url("CvDataopsImportRunFacet")


@attr.define(kw_only=True)
class CvDataopsEmbeddingRunFacet(RunFacet):
    """What made the vectors of a partition's images, and of how many."""

    embeddingModel: str | None = None  # noqa: N815
    source: str | None = None
    preprocessing: str | None = None
    parametersId: str | None = None  # noqa: N815
    dimensions: int | None = None
    images: int | None = None
    embedded: int | None = None
    kept: int | None = None
    unreadable: int | None = None
    unmatched: int | None = None
    problems: int | None = None

    @staticmethod
    def _get_schema() -> str:
        return _schema_url("CvDataopsEmbeddingRunFacet")


@attr.define(kw_only=True)
class CvDataopsAuditRunFacet(RunFacet):
    """What an audit found."""

    audit: str | None = None
    findings: int | None = None
    bySeverity: dict[str, int] | None = None  # noqa: N815
    byCheck: dict[str, int] | None = None  # noqa: N815
    labelErrorRate: float | None = None  # noqa: N815
    reportUri: str | None = None  # noqa: N815

    @staticmethod
    def _get_schema() -> str:
        return _schema_url("CvDataopsAuditRunFacet")


@attr.define(kw_only=True)
class CvDataopsValidationRunFacet(RunFacet):
    """How a contract came out."""

    contract: str | None = None
    suite: str | None = None
    suiteSource: str | None = None  # noqa: N815
    table: str | None = None
    scope: str | None = None
    partitionKey: str | None = None  # noqa: N815
    rows: int | None = None
    expectations: int | None = None
    byStatus: dict[str, int] | None = None  # noqa: N815
    reportUri: str | None = None  # noqa: N815

    @staticmethod
    def _get_schema() -> str:
        return _schema_url("CvDataopsValidationRunFacet")


@attr.define(kw_only=True)
class CvDataopsHealthRunFacet(RunFacet):
    """What a run of health found."""

    asOf: str | None = None  # noqa: N815
    trailingPartitions: int | None = None  # noqa: N815
    breaches: int | None = None
    notJudged: int | None = None  # noqa: N815
    bySeverity: dict[str, int] | None = None  # noqa: N815
    byPillar: dict[str, int] | None = None  # noqa: N815
    byCheck: dict[str, int] | None = None  # noqa: N815
    reportUri: str | None = None  # noqa: N815

    @staticmethod
    def _get_schema() -> str:
        return _schema_url("CvDataopsHealthRunFacet")


@attr.define(kw_only=True)
class CvDataopsSamplingRunFacet(RunFacet):
    """What a sampling chose."""

    sampleId: str | None = None  # noqa: N815
    candidates: int | None = None
    sampled: int | None = None
    manifestUri: str | None = None  # noqa: N815
    reportUri: str | None = None  # noqa: N815

    @staticmethod
    def _get_schema() -> str:
        return _schema_url("CvDataopsSamplingRunFacet")


@attr.define(kw_only=True)
class CvDataopsSamplingReviewRunFacet(RunFacet):
    """How often a model was wrong on a sample."""

    sampleId: str | None = None  # noqa: N815
    model: str | None = None
    judged: dict[str, int] | None = None
    wrong: dict[str, int] | None = None
    outcomes: dict[str, str] | None = None
    reportUri: str | None = None  # noqa: N815

    @staticmethod
    def _get_schema() -> str:
        return _schema_url("CvDataopsSamplingReviewRunFacet")


@attr.define(kw_only=True)
class CvDataopsPromotionRunFacet(RunFacet):
    """Which release a promotion made, or would have made, or a rollback went back to."""

    release: str | None = None
    stage: str | None = None
    parent: str | None = None
    action: str | None = None
    reason: str | None = None
    excludedImages: int | None = None  # noqa: N815
    excludedLabels: int | None = None  # noqa: N815
    reportUri: str | None = None  # noqa: N815
    contentId: str | None = None  # noqa: N815
    images: int | None = None
    annotations: int | None = None
    unchanged: bool | None = None
    splits: dict[str, int] | None = None
    snapshots: dict[str, str] | None = None

    @staticmethod
    def _get_schema() -> str:
        return _schema_url("CvDataopsPromotionRunFacet")


@attr.define(kw_only=True)
class CvDataopsExportRunFacet(RunFacet):
    """What an export wrote of which release."""

    release: str | None = None
    contentId: str | None = None  # noqa: N815
    format: str | None = None
    target: str | None = None
    manifestUri: str | None = None  # noqa: N815
    images: int | None = None
    labels: int | None = None
    splits: dict[str, int] | None = None
    leftOut: dict[str, int] | None = None  # noqa: N815
    notCarried: dict[str, int] | None = None  # noqa: N815

    @staticmethod
    def _get_schema() -> str:
        return _schema_url("CvDataopsExportRunFacet")


@attr.define(kw_only=True)
class CvDataopsDiffRunFacet(RunFacet):
    """What changed between two releases."""

    fromRelease: str | None = None  # noqa: N815
    toRelease: str | None = None  # noqa: N815
    images: dict[str, int] | None = None
    labels: dict[str, int] | None = None
    labelsOfImages: dict[str, int] | None = None  # noqa: N815
    statedEmpty: dict[str, int] | None = None  # noqa: N815
    reportUri: str | None = None  # noqa: N815

    @staticmethod
    def _get_schema() -> str:
        return _schema_url("CvDataopsDiffRunFacet")


@attr.define(kw_only=True)
class CvDataopsSensorRunFacet(RunFacet):
    """What a sensor waited for."""

    condition: str | None = None
    satisfied: bool | None = None
    details: dict[str, Any] | None = None

    @staticmethod
    def _get_schema() -> str:
        return _schema_url("CvDataopsSensorRunFacet")


_STEP_FACETS: Mapping[str, type[RunFacet]] = {
    "ingest": CvDataopsIngestRunFacet,
    "import": CvDataopsImportRunFacet,
    "embedding": CvDataopsEmbeddingRunFacet,
    "audit": CvDataopsAuditRunFacet,
    "validation": CvDataopsValidationRunFacet,
    "health": CvDataopsHealthRunFacet,
    "sampling": CvDataopsSamplingRunFacet,
    "sampling_review": CvDataopsSamplingReviewRunFacet,
    "promotion": CvDataopsPromotionRunFacet,
    "diff": CvDataopsDiffRunFacet,
    "export": CvDataopsExportRunFacet,
    "sensor": CvDataopsSensorRunFacet,
}
