"""What a sampling is asked for: everything beside the dataset and the partition, as one value."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from airflow_cv_dataops.core.arguments import check_choice
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.imaging.measures.issues import QUALITY_ISSUES
from airflow_cv_dataops.core.sampling.arguments import check_labelled_in, check_sample_id, check_seed
from airflow_cv_dataops.core.sampling.batch.budget import Budget, budget_of
from airflow_cv_dataops.core.sampling.batch.quotas import Amount, check_amount, check_quotas, check_shares
from airflow_cv_dataops.core.sampling.scores.uncertainty import check_aggregate
from airflow_cv_dataops.core.sampling.units import AUTO, Units, check_scores
from airflow_cv_dataops.core.store.partition_keys import check_partition_key

CANDIDATES = ("unlabelled", "labelled")
MANIFESTS = ("jsonl", "csv", "coco")
ALL_PARTITIONS = "all"
_MOST_BITS = 64


@dataclass(frozen=True)
class SampleOptions:
    """See :func:`~airflow_cv_dataops.core.sampling.sample.sample_hard_examples`, which has the same arguments.

    :raises ConfigurationError: an argument cannot be used, or two of them do not go together.
    """

    strategy: str = AUTO
    scores: Mapping[str, float] | None = None
    model: str | None = None
    embedding_model: str | None = None
    budget: float = 100
    budget_unit: str = "images"
    cost: Mapping[str, float] | None = None
    max_per_class: Amount | None = None
    max_per: Mapping[str, Any] | None = None
    min_per: Mapping[str, Any] | None = None
    explore: float = 0.0
    near_duplicates: int | None = 4
    preselected: Sequence[str] = ()
    similar_to: Sequence[str] = ()
    candidates: str = "unlabelled"
    partitions: str | Sequence[str] | None = None
    leave_out_issues: Collection[str] = ()
    leave_out_queued: bool = True
    labelled_in: str = "partition"
    aggregate: str = "max"
    empty_score: float | None = 0.0
    seed: int | None = None
    sample_id: str = "hard_examples"
    manifest: str | None = "jsonl"
    custom: Sequence[Any] = field(default=())

    def __post_init__(self) -> None:
        self.units.check_strategy(self.strategy)
        check_scores(self.scores, self.strategy, self.units)
        check_aggregate(self.aggregate)
        _ = self.spending
        if self.max_per_class is not None:
            check_amount("max_per_class", self.max_per_class)
        for name, given in (("max_per", self.max_per), ("min_per", self.min_per)):
            if given is not None:
                check_quotas(name, given)
        check_shares(self.budget_unit, max_per_class=self.max_per_class, max_per=self.max_per, min_per=self.min_per)
        if self.max_per_class is not None and "category" in (self.max_per or {}):
            raise ConfigurationError("max_per_class and max_per['category'] both limit the categories: give one of them.")
        check_share("explore", self.explore)
        check_most_bits(self.near_duplicates)
        check_choice("candidates", self.candidates, CANDIDATES)
        check_partitions(self.partitions)
        check_issues(self.leave_out_issues)
        check_names("preselected", self.preselected)
        check_names("similar_to", self.similar_to)
        check_labelled_in(self.labelled_in)
        if self.empty_score is not None:
            check_share("empty_score", self.empty_score)
        check_seed(self.seed)
        check_sample_id(self.sample_id)
        if self.manifest is not None:
            check_choice("manifest", self.manifest, MANIFESTS)

    @cached_property
    def units(self) -> Units:
        """The scores and strategies that there are, the user's own among them."""
        return Units.with_custom(self.custom)

    @cached_property
    def spending(self) -> Budget:
        """The budget, with what an image costs."""
        return budget_of(self.budget, self.budget_unit, self.cost)

    @property
    def quotas(self) -> dict[str, tuple[Any, Any]]:
        """What limits each grouping: at most, at least."""
        most = {**(self.max_per or {}), **({} if self.max_per_class is None else {"category": self.max_per_class})}
        least = self.min_per or {}
        return {name: (most.get(name), least.get(name)) for name in (*most, *(name for name in least if name not in most))}


def check_share(name: str, share: Any) -> None:
    """:raises ConfigurationError: it is no number from 0 to 1."""
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
        raise ConfigurationError(f"{name}={share!r} is out of range: expected a number from 0 to 1.")


def check_most_bits(bits: Any) -> None:
    """:raises ConfigurationError: it is no number of bits of a hash. :param bits: ``None``: near duplicates are not looked for."""
    if bits is not None and (isinstance(bits, bool) or not isinstance(bits, int) or not 0 <= bits <= _MOST_BITS):
        raise ConfigurationError(f"near_duplicates={bits!r} cannot be used: expected a number of bits from 0 to {_MOST_BITS}, or None.")


def check_partitions(partitions: Any) -> None:
    """:raises ConfigurationError: they are neither ``all``, nor a list of partition keys."""
    if partitions is None or partitions == ALL_PARTITIONS:
        return
    if isinstance(partitions, str) or not partitions:
        raise ConfigurationError(f"partitions={partitions!r} cannot be used: expected a list of partition keys, or {ALL_PARTITIONS!r}.")
    for key in partitions:
        check_partition_key(key)


def check_issues(issues: Any) -> None:
    """:raises ConfigurationError: they are no list of names of quality issues."""
    if isinstance(issues, str):
        raise ConfigurationError(f"leave_out_issues={issues!r} cannot be used: expected a list of quality issues, e.g. ['blurry', 'dark'].")
    for issue in issues:
        check_choice("leave_out_issues: a quality issue", issue, QUALITY_ISSUES)


def check_names(name: str, names: Any) -> None:
    """:raises ConfigurationError: they are no list of texts, each of which names an image."""
    if isinstance(names, str) or not all(isinstance(one, str) for one in names):
        raise ConfigurationError(f"{name}={names!r} cannot be used: expected a list of images, by id, source URI or file name.")
