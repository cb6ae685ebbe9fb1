"""The same questions about lineage to whoever can answer: Marquez's API, or the events themselves."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from airflow_cv_dataops.core.lineage.page.graph import read_graph

Name = tuple[str, str]  # namespace and name of a dataset or job


@dataclass(frozen=True)
class Version:
    """One version of a dataset. :param assertions: ``(assertion, column, held)`` of what was asserted on it."""

    fields: tuple[str, ...]
    assertions: frozenset[tuple[str, str | None, bool]]


class Answers(Protocol):
    """What a test asks."""

    def datasets(self) -> set[Name]: ...
    def upstream(self, dataset: Name) -> set[Name]: ...
    def facets(self, dataset: Name) -> dict[str, Any]: ...
    def producers(self, dataset: Name) -> set[str]: ...
    def columns_above(self, dataset: Name, column: str) -> set[tuple[str, str]]: ...
    def documentation(self, job: Name) -> str: ...
    def versions(self, dataset: Name) -> list[Version]: ...
    def runs(self, job: Name) -> Counter[str]: ...
    def jobs(self) -> set[Name]: ...


class EventsAnswers:
    """Answers from the events, by the rules that a lineage server follows: edges of all events, a version for each run that wrote."""

    def __init__(self, events: Iterable[dict[str, Any]]) -> None:
        self._events = list(events)
        self._graph = read_graph(map(json.dumps, self._events))

    def datasets(self) -> set[Name]:
        return set(self._graph.datasets)

    def upstream(self, dataset: Name) -> set[Name]:
        return self._graph.upstream(dataset)

    def facets(self, dataset: Name) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for side in ("inputs", "outputs"):
            for event in self._events:
                for one in event.get(side, ()):
                    if _name(one) == dataset:
                        found |= one["facets"]
        return found

    def producers(self, dataset: Name) -> set[str]:
        return {job[1] for job, written in self._graph.writes if written == dataset}

    def columns_above(self, dataset: Name, column: str) -> set[tuple[str, str]]:
        """Return name and column of all that a column comes from, over any number of steps."""
        above: dict[tuple[Name, str], set[tuple[Name, str]]] = {}
        for event in self._events:
            for one in event["outputs"]:
                for field, origins in one["facets"].get("columnLineage", {}).get("fields", {}).items():
                    from_columns = {(_name(origin), origin["field"]) for origin in origins["inputFields"]}
                    above.setdefault((_name(one), field), set()).update(from_columns)
        seen, waiting = set(), [(dataset, column)]
        while waiting:
            found = above.get(waiting.pop(), set()) - seen
            seen |= found
            waiting.extend(found)
        return {(name, field) for (_, name), field in seen}

    def documentation(self, job: Name) -> str:
        [*_, text] = [event["job"]["facets"]["documentation"]["description"] for event in self._events if _name(event["job"]) == job]
        return str(text)

    def versions(self, dataset: Name) -> list[Version]:
        versions: list[Version] = []
        for event in self._events:
            if event["eventType"] == "COMPLETE":
                versions += [Version(_fields(one["facets"]), frozenset()) for one in event["outputs"] if _name(one) == dataset]
            for one in event["inputs"]:
                if versions and _name(one) == dataset and (asserted := _assertions(one.get("inputFacets", {}))):
                    versions[-1] = Version(versions[-1].fields, asserted)
        return versions[::-1]

    def runs(self, job: Name) -> Counter[str]:
        words = {"complete": "COMPLETED", "failed": "FAILED", "aborted": "ABORTED"}
        return Counter({words[state]: count for state, count in self._graph.jobs[job].ended.items()})

    def jobs(self) -> set[Name]:
        return set(self._graph.jobs)


class MarquezAnswers:
    """Answers of a Marquez (its OpenAPI description, 0.50). :param url: of its HTTP API, without ``/api/v1``."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/api/v1"

    def datasets(self) -> set[Name]:
        return {
            (one["namespace"], one["name"])
            for namespace in self._namespaces()
            for one in self._all(f"/namespaces/{_part(namespace)}/datasets", "datasets")
        }

    def upstream(self, dataset: Name) -> set[Name]:
        """Walk the graph that Marquez returns around a dataset, against the direction of its edges."""
        start = f"dataset:{dataset[0]}:{dataset[1]}"
        nodes = {node["id"]: node for node in self._get(f"/lineage?nodeId={quote(start, safe='')}&depth=50")["graph"]}
        seen, waiting = {start}, [start]
        while waiting:
            found = {edge["origin"] for edge in nodes[waiting.pop()]["inEdges"]} - seen
            seen |= found
            waiting.extend(found)
        return {(nodes[one]["data"]["namespace"], nodes[one]["data"]["name"]) for one in seen if nodes[one]["type"] == "DATASET"}

    def facets(self, dataset: Name) -> dict[str, Any]:
        facets: dict[str, Any] = self._get(self._path("datasets", dataset))["facets"]
        return facets

    def producers(self, dataset: Name) -> set[str]:
        nodes = self._get(f"/lineage?nodeId={quote(f'dataset:{dataset[0]}:{dataset[1]}', safe='')}&depth=1")["graph"]
        [edges] = [node["inEdges"] for node in nodes if node["type"] == "DATASET" and _name(node["data"]) == dataset]
        return {edge["origin"].rpartition(":")[2] for edge in edges}

    def columns_above(self, dataset: Name, column: str) -> set[tuple[str, str]]:
        start = quote(f"datasetField:{dataset[0]}:{dataset[1]}:{column}", safe="")
        nodes = {node["id"]: node for node in self._get(f"/column-lineage?nodeId={start}&depth=50")["graph"]}
        found = {(node["data"]["dataset"], node["data"]["field"]) for node in nodes.values() if node["data"]}
        return found - {(dataset[1], column)}

    def documentation(self, job: Name) -> str:
        return str(self._get(self._path("jobs", job))["description"])

    def versions(self, dataset: Name) -> list[Version]:
        versions = self._all(f"{self._path('datasets', dataset)}/versions", "versions")
        return [Version(tuple(field["name"] for field in one["fields"]), _assertions(one.get("facets") or {})) for one in versions]

    def runs(self, job: Name) -> Counter[str]:
        return Counter(run["state"] for run in self._all(f"{self._path('jobs', job)}/runs", "runs"))

    def jobs(self) -> set[Name]:
        return {
            (one["namespace"], one["name"])
            for namespace in self._namespaces()
            for one in self._all(f"/namespaces/{_part(namespace)}/jobs", "jobs")
        }

    def _namespaces(self) -> list[str]:
        return [one["name"] for one in self._all("/namespaces", "namespaces")]

    def _path(self, kind: str, name: Name) -> str:
        return f"/namespaces/{_part(name[0])}/{kind}/{_part(name[1])}"

    def _all(self, path: str, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._get(f"{path}?limit=1000")[kind]
        return found

    def _get(self, path: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self._url}{path}", timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
            return found


def _name(dataset: dict[str, Any]) -> Name:
    return dataset["namespace"], dataset["name"]


def _part(name: str) -> str:
    return quote(name, safe="")


def _fields(facets: dict[str, Any]) -> tuple[str, ...]:
    return tuple(field["name"] for field in facets.get("schema", {}).get("fields", ()))


def _assertions(facets: dict[str, Any]) -> frozenset[tuple[str, str | None, bool]]:
    asserted = facets.get("dataQualityAssertions", {}).get("assertions", ())
    return frozenset((one["assertion"], one.get("column"), one["success"]) for one in asserted)
