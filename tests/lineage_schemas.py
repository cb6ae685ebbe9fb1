"""Validate OpenLineage events against the published JSON schemas, without a network.

The schemas are those of ``shared/data/openlineage_spec`` (``CV_DATAOPS_SHARED_DATA`` names another ``shared/data``), our
own ones from the package, and those that Airflow's OpenLineage provider ships.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

EVENT_SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json"
OWN_SCHEMAS = resources.files("airflow_cv_dataops.core.lineage").joinpath("schemas")

# A schema that is not there -> the one to use instead, and why.
STAND_INS = {
    "https://openlineage.io/spec/facets/1-0-1/DataQualityMetricsDatasetFacet.json": (
        "https://openlineage.io/spec/facets/1-0-0/DataQualityMetricsDatasetFacet.json",
        "1-0-1 only adds captureDate, which we do not send; the shared folder stops at 1-0-0",
    ),
}

# Where the Airflow provider's events do not fit the schemas that it ships itself (seen with 2.20.3): schema, field, why.
PROVIDER_FAULTS = (
    ("airflow:run:airflow", "'pool' is a required property", "Airflow 3's task runner does not know the pool of its task instance"),
    ("airflow:run:airflow", ".task.retry_exponential_backoff", "a number since Airflow 3.2; the schema still says boolean"),
)


def shared_schemas() -> Path:
    """The folder with the official schemas; it may be absent."""
    data = os.environ.get("CV_DATAOPS_SHARED_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(data) / "openlineage_spec"


def require_schemas() -> None:
    """Skip the calling test where the official schemas are absent."""
    if not shared_schemas().is_dir():
        pytest.skip(f"this machine lacks OpenLineage's JSON schemas (expected at {shared_schemas()}; set CV_DATAOPS_SHARED_DATA)")


def validate_event(event: Mapping[str, Any]) -> None:
    """Validate a run event and every facet in it.

    :raises AssertionError: naming every place that is wrong, or whose schema cannot be found.
    """
    require_schemas()
    json.dumps(event, allow_nan=False)
    envelope = _validator(f"{EVENT_SCHEMA}#/$defs/RunEvent")
    problems = [f"event{error.json_path[1:]}: {error.message}" for error in envelope.iter_errors(event)]
    for place, key, facet in facets_of(event):
        for url in _schemas_of(place, key, facet):
            problems += [f"{place}.{key}: {problem}" for problem in _problems(facet, url)]
    assert not problems, "\n".join(problems)


def validate_events_file(path: Path) -> list[dict[str, Any]]:
    """Validate every line of the file transport's ``events.jsonl`` and return the events."""
    events = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    for event in events:
        validate_event(event)
    return events


def facets_of(event: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield place, key and facet of every facet of an event."""
    holders = [("run", event["run"], ("facets",)), ("job", event["job"], ("facets",))]
    holders += [(f"inputs[{i}]", dataset, ("facets", "inputFacets")) for i, dataset in enumerate(event.get("inputs") or [])]
    holders += [(f"outputs[{i}]", dataset, ("facets", "outputFacets")) for i, dataset in enumerate(event.get("outputs") or [])]
    for place, holder, kinds in holders:
        for kind in kinds:
            for key, facet in (holder.get(kind) or {}).items():
                yield f"{place}.{kind}", key, facet


@cache
def registry() -> Registry:
    """Every schema by its ``$id``; those of the Airflow provider, which have none, by ``airflow:<job or run>:<facet key>``."""
    documents = [json.loads(path.read_text()) for path in sorted(shared_schemas().rglob("*.json"))]
    documents += own_schemas()
    found = [(document["$id"], document) for document in documents]
    for document in _provider_schemas():
        (name,) = [name for name in document["$defs"] if name.endswith("Facet")]
        (key,) = document["properties"]
        found.append((f"airflow:{'job' if name.endswith('JobFacet') else 'run'}:{key}", document))
    return Registry().with_resources((uri, DRAFT202012.create_resource(document)) for uri, document in found).crawl()


def own_schemas() -> list[dict[str, Any]]:
    """The schemas of the package."""
    return [
        json.loads(file.read_text())
        for version in sorted(OWN_SCHEMAS.iterdir(), key=lambda entry: entry.name)
        for file in sorted(version.iterdir(), key=lambda entry: entry.name)
    ]


def _provider_schemas() -> list[dict[str, Any]]:
    # Located, not imported: the tests of core read them with Airflow out of reach.
    folder = Path(str(distribution("apache-airflow-providers-openlineage").locate_file("airflow/providers/openlineage/facets")))
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    assert found, f"no schemas of the OpenLineage provider in {folder}"
    return found


def _schemas_of(place: str, key: str, facet: Mapping[str, Any]) -> list[str]:
    """The schema that the facet names, and the provider's own one for a facet of Airflow's (which name only the base facet)."""
    url = str(facet.get("_schemaURL", ""))
    document, _, pointer = url.partition("#")
    if document in STAND_INS and document not in registry():
        url = f"{STAND_INS[document][0]}#{pointer}"
    own = f"airflow:{place.split('.')[0]}:{key}"
    if own not in registry():
        return [url]
    (name,) = [name for name in registry().contents(own)["$defs"] if name.endswith("Facet")]
    return [url, f"{own}#/$defs/{name}"]


def _problems(facet: Mapping[str, Any], url: str) -> list[str]:
    if not url:
        return ["has no _schemaURL"]
    try:
        found = [f"{error.json_path[1:]} {error.message} ({url})" for error in _validator(url).iter_errors(facet)]
    except Unresolvable as error:
        return [f"schema {url} is not known: {error}"]
    known = [fault for schema, fault, _ in PROVIDER_FAULTS if url.startswith(schema)]
    return [problem for problem in found if not any(fault in problem for fault in known)]


@cache
def _validator(url: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": url}, registry=registry(), format_checker=Draft202012Validator.FORMAT_CHECKER)
