"""The Iceberg tables of one dataset: found, made, widened, and changed in commits that may race."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.errors import DatasetNotFoundError
from airflow_cv_dataops.core.store.catalog import CatalogConfig, load, open_existing
from airflow_cv_dataops.core.store.former_names import check_former_names
from airflow_cv_dataops.core.store.model.table_model import TableModel
from airflow_cv_dataops.core.store.patience import Patience
from airflow_cv_dataops.core.store.schema import TABLES, iceberg_schema
from airflow_cv_dataops.core.store.uris import table_location
from airflow_cv_dataops.core.wording import duration

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

log = logging.getLogger(__name__)

# Concurrent commits are normal in a backfill. Eight processes with three commits each on one SQLite catalog: PyIceberg's
# default of 4 retries lost 2 of 24 commits; with these none was lost. They are for other programs: this one tries again itself.
_TABLE_PROPERTIES = {
    "commit.retry.num-retries": "100",
    "commit.retry.min-wait-ms": "20",
    "commit.retry.max-wait-ms": "2000",
    "commit.retry.total-timeout-ms": "600000",
    "write.parquet.compression-codec": "zstd",
    # A path with the partition key in it would be too long for a file system: a key of 250 characters, percent-encoded.
    "write.object-storage.enabled": "true",
    "write.object-storage.partitioned-paths": "false",
    "write.metadata.previous-versions-max": "20",
    "write.metadata.delete-after-commit.enabled": "true",
}
# Promotion is compare-and-set: a lost race must be decided again, never retried as it is.
_WORTH_TELLING_SECONDS = 1.0
_RELEASES_PROPERTIES = {**_TABLE_PROPERTIES, "commit.retry.num-retries": "0"}


class Tables:
    """The tables below one namespace of a catalog.

    :param namespace: the dataset's name.
    """

    def __init__(self, namespace: str, config: CatalogConfig) -> None:
        self._namespace = namespace
        self._config = config
        self._catalog: Catalog | None = None
        self._patience = Patience()

    def identifier(self, table: str) -> str:
        """The table's name in the catalog."""
        return f"{self._namespace}.{table}"

    def find(self, table: str) -> Table | None:
        """Return the Iceberg table, or ``None`` where it does not exist yet; nothing is made.

        :raises ConfigurationError: the catalog has tables of the dataset under another name.
        """
        from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError

        from airflow_cv_dataops.core.store.transactions import sharing_snapshots

        catalog = self._existing_catalog()
        if catalog is None:
            return None
        try:
            found = catalog.load_table(self.identifier(table))
        except (NoSuchTableError, NoSuchNamespaceError):
            check_former_names(catalog, self._config, self._namespace)
            return None
        found.metadata = sharing_snapshots(found.metadata)
        return found

    def names(self) -> frozenset[str]:
        """Return the names of the dataset's tables, in one question to the catalog; none where there is no such dataset (yet)."""
        from pyiceberg.exceptions import NoSuchNamespaceError

        catalog = self._existing_catalog()
        try:
            return frozenset() if catalog is None else frozenset(name[-1] for name in catalog.list_tables(self._namespace))
        except NoSuchNamespaceError:
            return frozenset()

    def check_there(self) -> None:
        """:raises DatasetNotFoundError: there is no such dataset; the message says where it was looked for, and which there are."""
        catalog = self._existing_catalog()
        if catalog is None:
            raise DatasetNotFoundError(f"{self._is_missing()}: there is no catalog there yet. An ingest makes one.")
        if not catalog.namespace_exists(self._namespace):
            check_former_names(catalog, self._config, self._namespace)
            known = ", ".join(sorted(".".join(name) for name in catalog.list_namespaces())) or "none"
            raise DatasetNotFoundError(f"{self._is_missing()}: it has {known}. Check the spelling, or run an ingest first.")

    def _is_missing(self) -> str:
        facts = self._config.for_lineage()
        where = ", ".join(facts[name] for name in ("uri", "warehouse") if name in facts)
        return f"There is no dataset {self._namespace!r} in catalog {self._config.name!r} ({where or facts['type']})"

    def _existing_catalog(self) -> Catalog | None:
        if self._catalog is None:
            self._catalog = open_existing(self._config)
        return self._catalog

    def ensure(self, table: str) -> Table:
        """Return the Iceberg table, made or widened to the data model where needed."""
        from pyiceberg.exceptions import CommitFailedException

        for attempt in itertools.count(1):
            started = time.monotonic()
            found = self.find(table)
            if found is None:
                return self._create(TABLES[table])
            missing = [name for name in TABLES[table].column_names if name not in found.schema().column_names]
            if not missing:
                return found
            log.info("Adding columns %s to %s", ", ".join(missing), self.identifier(table))
            try:
                with found.update_schema() as update:
                    update.union_by_name(iceberg_schema(table))
            except CommitFailedException as error:  # another task widens the same table, or writes to it
                self._patience.wait(self.identifier(table), attempt, started, error)
                continue
            return found
        raise AssertionError("unreachable")

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
        catalog = self._catalog = self._existing_catalog() or load(self._config)
        try:
            try:
                catalog.create_namespace_if_not_exists(self._namespace)
            except (NamespaceAlreadyExistsError, IntegrityError, OperationalError) as error:
                log.debug("Namespace %s was made by someone else: %s", self._namespace, error)
            return catalog.create_table(
                self.identifier(model.name),
                schema=schema,
                partition_spec=spec,
                location=table_location(uri) if (uri := self._config.table_location(self._namespace, model.name)) else None,
                properties=properties,
            )
        except (TableAlreadyExistsError, IntegrityError):
            found = self.find(model.name)
            if found is None:
                raise
            return found

    def commit(self, table: str, change: Callable[[Table], None]) -> str:
        """Change a table in one commit and return the new snapshot id."""
        snapshot_id = current_snapshot_id(self.change(table, change))
        assert snapshot_id is not None
        return snapshot_id

    def change(self, table: str, change: Callable[[Table], None]) -> Table:
        """Change a table in one commit; where another commit came first, it is worked out again on what is there then.

        :raises StoreError: others came first for too long (:mod:`~airflow_cv_dataops.core.store.patience`).
        """
        from pyiceberg.exceptions import CommitFailedException, ValidationException
        from pyiceberg.table import TableProperties

        begun = time.monotonic()
        for attempt in itertools.count(1):
            started = time.monotonic()
            current = self.ensure(table)
            # PyIceberg would try again too, within each of these attempts, with warnings and a patience of its own.
            current.metadata.properties[TableProperties.COMMIT_NUM_RETRIES] = "0"
            try:
                change(current)
            except (CommitFailedException, ValidationException) as error:
                self._patience.wait(self.identifier(table), attempt, started, error)
                continue
            if attempt > 1 and started - begun >= _WORTH_TELLING_SECONDS:
                others = f"{attempt - 1} other commit{'s' if attempt > 2 else ''}"
                log.info("%s: waited for %s, %s", self.identifier(table), others, duration(started - begun))
            log.debug("Committed to %s in %.2f s", self.identifier(table), time.monotonic() - started)
            return current
        raise AssertionError("unreachable")


def current_snapshot_id(table: Table) -> str | None:
    """Return the table's current snapshot id as a string; ``None`` where it has none."""
    snapshot = table.current_snapshot()
    return None if snapshot is None else str(snapshot.snapshot_id)
