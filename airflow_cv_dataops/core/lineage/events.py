"""From what a step says about itself to the parts of an OpenLineage event.

Opens nothing and imports nothing but the client, so that it may run in the process that the OpenLineage provider forks
for each event, where the threads of Arrow and of object stores are gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_cv_dataops.core.lineage.options import DEFAULT_OPTIONS, LineageOptions
from airflow_cv_dataops.core.step_lineage import StepLineage

if TYPE_CHECKING:
    from openlineage.client.event_v2 import Dataset, InputDataset, OutputDataset
    from openlineage.client.facet_v2 import JobFacet, RunFacet

_D = TypeVar("_D", bound="Dataset")

_GATE_STATUS = {"passed": "pass", "failed": "fail", "skipped": "skip", "true": "pass", "false": "fail"}

# Steps whose findings are about a partition as a whole: no column of theirs is a column of what they read.
_OF_PARTITIONS = ("health",)


@dataclass(frozen=True)
class OpenLineageParts:
    """What the Airflow provider's ``OperatorLineage`` takes, without importing Airflow."""

    inputs: list[InputDataset] = field(default_factory=list)
    outputs: list[OutputDataset] = field(default_factory=list)
    run_facets: dict[str, RunFacet] = field(default_factory=dict)
    job_facets: dict[str, JobFacet] = field(default_factory=dict)


def to_openlineage(
    lineage: StepLineage, *, complete: bool, airflow: Mapping[str, Any] | None = None, options: LineageOptions = DEFAULT_OPTIONS
) -> OpenLineageParts:
    """Describe a step that starts (``complete=False``) or has done its work (``complete=True``).

    START names the same inputs and outputs, with byte-identical static facets, as COMPLETE does; COMPLETE adds what the
    run found out: versions, statistics, quality, subsets, the step's own facet and its gates.

    :param airflow: ``dag_id``, ``task_id``, ``run_id``, ``try_number``, ``map_index`` and ``partition_key`` of the run.
    :param options: what the deployment decides about its events.
    """
    from airflow_cv_dataops.core.lineage.datasets import input_dataset, output_dataset
    from airflow_cv_dataops.core.lineage.facets import PRODUCER, run_facet, step_facet

    run_facets = {**(run_facet(lineage.step, airflow) if airflow else {}), **_execution_parameters(lineage.parameters, PRODUCER)}
    if complete:
        run_facets |= {**step_facet(lineage.step, lineage.facts), **_tests(lineage.gates, PRODUCER)}
    followed = () if lineage.step in _OF_PARTITIONS else lineage.inputs
    return OpenLineageParts(
        inputs=_once(input_dataset(use, producer=PRODUCER, complete=complete, options=options) for use in lineage.inputs),
        outputs=_once(output_dataset(use, followed, producer=PRODUCER, complete=complete, options=options) for use in lineage.outputs),
        run_facets=run_facets,
        job_facets=_job_type(PRODUCER),
    )


def _once(datasets: Iterable[_D]) -> list[_D]:
    """Return each dataset once, the last of its name: consumers keep one per name and event."""
    return list({(dataset.namespace, dataset.name): dataset for dataset in datasets}.values())


def _execution_parameters(parameters: Mapping[str, Any], producer: str) -> dict[str, RunFacet]:
    from airflow_cv_dataops.core.lineage.values import json_value, text

    client = _client_facets("execution_parameters_run")
    if client is None or not parameters:
        return {}
    listed = [client.ExecutionParameter(key=key, value=text(value)) for key, value in json_value(parameters).items()]
    return {"executionParameters": client.ExecutionParametersRunFacet(parameters=listed, producer=producer)}


def _tests(gates: Sequence[Mapping[str, Any]], producer: str) -> dict[str, RunFacet]:
    """Every gate as one test of the run; a failed one blocks, so its severity is ``error`` unless the gate says otherwise."""
    from airflow_cv_dataops.core.lineage.values import MAX_ENTRIES, text

    client = _client_facets("test_run")
    if client is None or not gates:
        return {}
    tests = [
        client.TestExecution(
            name=text(gate.get("name")) or "gate",
            status=_gate_status(gate.get("status")),
            severity=text(gate.get("severity")) or "error",
            type="gate",
            description=text(gate.get("description")),
            expected=text(gate.get("expected")),
            actual=text(gate.get("actual")),
        )
        for gate in gates[:MAX_ENTRIES]
    ]
    return {"test": client.TestRunFacet(tests=tests, producer=producer)}


def _gate_status(status: Any) -> str:
    word = str(status).lower()
    return _GATE_STATUS.get(word, word)


def _job_type(producer: str) -> dict[str, JobFacet]:
    """Equal to what the Airflow provider says of every task, all three fields (Marquez drops the facet without one of them)."""
    from openlineage.client.facet_v2 import job_type_job

    return {"jobType": job_type_job.JobTypeJobFacet(processingType="BATCH", integration="AIRFLOW", jobType="TASK", producer=producer)}


def _client_facets(module: str) -> Any:
    """Return a module of the client's facets; ``None`` where the client is older (executionParameters: 1.43, test: 1.46)."""
    try:
        return import_module(f"openlineage.client.generated.{module}")
    except ModuleNotFoundError:
        return None
