import pytest

from airflow_cv_dataops.core.lineage.naming import catalog_name, dataset_name, safe_text, without_credentials
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
        ({"type": "hive", "uri": "thrift://metastore:9083"}, "hive://metastore:9083"),
        ({"type": "glue", "name": "prod"}, "glue://prod"),
        ({"type": "glue", "name": "prod", "uri": "arn:aws:glue:eu-west-1:123456789012"}, "glue://prod"),
        ({}, "iceberg://default"),
    ],
)
def test_a_table_is_linked_to_its_name_in_the_catalog(catalog, namespace):
    assert catalog_name(table(**catalog)) == (namespace, "digits.images")


def test_a_table_whose_place_only_the_catalog_knows_is_named_by_the_catalog():
    use = DatasetUse(
        "prod/digits/images", table="images", identifier="digits.images", catalog={"type": "rest", "uri": "https://polaris.example"}
    )
    found = dataset_name(use)
    assert (found.namespace, found.name) == ("https://polaris.example", "digits.images")


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
