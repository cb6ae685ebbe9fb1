import pytest

from airflow_cv_dataops.core.lineage.naming import catalog_name, dataset_name, dataset_names, safe_text, without_credentials
from airflow_cv_dataops.core.step_lineage import DatasetUse


@pytest.mark.parametrize(
    ("uri", "namespace", "name"),
    [
        ("s3://lake/wh/digits/images", "s3://lake", "wh/digits/images"),
        ("s3a://lake/wh/digits/images/", "s3://lake", "wh/digits/images"),
        ("s3://aws_default@lake/raw", "s3://lake", "raw"),
        ("s3://lake", "s3://lake", "/"),
        ("s3://lake/a#b/ü c", "s3://lake", "a#b/ü c"),
        ("s3://lake/2026/raw", "s3://lake", "2026/raw"),
        ("gs://lake/raw", "gs://lake", "raw"),
        ("az://images/raw", "az://images", "raw"),
        ("abfss://images@account.dfs.core.windows.net/raw/x", "abfss://images@account.dfs.core.windows.net", "raw/x"),
        ("hdfs://node:8020/wh/images", "hdfs://node:8020", "/wh/images"),
        ("file:///data/wh/digits/images", "file", "/data/wh/digits/images"),
        ("file:///data/a%20b%23c%C3%BC", "file", "/data/a b#cü"),
        ("file:///data/%FF", "file", "/data/\\xff"),
        ("/data/raw/", "file", "/data/raw"),
    ],
)
def test_a_place_is_split_as_the_naming_specification_says(uri, namespace, name):
    found = dataset_name(DatasetUse(uri))
    assert (found.namespace, found.name) == (namespace, name)


def table(**catalog):
    return DatasetUse("s3://lake/wh/digits/images", table="images", identifier="digits.images", catalog=catalog)


@pytest.mark.parametrize(
    ("catalog", "namespace"),
    [
        ({"type": "sql", "uri": "sqlite:////home/a/catalog.db"}, "sqlite:////home/a/catalog.db"),
        ({"type": "sql", "uri": "postgresql+psycopg2://ann:secret@db:5432/cat"}, "postgresql://db:5432/cat"),
        ({"type": "rest", "uri": "https://polaris.example/api/catalog/"}, "https://polaris.example/api/catalog"),
        ({"type": "rest", "uri": "https://polaris.example/api/catalog", "warehouse": "prod"}, "https://polaris.example/api/catalog/prod"),
        ({"type": "rest", "uri": "https://polaris.example", "warehouse": "s3://lake/wh"}, "https://polaris.example/lake/wh"),
        (
            {"type": "rest", "uri": "https://glue.aws/iceberg", "warehouse": "123:s3tablescatalog/b"},
            "https://glue.aws/iceberg/123/s3tablescatalog/b",
        ),
        (
            {"type": "rest", "uri": "https://s3tables.aws/iceberg", "warehouse": "arn:aws:s3tables:us-east-1:123:bucket/b"},
            "https://s3tables.aws/iceberg/arn/aws/s3tables/us-east-1/123/bucket/b",
        ),
        ({"type": "sql", "uri": "postgresql://db/cat", "name": "cv_dataops"}, "postgresql://db/cat"),
        ({"type": "sql", "uri": "postgresql://db/cat", "name": "other"}, "postgresql://db/cat/other"),
        ({"type": "hive", "uri": "thrift://metastore:9083"}, "hive://metastore:9083"),
        ({"type": "glue", "name": "prod"}, "glue://prod"),
        ({"type": "glue", "name": "prod", "uri": "arn:aws:glue:eu-west-1:123456789012"}, "glue://prod"),
        ({}, "iceberg://default"),
    ],
)
def test_a_table_is_named_by_its_catalog_and_whatever_else_tells_its_tables_apart(catalog, namespace):
    found = catalog_name(table(**catalog))
    assert (found.namespace, found.name) == (namespace, "digits.images")


def test_the_other_name_of_a_table_is_its_location_or_the_other_way_round():
    use = table(type="sql", uri="postgresql://db/cat")
    first, other = dataset_names(use)
    assert [(one.namespace, one.name) for one in (first, other)] == [
        ("postgresql://db/cat", "digits.images"),
        ("s3://lake", "wh/digits/images"),
    ]
    assert dataset_names(use, location_first=True) == (other, first)
    assert dataset_names(DatasetUse("s3://lake/raw"), location_first=True)[1] is None


def test_a_table_whose_place_only_the_catalog_knows_is_named_by_the_catalog():
    use = DatasetUse(
        "prod/digits/images", table="images", identifier="digits.images", catalog={"type": "rest", "uri": "https://polaris.example"}
    )
    for location_first in (False, True):
        found, other = dataset_names(use, location_first=location_first)
        assert (found.namespace, found.name, other) == ("https://polaris.example", "digits.images", None)


@pytest.mark.parametrize(
    ("uri", "safe"),
    [
        ("s3://key:secret@bucket/p?X-Amz-Signature=1", "s3://bucket/p"),
        ("postgresql://u:p@ss/w@rd@db/cat", "postgresql://db/cat"),
        ("abfss://c@a.dfs.core.windows.net/p?sig=1", "abfss://c@a.dfs.core.windows.net/p"),
        ("abfss://c:secret@a.dfs.core.windows.net/p", "abfss://a.dfs.core.windows.net/p"),
        ("jdbc:postgresql://u:secret@db/cat", "jdbc:postgresql://db/cat"),
        ("s3://AKIA:sec/ret@bucket/p", "s3://bucket/p"),
        ("http://[::1]:9000/p", "http://[::1]:9000/p"),
        ("file:///data/a@b", "file:///data/a@b"),
        ("file:///data//a:b@c", "file:///data//a:b@c"),
        ("s3://bucket/a@b/c", "s3://bucket/a@b/c"),
    ],
)
def test_a_uri_loses_its_credentials_and_nothing_else(uri, safe):
    assert without_credentials(uri) == safe


def test_uris_inside_a_text_lose_their_credentials():
    assert safe_text("from 's3://k:s@b/x' to https://h/y?t=1, done") == "from 's3://b/x' to https://h/y done"
