"""Images taken out of what releases, tags and branches hold: each snapshot gets a twin without them, which takes its place."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.deletion.data_files import Rewriting, replace_files
from airflow_cv_dataops.core.deletion.named import NamedImages
from airflow_cv_dataops.core.errors import DatasetNotFoundError
from airflow_cv_dataops.core.release.held_annotations import read_annotations
from airflow_cv_dataops.core.release.lookup import release_among
from airflow_cv_dataops.core.release.reader import Release, place_of
from airflow_cv_dataops.core.release.refs import write_release_refs
from airflow_cv_dataops.core.release.snapshot_reader import SnapshotReader
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.files import files_of_rows, overwrite
from airflow_cv_dataops.core.store.refs import Refs, write_refs

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.table import Table

log = logging.getLogger(__name__)

BRANCH = "erasing-"

Twins = Mapping[str, Mapping[int, int]]
"""By table, the snapshots that are held, and the ones without the images that take their place."""


def make_twin(dataset: Dataset, rewriting: Rewriting, snapshot_id: int) -> int:
    """Make a snapshot's twin on a branch of its own, which holds it until it has taken the snapshot's place; return its id."""
    branch = f"{BRANCH}{snapshot_id}"

    def at(found: Table) -> int:
        return found.metadata.refs[branch].snapshot_id

    write_refs(dataset, rewriting.table, lambda there: Refs() if branch in there else Refs(branches={branch: snapshot_id}))

    def change(found: Table) -> None:
        old, new = rewriting.of_snapshot(found, at(found))
        if old:
            replace_files(found, branch, old, new)

    dataset.change_table(rewriting.table, change)
    now = dataset.load_table(rewriting.table)
    assert now is not None
    return at(now)


def put_twins_in_place(dataset: Dataset, twins: Twins, named: NamedImages) -> set[str]:
    """Let releases, tags and branches hold the twins; return the names of the releases that held one of the images.

    The rows of ``releases`` are written anew in one commit, then the refs follow. Who is killed in between begins again: the rows say what
    has been done. They are written anew also where none changes: so a promotion that is under way, and has read what was there before, has
    lost its race, and decides on what is there now.
    """
    import pyarrow as pa

    changed: set[str] = set()

    def change(found: Table) -> None:
        changed.clear()
        whole = _rows_now(found)
        rows = whole.to_pylist()
        counts: dict[tuple[str, str], tuple[int, int]] = {}
        for row in rows:
            if _put_in_place(dataset, row, twins, named, counts):
                changed.add(row["release"])
        if rows:
            overwrite(found, {}, files_of_rows(found, [pa.Table.from_pylist(rows, schema=whole.schema)]))

    if dataset.load_table("releases") is not None:
        dataset.change_table("releases", change)
    for table, by_snapshot in twins.items():
        write_refs(dataset, table, partial(_moved, dataset, table, by_snapshot))
    write_release_refs(dataset)
    return changed


def drop_branches(dataset: Dataset, tables: Sequence[str]) -> None:
    """Drop the branches that held the twins."""
    for table in tables:
        write_refs(dataset, table, lambda at: Refs(gone=[name for name in at if name.startswith(BRANCH)]))


def _moved(dataset: Dataset, table: str, twins: Mapping[int, int], at: Any) -> Refs:
    """Return the refs of other people's that name a snapshot with a twin, each at the twin."""
    found = dataset.load_table(table)
    assert found is not None
    tags: dict[str, int] = {}
    branches: dict[str, int] = {}
    for name, ref in found.metadata.refs.items():
        if name != "main" and not name.startswith(BRANCH) and ref.snapshot_id in twins:
            kind = branches if ref.snapshot_ref_type == "branch" else tags
            kind[name] = twins[ref.snapshot_id]
    return Refs(tags, branches)


def _rows_now(found: Table) -> pa.Table:
    """Return the rows of ``releases`` with every column that the table has, in their order."""
    return found.scan().to_arrow().sort_by("sequence")


def _put_in_place(
    dataset: Dataset, row: dict[str, Any], twins: Twins, named: NamedImages, counts: dict[tuple[str, str], tuple[int, int]]
) -> bool:
    """Change a row of ``releases``; say whether the release held one of the images. :param counts: what was counted of it already."""
    held = json.loads(row["snapshots"])
    now = {table: str(twins.get(table, {}).get(int(snapshot), int(snapshot))) for table, snapshot in held.items()}
    if now == held:
        return False
    key = (row["release"], row["snapshots"])
    if key not in counts:
        release = release_among(dataset, row["release"], [{**row, "snapshots": held}])
        assert release is not None
        counts[key] = _held_of(release, named)
    images, annotations = counts[key]
    row["snapshots"] = json.dumps(now, sort_keys=True)
    row["images"] -= images
    row["annotations"] -= annotations
    if images:
        row["erased_images"] = (row["erased_images"] or 0) + images
    return bool(images or annotations)


def _held_of(release: Release, named: NamedImages) -> tuple[int, int]:
    """Return how many of the images a release holds, and how many labels of them."""
    import pyarrow.compute as pc

    from airflow_cv_dataops.core.release.held_labels import is_background

    try:
        every = release.items()
    except DatasetNotFoundError:  # its snapshot was expired by force
        log.warning("Release %s of %s cannot be read any more", release.name, release.dataset.name)
        return 0, 0
    items = every.filter(named.mask("release_items", every.select(["image_id"])))
    if "annotations" not in release.snapshots or not (items.num_rows or release.labels_by is None):
        return items.num_rows, 0
    reader = SnapshotReader(release.dataset, release.snapshots, release.partition_keys)
    if release.labels_by is not None:
        rows = read_annotations(reader, items, ["task"], release.excluded())
    else:  # by place: a label counts where its image's row stands, whatever image id it has
        rows = reader.rows("annotations", ["partition_key", "source_uri", "task", "image_id"])
        place = place_of(rows)
        is_held = pc.is_in(place, value_set=place_of(every).combine_chunks())
        goes = pc.or_(named.mask("annotations", rows), pc.is_in(place, value_set=place_of(items).combine_chunks()))
        rows = rows.filter(pc.and_(is_held, goes))
    return items.num_rows, rows.num_rows - int(is_background(rows).sum())
