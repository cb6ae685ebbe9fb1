"""The Iceberg tables of one dataset: found, made, widened, and changed in commits that may race."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.store.catalog import CatalogConfig, load
from airflow_cv_dataops.core.store.schema import TABLES, TableModel, iceberg_schema

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

log = logging.getLogger(__name__)

_ATTEMPTS = 200
_LONGEST_WAIT_SECONDS = 2.0

# Concurrent commits are normal in a backfill. Eight processes with three commits each on one SQLite catalog: PyIceberg's
# default of 4 retries lost 2 of 24 commits; with these none was lost.
_TABLE_PROPERTIES = {
    "commit.retry.num-retries": "100",
    "commit.retry.min-wait-ms": "20",
    "commit.retry.max-wait-ms": "2000",
    "commit.retry.total-timeout-ms": "600000",
    "write.parquet.compression-codec": "zstd",
    # A path with the partition key in it would be too long for a file system: a key of 250 characters, percent-encoded.
    "write.object-storage.enabled": "true",
    "write.object-storage.partitioned-paths": "false",
    "write.metadata.previous-versions-max": "100",
    "write.metadata.delete-after-commit.enabled": "true",
}
# Promotion is compare-and-set: a lost race must be decided again, never retried as it is.
_RELEASES_PROPERTIES = {**_TABLE_PROPERTIES, "commit.retry.num-retries": "0"}


class Tables:
    """The tables below one namespace of a catalog.

    :param namespace: the dataset's name.
    """

    def __init__(self, namespace: str, config: CatalogConfig) -> None:
        self._namespace = namespace
        self._config = config
        self._catalog: Catalog | None = None

    @property
    def catalog(self) -> Catalog:
        if self._catalog is None:
            self._catalog = load(self._config)
        return self._catalog

    def identifier(self, table: str) -> str:
        """The table's name in the catalog."""
        return f"{self._namespace}.{table}"

    def find(self, table: str) -> Table | None:
        """Return the Iceberg table, or ``None`` where it does not exist yet."""
        from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError

        try:
            return self.catalog.load_table(self.identifier(table))
        except (NoSuchTableError, NoSuchNamespaceError):
            return None

    def ensure(self, table: str) -> Table:
        """Return the Iceberg table, made or widened to the data model where needed."""
        found = self.find(table)
        if found is None:
            return self._create(TABLES[table])
        if missing := [name for name in TABLES[table].column_names if name not in found.schema().column_names]:
            log.info("Adding columns %s to %s", ", ".join(missing), self.identifier(table))
            with found.update_schema() as update:
                update.union_by_name(iceberg_schema(table))
        return found

    def _create(self, model: TableModel) -> Table:
        from pyiceberg.exceptions import NamespaceAlreadyExistsError, TableAlreadyExistsError
        from pyiceberg.partitioning import PartitionField, PartitionSpec
        from pyiceberg.transforms import IdentityTransform
        from sqlalchemy.exc import IntegrityError, OperationalError

        schema = iceberg_schema(model.name)
        spec = PartitionSpec(
            *(
                PartitionField(schema.find_field(name).field_id, 1000 + position, IdentityTransform(), name)
                for position, name in enumerate(model.partitioned_by)
            )
        )
        properties = {**(_RELEASES_PROPERTIES if model.name == "releases" else _TABLE_PROPERTIES), "comment": model.doc}
        try:
            try:
                self.catalog.create_namespace_if_not_exists(self._namespace)
            except (NamespaceAlreadyExistsError, IntegrityError, OperationalError) as error:
                log.debug("Namespace %s was made by someone else: %s", self._namespace, error)
            return self.catalog.create_table(
                self.identifier(model.name),
                schema=schema,
                partition_spec=spec,
                location=self._config.table_location(self._namespace, model.name),
                properties=properties,
            )
        except (TableAlreadyExistsError, IntegrityError):
            found = self.find(model.name)
            if found is None:
                raise
            return found

    def commit(self, table: str, change: Callable[[Table], None]) -> str:
        """Change a table in one commit and return the new snapshot id; a lost race is worked out again on what is there then."""
        from pyiceberg.exceptions import CommitFailedException, ValidationException

        started = time.monotonic()
        for attempt in range(_ATTEMPTS):
            current = self.ensure(table)
            try:
                change(current)
            except (CommitFailedException, ValidationException) as error:
                # Someone else replaced this very partition meanwhile: work it out again on what is there now.
                if attempt == _ATTEMPTS - 1:
                    raise
                log.debug("Commit to %s lost a race (%s); attempt %d", self.identifier(table), error, attempt + 2)
                time.sleep(random.uniform(0, min(0.05 * 2 ** min(attempt, 6), _LONGEST_WAIT_SECONDS)))  # noqa: S311 (jitter)
                continue
            log.debug("Committed to %s in %.2f s", self.identifier(table), time.monotonic() - started)
            snapshot_id = current_snapshot_id(current)
            assert snapshot_id is not None
            return snapshot_id
        raise AssertionError("unreachable")


def current_snapshot_id(table: Table) -> str | None:
    """Return the table's current snapshot id as a string; ``None`` where it has none."""
    snapshot = table.current_snapshot()
    return None if snapshot is None else str(snapshot.snapshot_id)
