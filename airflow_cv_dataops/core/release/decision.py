"""A promotion as it was decided: its inputs, and the result that each outcome has."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from airflow_cv_dataops.core.release.candidate import in_short
from airflow_cv_dataops.core.release.candidate_metrics import OUTDATED_AUDITS, UNAUDITED_PARTITIONS
from airflow_cv_dataops.core.release.conditions import LEFT_OUT_RATIO, UNKNOWN_EXCLUSIONS
from airflow_cv_dataops.core.release.gates.gates import GateOutcome
from airflow_cv_dataops.core.release.gates.metric_names import SLICES, unsliced
from airflow_cv_dataops.core.release.move import Move
from airflow_cv_dataops.core.release.obstacles import Obstacle
from airflow_cv_dataops.core.release.reader import Release
from airflow_cv_dataops.core.step_lineage import DatasetUse, StepLineage
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.summary import OF_A_CHECK, Breach, StepResult, Summary, plain
from airflow_cv_dataops.core.wording import printable

log = logging.getLogger(__name__)

_MOST_TOLD = 5
LINEAGE_INPUTS = ("images", "annotations", "findings", "metrics", "rejects")


class Decision:
    """One promotion."""

    def __init__(self, dataset: Dataset, move: Move, partition_key: str | None) -> None:
        self._dataset = dataset
        self._move = move
        self._candidate = move.candidate
        self._outcomes = move.outcomes
        self._partition_key = partition_key

    @property
    def passed(self) -> bool:
        """Whether no gate stops it."""
        return not any(outcome.stops for outcome in self._outcomes)

    def row(self, name: str, sequence: int, now: datetime) -> dict[str, Any]:
        """Return the row of ``releases``, but for its snapshots."""
        candidate, move = self._candidate, self._move
        keys = candidate.partition_keys
        as_made = move.named
        return {
            "sequence": sequence,
            "release": name,
            "stage": move.stage,
            "parent": move.parent.name if move.parent else None,
            "content_id": candidate.content_id,
            "items_id": candidate.items_id,
            "gates": json.dumps([outcome.to_dict() for outcome in self._outcomes]),
            "metrics": json.dumps({outcome.gate.metric: move.known.get(outcome.gate.metric) for outcome in self._outcomes}),
            "measured": _json({**((as_made.measured() or {}) if as_made else {}), **plain(move.known)} or None),
            "splitting": _json(candidate.splitting),
            "exclusions": _json(list(candidate.exclusions) or None),
            "images": candidate.items.num_rows,
            "annotations": candidate.annotations,
            "labels_by": candidate.labels_by,
            "partition_keys": None if keys is None else json.dumps(list(keys), ensure_ascii=False),
            "action": "promotion",
            "allows_rolled_back": move.allows_rolled_back,
            "notes": move.notes,
            "dag_id": move.dag_id,
            "run_id": move.run_id,
            "created_at": now,
        }

    def promoted(self, release: Release, card_uri: str | None, seconds: float) -> StepResult:
        """:param card_uri: of the release's card."""
        self._log_gates()
        log.info(
            "%s of %s is now at %s (was at %s): %d images",
            *(self._move.stage, self._dataset.name, release.name, release.parent or "no release", release.images_count),
        )
        breach = self._breach(f"stage {self._move.stage!r} moved to {release.name} all the same")
        return self._result(release, seconds, card_uri=card_uri, breach=breach)

    def unchanged(self, seconds: float) -> StepResult:
        self._log_gates()
        return self._result(self._move.parent, seconds, unchanged=True)

    def stopped(self, obstacle: Obstacle, seconds: float) -> StepResult:
        """Nothing moves; where nothing is wrong the task is skipped."""
        return self._result(None, seconds, failure=f"{self._stays()}: {obstacle.why}.", skip=obstacle.skip)

    def refused(self, seconds: float, obstacle: Obstacle | None = None) -> StepResult:
        """:param obstacle: what would stop it as well if the gates held."""
        self._log_gates()
        stopping = [outcome for outcome in self._outcomes if outcome.stops]
        may_pass_later = self._move.named is None and obstacle is None and all(self._is_unsettled(outcome) for outcome in stopping)
        failed = [self._told(outcome) for outcome in stopping]
        failure = f"{'; '.join(failed)}: {len(failed)} of {len(self._outcomes)} gates failed, {self._stays()}"
        if any(outcome.stops and outcome.gate.metric == LEFT_OUT_RATIO for outcome in self._outcomes):
            failure += (
                " (these images tie together what earlier releases have in different splits: another split_salt draws all splits anew, a "
                "higher max_left_out_ratio leaves them out)"
            )
        if unknown := self._candidate.unknown_exclusions:
            failure += f" (nobody knows what would be left out by {'; '.join(unknown)})"
        by_audits = any(outcome.found is None and _goes_by_audits(outcome.gate.metric) for outcome in self._outcomes)
        if by_audits or (may_pass_later and self._candidate.unaudited):
            failure += self._why_unknown()
        elif may_pass_later and any(outcome.gate.metric == OUTDATED_AUDITS for outcome in stopping):
            failure += f" (outdated: audits of {in_short(self._candidate.stale)})"
        if by_audits:
            failure += self._which_are_idle()
        failure += self._where_missing()
        return self._result(None, seconds, failure=failure, breach=self._breach(self._stays()), may_pass_later=may_pass_later)

    def _is_unsettled(self, outcome: GateOutcome) -> bool:
        """Say whether a gate may hold once other runs are through with what they are at work on.

        While a partition is not audited as it is, that may be any gate, as its images may still wait for their labels, too; but for a
        dataset that nobody audits.
        """
        metric, candidate = outcome.gate.metric, self._candidate
        if outcome.found is not None and self._move.known.get(metric) != candidate.metrics.get(metric):
            return False  # somebody has handed it in
        if candidate.unaudited and (candidate.is_audited or any(_goes_by_audits(other.gate.metric) for other in self._outcomes)):
            return True
        if metric == OUTDATED_AUDITS:
            return bool(candidate.stale)
        if metric == UNKNOWN_EXCLUSIONS:
            return candidate.are_exclusions_unsettled
        return outcome.found is None and metric in candidate.not_everywhere

    def _log_gates(self) -> None:
        """Log a line for each gate: what was wanted, what was found, and what is behind it where it does not hold."""
        for outcome in self._outcomes:
            if outcome.passed:
                log.info("Gate holds: %s", outcome)
            elif outcome.stops:
                log.error("Gate failed: %s", self._told(outcome))
            else:
                log.warning("Gate that only warns does not hold: %s", self._told(outcome))

    def _told(self, outcome: GateOutcome) -> str:
        behind = "" if outcome.passed or outcome.found is None else self._candidate.behind.of(outcome.gate)
        return f"{outcome} ({behind})" if behind else str(outcome)

    def _breach(self, consequence: str) -> Breach | None:
        """Return what notifiers are told: the gates that do not hold, those first that stop the promotion; ``None`` where all hold."""
        broken = sorted((outcome for outcome in self._outcomes if not outcome.passed), key=lambda outcome: not outcome.stops)
        if not broken:
            return None
        where = f"{self._dataset.name}, partition {self._partition_key}" if self._partition_key else self._dataset.name
        more = [f"and {len(broken) - _MOST_TOLD:,} more"] if len(broken) > _MOST_TOLD else []
        warning = sum(not outcome.stops for outcome in broken)
        only = f" ({warning} of which only {'warns' if warning == 1 else 'warn'})" if warning and warning < len(broken) else ""
        head = f"{where}: {len(broken)} of {len(self._outcomes)} gates do not hold{only}, {consequence}"
        problems = tuple(
            {"check": outcome.gate.metric, "severity": outcome.gate.severity, "message": self._told(outcome)} for outcome in broken
        )
        return Breach("\n".join([head, *(problem["message"] for problem in problems[:_MOST_TOLD]), *more]), problems)

    def _stays(self) -> str:
        return f"stage {self._move.stage!r} stays at {self._move.parent.name if self._move.parent else 'no release'}"

    def _why_unknown(self) -> str:
        """Say why what audits find may be unknown, and of which partitions."""
        outdated = self._candidate.outdated or ()
        never = [key for key in self._candidate.unaudited if key not in outdated]
        why = []
        if never:
            advice = f": audit {_them(never)}, or leave_out_unaudited" if self._move.named is None else ""
            why.append(f"no audit has looked at {in_short(never)} in every label set{advice}")
        if outdated:
            why.append(
                f"the audits of {in_short(outdated)} are older than the images, labels or predictions that they looked at: audit again, "
                "or accept_outdated_audits"
            )
        return f" (what audits find is unknown: {'; '.join(why)})" if why else ""

    def _where_missing(self) -> str:
        """Name the partitions that lack what a gate asks for and others have."""
        if self._candidate.unaudited:  # that says it for all
            return ""
        asked = [outcome.gate.metric for outcome in self._outcomes if outcome.stops and outcome.found is None]
        missing = self._candidate.not_everywhere
        return "".join(f" ({printable(metric)} is missing in {in_short(missing[metric])})" for metric in asked if metric in missing)

    def _which_are_idle(self) -> str:
        """Say which checks that gates ask for had nothing to look at: that they found nothing says nothing."""
        asked = {outcome.gate.metric for outcome in self._outcomes if outcome.stops and outcome.found is None}
        idle = [check for check in self._candidate.idle_checks if f"findings.{check}" in asked]
        return f" ({', '.join(idle)} had nothing to check in any of the {self._candidate.partitions} partitions)" if idle else ""

    def empty(self, seconds: float, obstacle: Obstacle | None = None) -> StepResult:
        where = f"dataset {self._dataset.name!r}, or none in the chosen partitions"
        failure = f"There is no image to release in {where}: run an ingest first."
        if left_out := self._candidate.left_out:
            which = in_short(left_out)
            failure = f"There is no image to release: no audit has looked at {which} as they are now, and leave_out_unaudited is set"
        return self._result(None, seconds, failure=failure, may_pass_later=bool(left_out) and obstacle is None)

    def _result(
        self,
        release: Release | None,
        seconds: float,
        *,
        unchanged: bool = False,
        failure: str | None = None,
        skip: bool = False,
        may_pass_later: bool = False,
        card_uri: str | None = None,
        breach: Breach | None = None,
    ) -> StepResult:
        candidate, snapshots, metrics = self._candidate, self._candidate.snapshots, self._metrics()
        releases_snapshot = self._dataset.snapshot_id("releases")
        facts: dict[str, Any] = {
            "release": release.name if release else None,
            "stage": self._move.stage,
            "parent": (release.parent if release else None) if not failure else (self._move.parent.name if self._move.parent else None),
            "contentId": candidate.content_id,
            "images": candidate.items.num_rows,
            "annotations": candidate.annotations,
            "unchanged": unchanged,
            "splits": candidate.splits,
            "snapshots": dict(snapshots),
            "action": "promotion",
            "excludedImages": sum(rule["images"] for rule in candidate.exclusions),
            "excludedLabels": sum(rule["labels"] for rule in candidate.exclusions),
            **({"reportUri": card_uri} if card_uri else {}),
        }
        summary = Summary(
            dataset=self._dataset.name,
            partition_key=self._partition_key,
            snapshot_id=releases_snapshot,
            counts={
                "images": candidate.items.num_rows,
                "annotations": candidate.annotations,
                "partitions": candidate.partitions,
                "partitions_left_out": len(candidate.left_out),
                "partitions_outdated": None if candidate.outdated is None else len(candidate.outdated),
                "splits": candidate.splits,
                "excluded_images": facts["excludedImages"],
                "excluded_labels": facts["excludedLabels"],
                "checks_without_findings": sum(not value for name, value in metrics.items() if OF_A_CHECK.match(name)),
                "checks_with_nothing_to_check": len(candidate.idle_checks),
            },
            metrics=metrics,
            report_uri=card_uri,
            duration_seconds=seconds,
            details={
                "release": facts["release"],
                "stage": self._move.stage,
                "action": "promotion",
                "parent": facts["parent"],
                "unchanged": unchanged,
                "promoted": release is not None and not unchanged,
                "content_id": candidate.content_id,
                "gates": [outcome.to_dict() for outcome in self._outcomes],
                "splitting": None if candidate.splitting is None else dict(candidate.splitting),
                "exclusions": [dict(rule) for rule in candidate.exclusions],
            },
        )
        outputs = self._outputs(release, releases_snapshot, unchanged) if release else ()
        lineage = self._lineage(facts, outputs)
        return StepResult(summary, lineage, failure=failure, skip=skip, breach=breach, may_pass_later=may_pass_later)

    def _metrics(self) -> dict[str, float]:
        """Return the metrics for the summary, the one that matters most first: those of one value, and of the whole."""
        found = {name: value for name, value in self._candidate.metrics.items() if isinstance(value, (int, float)) and "[" not in name}
        return {name: found[name] for name in sorted(found, key=lambda name: name != "label_error_rate")}

    def _outputs(self, release: Release, releases_snapshot: str | None, unchanged: bool) -> tuple[DatasetUse, ...]:
        """Describe what was written.

        Where the content was unchanged that is no row: without an output Marquez would hide the job's edges.
        """
        snapshots = {**release.snapshots, "releases": releases_snapshot}
        rows = {"releases": 1, "release_items": self._candidate.items.num_rows}
        return tuple(
            self._dataset.table_use(table, snapshot_id=snapshots.get(table), rows=0 if unchanged else rows[table])
            for table in promotion_outputs(is_named=self._move.named is not None)
        )

    def _lineage(self, facts: Mapping[str, Any], outputs: tuple[DatasetUse, ...]) -> StepLineage:
        uses = promotion_inputs(self._dataset, self._candidate.snapshots)
        gates = tuple(
            {
                "name": str(outcome.gate),
                "status": "pass" if outcome.passed else "fail",
                "severity": outcome.gate.severity,
                "expected": f"{outcome.gate.op} {outcome.gate.wanted_text()}",
                "actual": "" if outcome.found is None else f"{outcome.found:g}",
            }
            for outcome in self._outcomes
        )
        return StepLineage(step="promotion", inputs=uses, outputs=outputs, facts=facts, gates=gates)


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _them(keys: Sequence[str]) -> str:
    return "it" if len(keys) == 1 else "them"


def _goes_by_audits(metric: str) -> bool:
    name = unsliced(metric)
    if name is not None and name.dimension in SLICES.get(name.metric, ()):
        metric = name.metric
    return metric in ("label_error_rate", UNAUDITED_PARTITIONS) or metric.startswith(("findings", "audit:"))


def promotion_inputs(dataset: Dataset, snapshots: Mapping[str, str]) -> tuple[DatasetUse, ...]:
    """Describe what a promotion reads: the tables that there are."""
    return tuple(dataset.table_use(table, snapshot_id=snapshots[table]) for table in LINEAGE_INPUTS if table in snapshots)


def promotion_outputs(*, is_named: bool) -> tuple[str, ...]:
    """Return the tables that a promotion writes. :param is_named: a stage moves to a release that there is: no images are written."""
    return ("releases",) if is_named else ("releases", "release_items")
