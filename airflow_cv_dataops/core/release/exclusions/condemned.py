"""What the findings of a release's partitions condemn, by its rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.audit.checks import BUILT_IN_CHECKS
from airflow_cv_dataops.core.release.exclusions.excluded import Excluded
from airflow_cv_dataops.core.release.exclusions.labels_meant import with_copies, with_images
from airflow_cv_dataops.core.release.exclusions.rules import Exclusion
from airflow_cv_dataops.core.release.image_index import ImageIndex
from airflow_cv_dataops.core.release.recorded import Recorded
from airflow_cv_dataops.core.release.snapshot_reader import SnapshotReader
from airflow_cv_dataops.core.store.schema import SEVERITIES
from airflow_cv_dataops.core.wording import few

if TYPE_CHECKING:
    import pyarrow as pa

_FINDING_COLUMNS = ("partition_key", "audit", "check", "severity", "image_id", "annotation_id")
_MOST_NAMED = 5
COLUMNS = ("rule", "check", "severity", "image_id", "partition_key", "annotation_id")


@dataclass(frozen=True)
class Condemned:
    """Images and labels that are left out.

    :param rows: ``COLUMNS``; one row an image (annotation_id null) or label, by the first rule that takes it, in the order of image ids.
    :param found: the checks that have any finding in these partitions.
    """

    rows: pa.Table
    found: frozenset[str] = frozenset()
    excluded: Excluded = field(default_factory=Excluded)

    def unknown(self, rules: Sequence[Exclusion], recorded: Recorded, partitions: set[str]) -> list[str]:
        """Return why nobody can say what a rule would leave out, in sentences; none where it is known of every rule.

        :param partitions: that the release is made of: a check that did not run in one of them may have condemned something there.
        """
        return [why for rule in rules if (why := _why_unknown(rule, recorded, partitions, self.found))]

    def passes_later(self, rules: Sequence[Exclusion], recorded: Recorded, partitions: set[str], lacking: Iterable[str]) -> bool:
        """Say whether every rule of which nobody knows what it leaves out only waits for checks to run where they have not.

        :param lacking: metrics that some partitions lack and others have.
        """
        checks = [name.removeprefix("findings.") for name in lacking if name.startswith("findings.")]
        unknown = [rule for rule in rules if _why_unknown(rule, recorded, partitions, self.found)]
        return all(any(fnmatchcase(check, rule.check) for check in checks) for rule in unknown)

    def counts(self, rules: Sequence[Exclusion]) -> list[dict[str, Any]]:
        """Return how many images and labels each rule takes, in the order of the rules."""
        images: Counter[str] = Counter()
        labels: Counter[str] = Counter()
        for rule, label in zip(self.rows["rule"].to_pylist(), self.rows["annotation_id"].is_valid().to_pylist(), strict=True):
            (labels if label else images)[rule] += 1
        return [{"rule": str(rule), "images": images[str(rule)], "labels": labels[str(rule)]} for rule in rules]


def condemned_by(
    reader: SnapshotReader, rules: Sequence[Exclusion], recorded: Recorded, index: ImageIndex, *, has_copies: bool
) -> Condemned:
    """Ask the findings of the reader's partitions.

    :param index: of the release's images; findings about others are about nothing that it could hold.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    if not rules:
        return Condemned(schema.empty_table(), excluded=Excluded())
    seen: set[str] = set()
    findings = map(recorded.up_to_date, reader.batches("findings", _FINDING_COLUMNS))
    parts = [part for batch in findings for part in _meant(batch, rules, seen)]
    rows = with_images(reader, pa.concat_tables([schema.empty_table(), *(part.select(list(COLUMNS)).cast(schema) for part in parts)]))
    about = rows.filter(pa.array(index.of(rows["image_id"]) >= 0))
    rows = _once(_taken(about, rules), rules)
    if has_copies:
        rows = _once(with_copies(reader, rows), rules)
    # Findings of a label of an image that is left out may name the label alone.
    whole = rows.filter(pc.is_null(rows["annotation_id"]))["image_id"].unique()
    of_images = about.filter(pc.is_in(about["image_id"], value_set=whole)).select(rows.column_names)
    return Condemned(rows, frozenset(seen), Excluded.of(pa.concat_tables([rows, of_images])))


