"""The mixin that tells OpenLineage what a task read and wrote, for every operator and sensor alike."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.common import settings
from airflow_cv_dataops.common.arguments import forget_absent
from airflow_cv_dataops.common.partition import resolve_partition_key
from airflow_cv_dataops.common.places import path_text
from airflow_cv_dataops.core.lineage.events import to_openlineage
from airflow_cv_dataops.core.step_lineage import StepLineage

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors.base import OperatorLineage
    from airflow.sdk import Context
    from jinja2 import Environment

log = logging.getLogger(__name__)


class LineageMixin:
    """Implements the three methods that Airflow's OpenLineage provider asks an operator for.

    The provider calls them in a forked process, where the threads of other libraries are gone (an in-process API server's
    among them): nothing here opens a table or looks up a connection. What a task will read and write is worked out before,
    when its templates are rendered; what it found out is put into ``step_lineage`` by ``execute``.
    """

    path_fields: Sequence[str] = ()
    """Those template fields that may be given as a path: they are texts from ``__init__`` on, and again when an XCom has brought one."""

    what_it_does: str = ""
    """One sentence for people: what is read, done and written. It documents tasks that have no documentation of their own."""

    partition_key: str | None
    partition_format: str | None
    partition_timezone: str | None
    step_lineage: StepLineage | None = None
    resolved_partition_key: str | None = None
    lineage_plan: StepLineage | None = None
    _task_instance: Any = None

    def say_what_it_does(self) -> None:
        """Document the task, unless its author has: lineage would show the whole DAG's documentation for it."""
        if self.what_it_does and not any(getattr(self, name, None) for name in ("doc", "doc_md", "doc_json", "doc_yaml", "doc_rst")):
            self.doc_md = self.what_it_does

    def _do_render_template_fields(
        self, parent: Any, template_fields: Iterable[str], context: Context, jinja_env: Environment, seen_oids: set[int]
    ) -> None:
        """Render, take what rendered to nothing for not given, and plan the lineage while connections can still be looked up.

        Airflow calls this one for mapped tasks as well, which never see ``render_template_fields``.
        """
        super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)  # type: ignore[misc]
        if parent is not self:
            return
        forget_absent(self, template_fields)
        for name in self.path_fields:
            setattr(self, name, path_text(getattr(self, name)))
        self._task_instance = context.get("ti")
        try:
            self.resolved_partition_key = self.partition_key_of(context)
            self.lineage_plan = self.planned_lineage()
        except Exception as error:
            # Lineage must never be what a task fails of; where an argument is wrong or a connection not there, execute says so.
            from airflow_cv_dataops.common.reasons import SAY_IT_ALL

            log.warning("The lineage of this task cannot be planned", exc_info=not isinstance(error, SAY_IT_ALL))
            # A plan of nothing, so that it is not tried again in a fork, where a look-up may never return.
            self.lineage_plan = StepLineage(type(self).__name__)

    def partition_key_of(self, context: Context) -> str:
        """Return the partition key of this run."""
        return resolve_partition_key(context, self.partition_key, self.partition_format, self.partition_timezone)

    def planned_lineage(self) -> StepLineage:
        """Describe inputs and outputs as far as they are known before the task has run."""
        raise NotImplementedError

    def note_lineage(self, done: Callable[[], StepLineage]) -> None:
        """Keep for lineage what the task has done. What cannot be told is no reason to fail a task whose work is done."""
        try:
            self.step_lineage = done()
        except Exception:
            log.warning("The lineage of what this task has done cannot be told", exc_info=True)

    def get_openlineage_facets_on_start(self) -> OperatorLineage:
        """Declare the stable inputs and outputs."""
        return self._told(self._planned(), self._task_instance, complete=False)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage:
        """Report what the run read and wrote; a task that was skipped before it ran wrote nothing."""
        return self._told(self.step_lineage or replace(self._planned(), outputs=()), task_instance, complete=True)

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> OperatorLineage:
        """Report what the run read, with the assertions and gates that failed, and what it wrote before policy failed it.

        Where it broke off on its way nobody knows what it has written: no output is claimed.
        """
        return self.get_openlineage_facets_on_complete(task_instance)

    def _planned(self) -> StepLineage:
        return self.lineage_plan or self.planned_lineage()

    def _told(self, lineage: StepLineage, task_instance: Any, *, complete: bool) -> OperatorLineage:
        from airflow.providers.openlineage.extractors.base import OperatorLineage

        airflow, options = self._airflow_facts(task_instance), settings.lineage_options()
        parts = to_openlineage(lineage, complete=complete, airflow=airflow, options=options)
        return OperatorLineage(inputs=parts.inputs, outputs=parts.outputs, run_facets=parts.run_facets, job_facets=parts.job_facets)

    def _airflow_facts(self, task_instance: Any) -> dict[str, Any]:
        names = ("dag_id", "task_id", "run_id", "try_number", "map_index")
        facts = {name: getattr(task_instance, name, None) for name in names}
        return {**facts, "partition_key": self.resolved_partition_key}
