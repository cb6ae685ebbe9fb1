"""Datasets of an event: what always holds for them, and what one run adds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.lineage.assertions import assertions_facet
from airflow_cv_dataops.core.lineage.columns import column_lineage
from airflow_cv_dataops.core.lineage.file_contents import FILE_CONTENTS
from airflow_cv_dataops.core.lineage.naming import DatasetName, dataset_name, dataset_names, safe_catalog
from airflow_cv_dataops.core.lineage.options import LineageOptions
from airflow_cv_dataops.core.lineage.values import MAX_ENTRIES, count, json_value
from airflow_cv_dataops.core.step_lineage import DatasetUse
from airflow_cv_dataops.core.store.model.table_model import PARTITION_KEY
from airflow_cv_dataops.core.store.schema import TABLES, split_struct

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, OutputDataset
    from openlineage.client.facet_v2 import DatasetFacet, schema_dataset


def input_dataset(use: DatasetUse, *, producer: str, complete: bool, options: LineageOptions) -> InputDataset:
    """Return what a step reads. ``complete`` adds version, statistics, quality and assertions of this run."""
    from openlineage.client.event_v2 import InputDataset
    from openlineage.client.facet_v2 import base_subset_dataset
    from openlineage.client.facet_v2 import input_statistics_input_dataset as read

    name = dataset_name(use, location_first=options.location_first)
    facets = _static_facets(use, producer, options)
    input_facets: dict[str, Any] = {}
    if complete:
        facets |= _version(use, producer)
        if statistics := _statistics(use):
            input_facets["inputStatistics"] = read.InputStatisticsInputDatasetFacet(**statistics, producer=producer)
        if use.table and (metrics := _input_quality(use, producer)):
            input_facets["dataQualityMetrics"] = metrics
        if assertions := assertions_facet(use.assertions, producer=producer, failed_severities=options.failed_severities):
            input_facets["dataQualityAssertions"] = assertions
        if condition := _subset(use):
            input_facets["subset"] = base_subset_dataset.InputSubsetInputDatasetFacet(inputCondition=condition, producer=producer)
    return InputDataset(name.namespace, name.name, facets=facets, inputFacets=input_facets)


def output_dataset(
    use: DatasetUse, inputs: Sequence[DatasetUse], *, producer: str, complete: bool, options: LineageOptions
) -> OutputDataset:
    """Return what a step writes. ``complete`` adds version, statistics and quality of this run.

    :param inputs: what the step reads, from which columns may come.
    """
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import base_subset_dataset
    from openlineage.client.facet_v2 import output_statistics_output_dataset as written

    name = dataset_name(use, location_first=options.location_first)
    facets = _static_facets(use, producer, options) | _column_lineage(use, inputs, producer, options)
    output_facets: dict[str, Any] = {}
    if complete:
        facets |= _version(use, producer)
        if use.table and (metrics := _output_quality(use, producer)):
            facets["dataQualityMetrics"] = metrics
        if statistics := _statistics(use):
            output_facets["outputStatistics"] = written.OutputStatisticsOutputDatasetFacet(**statistics, producer=producer)
        if condition := _subset(use):
            output_facets["subset"] = base_subset_dataset.OutputSubsetOutputDatasetFacet(outputCondition=condition, producer=producer)
    return OutputDataset(name.namespace, name.name, facets=facets, outputFacets=output_facets)


def _static_facets(use: DatasetUse, producer: str, options: LineageOptions) -> dict[str, DatasetFacet]:
    """Facets that are the same in START and COMPLETE: Marquez would make two dataset versions of one run if they differed."""
    name, other = dataset_names(use, location_first=options.location_first)
    facets = _described(use, producer) | _symlinks(other, options, producer)
    from openlineage.client.facet_v2 import catalog_dataset, dataset_type_dataset, datasource_dataset, storage_dataset

    facets["dataSource"] = datasource_dataset.DatasourceDatasetFacet(name=name.namespace, uri=name.source_uri, producer=producer)
    if use.table is None:
        kind = dataset_type_dataset.DatasetTypeDatasetFacet(datasetType="FILE", subType=use.storage_format.upper(), producer=producer)
        return facets | {"datasetType": kind}
    facets["datasetType"] = dataset_type_dataset.DatasetTypeDatasetFacet(datasetType="TABLE", producer=producer)
    facets["storage"] = storage_dataset.StorageDatasetFacet(storageLayer="iceberg", fileFormat=use.storage_format, producer=producer)
    if catalog := safe_catalog(use.catalog):
        facets["catalog"] = catalog_dataset.CatalogDatasetFacet(
            framework="iceberg",
            type=catalog.get("type", "rest"),
            name=catalog.get("name", "default"),
            metadataUri=catalog.get("uri"),
            warehouseUri=catalog.get("warehouse"),
            source="pyiceberg",
            producer=producer,
        )
    return facets


def _described(use: DatasetUse, producer: str) -> dict[str, DatasetFacet]:
    """What it is, and its columns; of files, what they say in the words of the data model."""
    from openlineage.client.facet_v2 import documentation_dataset, schema_dataset

    model = FILE_CONTENTS.get(use.holds or "") or TABLES.get(use.table or "")
    if model is None:
        return {}
    fields = [_field(column.name, column.type, column.doc) for column in model.columns]
    return {
        "schema": schema_dataset.SchemaDatasetFacet(fields=fields, producer=producer),
        "documentation": documentation_dataset.DocumentationDatasetFacet(description=model.doc, producer=producer),
    }


def _symlinks(other: DatasetName | None, options: LineageOptions, producer: str) -> dict[str, DatasetFacet]:
    """By which name other producers may call the dataset; the types are the words of OpenLineage's own integrations."""
    from openlineage.client.facet_v2 import symlinks_dataset

    if other is None:
        return {}
    link = symlinks_dataset.Identifier(other.namespace, other.name, type="TABLE" if options.location_first else "LOCATION")
    return {"symlinks": symlinks_dataset.SymlinksDatasetFacet(identifiers=[link], producer=producer)}


