"""The page of an events file: names from outside stay text, the picture is well-formed, the command says what it did."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from airflow_cv_dataops.core.lineage.drawing import draw, standalone_svg
from airflow_cv_dataops.core.lineage.graph import read_graph
from airflow_cv_dataops.core.lineage.page import lineage_page, main

HOSTILE = "\"><script>alert(1)</script>&'\x00\ud800"


def event(job, inputs, outputs, kind="COMPLETE", facets=None):
    datasets = [[{"namespace": "s3://lake", "name": name, "facets": {}} for name in names] for names in (inputs, outputs)]
    run = {"runId": "r", "facets": facets or {}}
    return json.dumps(
        {
            "eventType": kind,
            "eventTime": "2026-11-05T01:02:03Z",
            "run": run,
            "job": {"namespace": "prod", "name": job},
            "inputs": datasets[0],
            "outputs": datasets[1],
        }
    )


@pytest.fixture
def lines():
    return [
        event("signs.ingest", ["raw/signs"], ["signs/images"]),
        event("signs.audit", ["signs/images"], ["signs/findings"], "FAIL", {"errorMessage": {"message": "12 boxes without an area"}}),
        event("faces.ingest", ["raw/faces"], ["faces/images"]),
    ]


def test_the_picture_is_well_formed_and_holds_every_name(lines):
    svg = ElementTree.fromstring(standalone_svg(draw(read_graph(lines))))
    texts = [text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert {"signs", "faces", "images", "findings", "ingest", "audit", "1 run · ▲ failed"} <= set(texts)
    assert len(list(svg.iter("{http://www.w3.org/2000/svg}path"))) == 6 + 1  # six edges and the arrow's tip


def test_names_from_outside_are_text_and_nothing_else():
    facets = {"errorMessage": {"message": HOSTILE}, "cvDataops_audit": {HOSTILE: HOSTILE}, "cvDataops_run": {"partitionKey": HOSTILE}}
    graph = read_graph([event(HOSTILE, [HOSTILE], [f"{HOSTILE}/b"], "FAIL", facets)])
    drawing = draw(graph)
    page = lineage_page(graph, drawing).decode()
    assert "<script>alert" not in page
    assert page.count("<script>") == 1
    ElementTree.fromstring(standalone_svg(drawing))


def test_the_page_tells_of_failed_runs_and_lets_one_choose_a_dag(lines):
    graph = read_graph(lines)
    page = lineage_page(graph, draw(graph)).decode()
    assert '<span class="failed">failed</span>' in page
    assert "12 boxes without an area" in page
    assert '<option value="faces">faces</option><option value="signs">signs</option>' in page


def test_the_command_writes_page_and_picture(lines, tmp_path, capsys):
    events = tmp_path / "events.jsonl"
    events.write_text("\n".join([*lines, lines[0][:50]]))
    assert main([str(events), "--out", str(tmp_path / "l.html"), "--svg", str(tmp_path / "l.svg")]) == 0
    assert "5 datasets, 3 jobs; 1 line skipped that were no event" in capsys.readouterr().out
    assert (tmp_path / "l.html").read_bytes().startswith(b"<!doctype html>")
    assert (tmp_path / "l.svg").read_bytes().startswith(b"<svg")


def test_the_command_names_a_file_that_is_not_there(tmp_path, capsys):
    assert main([str(tmp_path / "none.jsonl"), "--out", str(tmp_path / "l.html")]) == 2
    assert "none.jsonl" in capsys.readouterr().err
