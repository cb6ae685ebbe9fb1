"""What a worker process gets to know of the environment: no secret that it can do without."""

from __future__ import annotations

import pytest

from airflow_cv_dataops.core.imaging.ingest.workers.environment import worker_environment

PLAIN = {"PATH": "/bin", "HOME": "/home/me", "LC_ALL": "C.UTF-8", "TMPDIR": "/scratch", "TZ": "UTC", "LD_LIBRARY_PATH": "/opt/lib"}
WEB = {"SSL_CERT_FILE": "/certs.pem", "HTTPS_PROXY": "http://proxy", "no_proxy": "localhost"}
AWS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "hush", "AWS_SESSION_TOKEN": "hush", "AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}
AWS_SETTINGS = {"AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": "http://store"}
GOOGLE = {"GOOGLE_APPLICATION_CREDENTIALS": "/key.json"}
AZURE = {"AZURE_STORAGE_ACCOUNT_KEY": "hush"}
SECRETS = {
    "AIRFLOW_CONN_LAKE": "hush",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "hush",
    "AIRFLOW__CORE__FERNET_KEY": "hush",
    "DB_PASSWORD": "hush",
}
ALL = {**PLAIN, **WEB, **AWS, **AWS_SETTINGS, **GOOGLE, **AZURE, **SECRETS}
KEYS = {"access_key_id": "id", "secret_access_key": "hush"}


def place(uri: str, kind: str = "prefix", **options: str) -> dict[str, object]:
    return {"kind": kind, "uri": uri, "options": options}


@pytest.mark.parametrize(
    ("source", "objects", "expected"),
    [
        (place("file:///in"), place("file:///lake"), {}),
        (place("file:///in"), None, {}),
        (place("s3://bay/in"), None, {**WEB, **AWS, **AWS_SETTINGS}),
        (place("s3a://bay/in", region="eu", aws_sse_kms_key_id="key"), None, {**WEB, **AWS, **AWS_SETTINGS}),
        (place("s3://bay/in", **KEYS), None, {**WEB, **AWS_SETTINGS}),
        (place("s3://bay/in", **KEYS), place("s3://lake"), {**WEB, **AWS, **AWS_SETTINGS}),
        (place("file:///in"), place("gs://lake"), {**WEB, **GOOGLE}),
        (place("abfss://c@account.dfs.core.windows.net/in", account_name="account"), None, {**WEB, **AZURE}),
        (place("s3://bay/a.zip", "archive"), place("file:///lake"), {}),
        (place("file:///list.csv", "list"), None, {**WEB, **AWS, **AWS_SETTINGS, **GOOGLE, **AZURE}),
        (place("s3://bay/list.csv", "list", **KEYS), None, {**WEB, **AWS_SETTINGS, **GOOGLE, **AZURE}),
        (place("file:///list.csv", "list", **KEYS), None, {**WEB, **AWS_SETTINGS}),
    ],
)
def test_only_what_the_job_needs_is_passed_on(
    source: dict[str, object], objects: dict[str, object] | None, expected: dict[str, str]
) -> None:
    environment = worker_environment({"source": source, "objects": objects}, ALL)
    assert environment.pop("PYTHONPATH")
    assert (environment.pop("OPENBLAS_NUM_THREADS"), environment.pop("OMP_NUM_THREADS")) == ("1", "1")
    assert environment.pop("MALLOC_TRIM_THRESHOLD_") == str(16 * 1024 * 1024)
    assert environment.pop("MALLOC_MMAP_THRESHOLD_") == str(4 * 1024 * 1024)
    assert environment == {**PLAIN, **expected}
