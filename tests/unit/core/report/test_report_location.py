"""Where a report lies, and that nothing else can be read through its URI."""

from __future__ import annotations

import pytest
from unit.core.report.conftest import KEY

from airflow_cv_dataops.core.errors import DatasetNotFoundError, StoreError
from airflow_cv_dataops.core.report.location import read_report, report_path
from airflow_cv_dataops.core.store.local import LocalStore


@pytest.mark.parametrize(
    "partition_key",
    ["2026-11-05", "../../etc", ".", "..", "a/b", "%2e%2e", "é" * 250, "x" * 250, "a b?c#d", "\u202e", "CON", "-", ".hidden"],
)
def test_any_partition_key_has_a_folder_of_its_own(make_dataset, partition_key):
    dataset = make_dataset()
    path = report_path(partition_key, partition_key, b"page")
    uri = dataset.objects().write(path, b"page")
    assert read_report(dataset, uri) == b"page"
    assert all(0 < len(part) <= 255 and part not in (".", "..") for part in path.split("/"))


def test_different_keys_have_different_folders():
    keys = ["a/b", "a_b", "a?b", "a\u00e9b", "x" * 250, "x" * 249 + "y", "é" * 250, "é" * 249]
    assert len({report_path("audit", key, b"page") for key in keys}) == len(keys)


def test_a_report_is_read_by_its_own_uri_only(make_dataset, report_of):
    dataset, other = make_dataset("cells", made=True), make_dataset("others")
    report = report_of(dataset, {"error:check": [{}]})
    assert read_report(dataset, report.uri) == report.page
    name = report.uri.rpartition("/")[2]
    dataset.objects().write("secret.html", b"secret")
    wrong = [
        "",
        "file:///etc/passwd",
        f"{dataset.root_uri}/secret.html",
        f"{dataset.root_uri}/reports/../secret.html",
        f"{dataset.root_uri}/reports/label_audit/../{name}",
        f"{dataset.root_uri}/reports/label_audit/{KEY}/../{KEY}/{name}",
        f"{dataset.root_uri}/reports/label_audit/{KEY}/%2e%2e/{name}",
        report.uri + "?x",
        report.uri.replace("/cells/", "/cells//"),
        report.uri.replace("file://", "FILE://"),
        report.uri.removeprefix(f"{dataset.root_uri}/"),
        f"{dataset.root_uri}/reports/label_audit/{KEY}/{'0' * 32}.html",
    ]
    for uri in wrong:
        with pytest.raises(DatasetNotFoundError):
            read_report(dataset, uri)
    with pytest.raises(DatasetNotFoundError, match="is no report of dataset 'others'"):
        read_report(other, report.uri)


def test_a_report_that_was_changed_is_not_shown(make_dataset, report_of):
    dataset = make_dataset("cells", made=True)
    report = report_of(dataset, {"error:check": [{}]})
    dataset.objects().write(report.uri.removeprefix(f"{dataset.root_uri}/"), report.page.replace(b"Label audit", b"Another one"))
    with pytest.raises(DatasetNotFoundError, match="does not match its name"):
        read_report(dataset, report.uri)


def test_a_report_whose_store_does_not_answer_is_not_said_to_be_gone(make_dataset, report_of, monkeypatch):
    dataset = make_dataset("cells", made=True)
    report = report_of(dataset, {"error:check": [{}]})

    def outage(self, path):
        raise StoreError(f"Cannot read {path}: 503")

    monkeypatch.setattr(LocalStore, "read", outage)
    with pytest.raises(StoreError, match="503"):
        read_report(dataset, report.uri)