def _meant(findings: pa.Table, rules: Sequence[Exclusion], seen: set[str]) -> Iterator[pa.Table]:
    """Yield the findings that each of the rules goes by, with the rule."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kinds = findings.select(["check", "severity"]).group_by(["check", "severity"]).aggregate([]).to_pylist()
    seen.update(kind["check"] for kind in kinds)
    for rule in rules:
        matching = [f"{kind['check']}\n{kind['severity']}" for kind in kinds if rule.matches(kind["check"], kind["severity"])]
        if not matching:
            continue
        of_kind = pc.is_in(pc.binary_join_element_wise(findings["check"], findings["severity"], "\n"), value_set=pa.array(matching))
        rows = findings.filter(of_kind)
        yield rows.append_column("rule", pa.array([str(rule)] * rows.num_rows, pa.string()))


def _taken(findings: pa.Table, rules: Sequence[Exclusion]) -> pa.Table:
    """Return what rules take of what findings are about: of rules on images the image, of rules on labels the label, if there is one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    of_images = pc.is_in(findings["rule"], value_set=pa.array([str(rule) for rule in rules if rule.what == "images"], pa.string()))
    annotations = pc.if_else(of_images, pa.scalar(None, pa.string()), findings["annotation_id"])
    findings = findings.set_column(findings.schema.get_field_index("annotation_id"), "annotation_id", annotations)
    return findings.filter(pc.or_(of_images, pc.is_valid(annotations)))


def _once(rows: pa.Table, rules: Sequence[Exclusion]) -> pa.Table:
    """Return each image and each label once, with the first rule that takes it; labels of images that are left out go without saying."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    images = pc.is_null(rows["annotation_id"])
    out = rows.filter(images)["image_id"].combine_chunks()
    rows = rows.filter(pc.or_(images, pc.invert(pc.is_in(rows["image_id"], value_set=out))))
    number = {str(rule): at for at, rule in enumerate(rules)}
    turn = pa.array([number[rule] for rule in rows["rule"].to_pylist()], pa.int64())
    order = [(name, "ascending") for name in ("image_id", "label_key", "turn", "partition_key", "check")]
    of_label = pc.binary_join_element_wise(rows["partition_key"], rows["annotation_id"], "\n")
    rows = rows.append_column("turn", turn).append_column("label_key", pc.fill_null(of_label, "")).sort_by(order)
    keys = np.array(pc.binary_join_element_wise(rows["image_id"], rows["label_key"], "\n").to_pylist(), object)
    is_first = np.ones(len(keys), bool)
    is_first[1:] = keys[1:] != keys[:-1]
    return rows.filter(pa.array(is_first)).select(list(COLUMNS))


def _why_unknown(rule: Exclusion, recorded: Recorded, partitions: set[str], seen: frozenset[str]) -> str | None:
    """Say why nobody knows what the rule would leave out; ``None`` where somebody does."""
    if unaudited := partitions - recorded.audited:
        return f"{rule}: no audit has looked at {few(sorted(unaudited), _MOST_NAMED)} as they are"
    if rule.check == "*":
        return None
    ran: Mapping[str, set[str]] = recorded.looked_for
    meant = [check for check in {*ran, *seen} if fnmatchcase(check, rule.check)]
    if not meant:
        if rule.check in {check.id for check in BUILT_IN_CHECKS}:
            return f"{rule}: no audit ran this check (those that go by predictions need some)"
        closest = get_close_matches(rule.check, sorted({*ran, *seen, *SEVERITIES}), n=1)
        return f"{rule}: no audit ran a check of that name" + (f"; did you mean {closest[0]}?" if closest else "")
    # Those of an import have no list of where they ran.
    for check in sorted(set(meant) & ran.keys()):
        if missing := partitions - ran[check]:
            return f"{rule}: {check} did not run in {few(sorted(missing), _MOST_NAMED)}"
    return None
