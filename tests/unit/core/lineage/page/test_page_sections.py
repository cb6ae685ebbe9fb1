"""The sections of the page: what did not hold, columns and their sources, versions, sentences, and text from outside."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest

from airflow_cv_dataops.core.lineage.page.drawing import draw, standalone_svg
from airflow_cv_dataops.core.lineage.page.graph import read_graph
from airflow_cv_dataops.core.lineage.page.page import lineage_page

CATALOG = "postgresql://db:5432/catalog"
HOSTILE = [
    "\"><script>alert(1)</script>&'\x00\ud800",
    "javascript:alert(1)",
    "' onmouseover='alert(1)",
    "</style></svg></section><img src=x onerror=alert(1)>",
    "\u202etxt.exe \u05e9\u05dc\u05d5\u05dd",
    "a" * 20_000,
    "]]>--><!--",
    "\U0001f600" * 40,
]


def dataset(name, namespace=CATALOG, **facets):
    own = {key: facets.pop(key) for key in ("inputStatistics", "outputStatistics", "dataQualityAssertions", "subset") if key in facets}
    return {"namespace": namespace, "name": name, "facets": facets, "inputFacets": own, "outputFacets": own}


def event(job, inputs=(), outputs=(), kind="COMPLETE", run_facets=None, sentence=""):
    return {
        "eventType": kind,
        "eventTime": "2026-11-05T01:02:03Z",
        "run": {"runId": "r", "facets": run_facets or {}},
        "job": {"namespace": "prod", "name": job, "facets": {"documentation": {"description": sentence}} if sentence else {}},
        "inputs": list(inputs),
        "outputs": list(outputs),
    }


def page(*events):
    graph = read_graph(map(json.dumps, events))
    return lineage_page(graph, draw(graph)).decode()


def section(html, label):
    """Return the words of a section, and its HTML."""
    inside = re.search(rf'<section class="about" id="[dj]\d+" aria-label="{re.escape(label)}">(.*?)</section>', html, re.DOTALL)[1]
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", inside)), inside


def test_what_does_not_hold_is_listed_the_worst_first_with_what_was_expected_and_found():
    assertions = [
        {"assertion": "odd_size", "success": False, "severity": "info"},
        {"assertion": "suspect_label", "column": "category", "success": False, "severity": "warn"},
        {
            "assertion": "zero_area_bbox",
            "column": "bbox",
            "success": False,
            "severity": "error",
            "description": "Every box has an area.",
            "expected": "0 boxes",
            "actual": "12 boxes",
        },
        {"assertion": "duplicate_id", "success": True, "severity": "error"},
    ]
    quality = {"dataQualityAssertions": {"assertions": assertions}, "subset": {"inputCondition": {"partitions": [{"identifier": "d1"}]}}}
    words, inside = section(page(event("dag.audit", [dataset("digits.annotations", **quality)])), "digits.annotations")
    assert "error d1 zero_area_bbox bbox Every box has an area. 0 boxes 12 boxes" in words
    assert words.index("zero_area_bbox") < words.index("suspect_label") < words.index("odd_size")
    assert "duplicate_id" not in words
    assert "unhealthy , 3 of 4 did not hold" in words
    assert '<span class="warned">warning</span>' in inside


def test_a_warning_is_not_shown_like_an_error():
    quality = {"dataQualityAssertions": {"assertions": [{"assertion": "suspect_label", "success": False, "severity": "warn"}]}}
    html = page(event("dag.audit", [dataset("digits.annotations", **quality)]))
    assert 'class="unhealthy"' not in html
    assert 'class="node dataset table warned"' in html
    assert '<span class="warned">warnings</span>' in html
    assert '<span class="bad">' not in html


def test_columns_lead_to_the_datasets_that_they_come_from():
    fields = {
        "category": {"inputFields": [{"namespace": "file", "name": "/landing/labels.csv", "field": "label"}]},
        "image_id": {
            "inputFields": [
                # The dataset's other name: it is linked all the same.
                {
                    "namespace": "s3://lake",
                    "name": "digits/images",
                    "field": "image_id",
                    "transformations": [{"type": "DIRECT", "subtype": "IDENTITY"}],
                },
                {"namespace": "nowhere", "name": "unknown", "field": "x"},
            ]
        },
    }
    place = {"identifiers": [{"namespace": "s3://lake", "name": "digits/images", "type": "LOCATION"}]}
    inputs = [dataset("digits.images", symlinks=place), dataset("/landing/labels.csv", "file")]
    html = page(event("dag.import_labels", inputs, [dataset("digits.annotations", columnLineage={"fields": fields})]))
    words, inside = section(html, "digits.annotations")
    assert "Where its columns come from" in words
    assert "category /landing/labels.csv label import_labels" in words
    assert "image_id digits.images image_id as it is import_labels" in words
    images = re.search(r'id="(d\d+)" aria-label="digits.images"', html)[1]
    assert f'<a href="#{images}"><bdi>digits.images</bdi></a>' in inside
    assert "><bdi>unknown</bdi></td>" in inside
    assert "Where its columns come from" not in section(html, "digits.images")[0]


def test_columns_of_several_jobs_stand_beside_each_other():
    def made(job, column):
        source = {"namespace": CATALOG, "name": "digits.images", "field": "image_id"}
        lineage = {"fields": {column: {"inputFields": [source]}}}
        return event(job, [dataset("digits.images")], [dataset("digits.findings", columnLineage=lineage)])

    words, _ = section(page(made("dag.audit", "image_id"), made("dag.import_labels", "source_uri")), "digits.findings")
    assert "image_id digits.images image_id audit" in words
    assert "source_uri digits.images image_id import_labels" in words


def test_a_partition_says_its_version_and_who_wrote_it_even_if_the_run_failed_afterwards():
    written = {"outputStatistics": {"rowCount": 1234}, "subset": {"outputCondition": {"partitions": [{"identifier": "d1"}]}}}
    output = dataset("digits.findings", version={"datasetVersion": "887"}, **written)
    error = {"errorMessage": {"message": "12 boxes without an area"}}
    html = page(event("dag.audit", [], [output], "FAIL", error))
    words, _ = section(html, "digits.findings")
    assert "d1 1,234 887 none audit , run failed 2026-11-05 01:02:03 2026-11-05 01:02:03" in words
    assert "12 boxes without an area" in section(html, "dag.audit")[0]


def test_when_a_partition_was_written_is_told_apart_from_when_it_was_last_read():
    def subset(side):
        return {f"{side}Statistics": {"rowCount": 5}, "subset": {f"{side}Condition": {"partitions": [{"identifier": "d1"}]}}}

    written = event("dag.ingest", [], [dataset("digits.images", **subset("output"))])
    read = event("dag.audit", [dataset("digits.images", **subset("input"))], []) | {"eventTime": "2026-11-06T07:08:09Z"}
    words, _ = section(page(written, read), "digits.images")
    assert "d1 5 none ingest 2026-11-05 01:02:03 2026-11-06 07:08:09" in words


def test_sentences_of_jobs_sources_and_tables_are_shown():
    source = dataset("/landing/labels.csv", "file", documentation={"description": "One label a line."}, datasetType={"datasetType": "FILE"})
    html = page(event("dag.import_labels", [source], sentence="Joins every label to its image."))
    assert "One label a line." in section(html, "/landing/labels.csv")[0]
    assert "Joins every label to its image." in section(html, "dag.import_labels")[0]
    assert "<title>dag.import_labels\nJoins every label to its image.</title>" in html


def test_of_documentation_the_first_paragraph_is_shown_with_its_code():
    text = "Writes `images`\n    and `rejects`.\n\nA second paragraph with `<b>`."
    words, inside = section(page(event("dag.ingest", [dataset("a.b")], sentence=text)), "dag.ingest")
    assert "<code>images</code> and <code>rejects</code>." in inside
    assert "second paragraph" not in words
    assert "\ufffd" not in inside


def test_columns_of_a_table_that_say_nothing_are_left_out():
    quality = {"dataQualityAssertions": {"assertions": [{"assertion": "not_null", "success": False}]}}
    words, _ = section(page(event("spark.check", [dataset("digits.annotations", **quality)])), "digits.annotations")
    assert "severity check error not_null" in words


def test_where_a_table_is_stored_is_a_detail_of_it():
    links = [("s3://lake", "warehouse/digits/images", "LOCATION"), ("hive://metastore", "lake.images", "TABLE")]
    symlinks = {"identifiers": [{"namespace": one, "name": name, "type": kind} for one, name, kind in links]}
    words, _ = section(page(event("dag.ingest", [], [dataset("digits.images", symlinks=symlinks)])), "digits.images")
    assert "Stored at s3://lake/warehouse/digits/images" in words
    assert "Also known as lake.images in hive://metastore" in words


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_text_from_outside_is_text_and_nothing_else(text):
    run_facets = {"errorMessage": {"message": text}, "cvDataops_audit": {text: text}, "cvDataops_run": {"partitionKey": text}}
    told = dict.fromkeys(("assertion", "column", "severity", "description", "expected", "actual"), text)
    facets = {
        "symlinks": {"identifiers": [{"namespace": text, "name": f"{text}/x", "type": text}]},
        "documentation": {"description": text},
        "datasetType": {"datasetType": text},
        "schema": {"fields": [{"name": text, "type": text, "description": text}]},
        "version": {"datasetVersion": text},
        "dataQualityAssertions": {"assertions": [{**told, "success": False}]},
        "columnLineage": {
            "fields": {
                text: {"inputFields": [{"namespace": text, "name": text, "field": text, "transformations": [told | {"type": text}]}]}
            }
        },
    }
    datasets = [dataset(text, text, **facets), dataset(f"{text}.metrics", text, **facets)]
    graph = read_graph([json.dumps(event(text, datasets, datasets[::-1], "FAIL", run_facets, text))])
    drawing = draw(graph)
    html = lineage_page(graph, drawing).decode()
    assert html.count("<script") == 2  # its data and its own
    assert html.count("<style") == 1
    assert "<img" not in html
    assert not re.search(r'href="(?!#)', html)
    assert not re.search(r"<[^>]* on\w+=", re.sub(r'"[^"]*"', '""', html.partition("<script")[0]))
    ElementTree.fromstring(standalone_svg(drawing))
    assert all(width < 500 for width, _ in (node.size for node in drawing.nodes.values()))