def _column_lineage(use: DatasetUse, inputs: Sequence[DatasetUse], producer: str, options: LineageOptions) -> dict[str, DatasetFacet]:
    """From which columns of what the step reads the key columns of what it writes come."""
    from openlineage.client.facet_v2 import column_lineage_dataset as columns

    fields = {}
    for column, origins in column_lineage(use, inputs).items():
        sources = []
        for origin in origins:
            name = dataset_name(origin.use, location_first=options.location_first)
            how = columns.Transformation(type=origin.type, subtype=origin.subtype, description=origin.description)
            sources.append(columns.InputField(name.namespace, name.name, origin.column, transformations=[how]))
        fields[column] = columns.Fields(inputFields=sources)
    return {"columnLineage": columns.ColumnLineageDatasetFacet(fields=fields, producer=producer)} if fields else {}


def _field(name: str, type_name: str, doc: str | None = None) -> schema_dataset.SchemaDatasetFacetFields:
    """One field; the elements of a list are its nested field ``_element``, as in OpenLineage's own integrations."""
    from openlineage.client.facet_v2 import schema_dataset

    nested = [_field(inner, kind) for inner, kind in split_struct(type_name)]
    kind = "struct" if nested else type_name
    if type_name.startswith("list<"):
        kind, nested = "array", [_field("_element", type_name[5:-1])]
    return schema_dataset.SchemaDatasetFacetFields(name=name, type=kind, description=doc, fields=nested)


def _version(use: DatasetUse, producer: str) -> dict[str, DatasetFacet]:
    from openlineage.client.facet_v2 import dataset_version_dataset

    if use.snapshot_id is None:
        return {}
    return {"version": dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=str(use.snapshot_id), producer=producer)}


def _statistics(use: DatasetUse) -> dict[str, int]:
    """Rows of a table; a prefix has files instead (``rows`` counts them where ``files`` is not given)."""
    rows, files = count(use.rows), count(use.files)
    if use.table is None:
        rows, files = None, rows if files is None else files
    found = {"rowCount": rows, "size": count(use.bytes), "fileCount": files}
    return {name: value for name, value in found.items() if value is not None}


def _input_quality(use: DatasetUse, producer: str) -> Any:
    from openlineage.client.facet_v2 import data_quality_metrics_input_dataset as quality

    if not _has_quality(use):
        return None
    return quality.DataQualityMetricsInputDatasetFacet(
        columnMetrics={name: quality.ColumnMetrics(**counts) for name, counts in _column_counts(use).items()},
        **_table_counts(use),
        producer=producer,
    )


def _output_quality(use: DatasetUse, producer: str) -> Any:
    from openlineage.client.facet_v2 import data_quality_metrics_dataset as quality

    if not _has_quality(use):
        return None
    return quality.DataQualityMetricsDatasetFacet(
        columnMetrics={name: quality.ColumnMetrics(**counts) for name, counts in _column_counts(use).items()},
        **_table_counts(use),
        producer=producer,
    )


def _has_quality(use: DatasetUse) -> bool:
    """Only where columns were measured: without any, Marquez would put nothing in the place of the columns that another step measured."""
    return bool(use.null_counts) or bool(use.distinct_counts)


def _table_counts(use: DatasetUse) -> dict[str, int | None]:
    return {"rowCount": count(use.rows), "bytes": count(use.bytes)}


def _column_counts(use: DatasetUse) -> dict[str, dict[str, int | None]]:
    nulls, distinct = json_value(use.null_counts), json_value(use.distinct_counts)
    columns = list(dict.fromkeys([*nulls, *distinct]))[:MAX_ENTRIES]
    return {name: {"nullCount": count(nulls.get(name)), "distinctCount": count(distinct.get(name))} for name in columns}


def _subset(use: DatasetUse) -> Any:
    """The partition that this run read or replaced, and whose rows of it, as a condition; ``None`` for the whole table and for files."""
    from openlineage.client.facet_v2 import base_subset_dataset as subset

    model = TABLES.get(use.table or "")
    if not use.partition_key or model is None or PARTITION_KEY not in model.partitioned_by:
        return None
    dimensions = {PARTITION_KEY: json_value(use.partition_key)}
    if use.owner and model.owner:
        dimensions[model.owner] = json_value(use.owner)
    return subset.PartitionSubsetCondition(partitions=[subset.Partition(dimensions=dimensions, identifier=json_value(use.partition_key))])
