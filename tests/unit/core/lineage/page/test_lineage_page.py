"""The page of an events file: the picture is well-formed, colours can be told apart, the command says what it did."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest

from airflow_cv_dataops.core.lineage.page.drawing import draw, standalone_svg
from airflow_cv_dataops.core.lineage.page.graph import read_graph
from airflow_cv_dataops.core.lineage.page.page import lineage_page, main
from airflow_cv_dataops.core.report.document import resource


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
    assert {"raw/signs", "raw/faces", "signs/images", "faces/images", "signs/findings", "signs.ingest", "audit", "1 run · ▲ failed"} <= set(
        texts
    )
    assert len(list(svg.iter("{http://www.w3.org/2000/svg}path"))) == 6 + 1  # six edges and the arrow's tip


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


def test_the_picture_without_bookkeeping_leaves_out_what_only_keeps_books(lines):
    whole = draw(read_graph(lines))
    assert whole.brief is None
    lines += [event("signs.ingest", ["raw/signs"], ["signs/metrics", "signs/rejects"]), event("signs.gate", ["signs/metrics"], [])]
    drawing = draw(read_graph(lines))
    brief = ElementTree.fromstring(drawing.brief.svg)
    shown = {node.get("data-id") for node in brief.iter("{http://www.w3.org/2000/svg}a")}
    left_out = {node.full_name for node_id, node in drawing.nodes.items() if node_id not in shown}
    assert left_out == {"signs/metrics", "signs/rejects", "signs.gate"}
    page = lineage_page(read_graph(lines), drawing).decode()
    assert 'id="bookkeeping" checked' in page
    assert len(re.findall(r'id="(full|brief)-d0"', page)) == 2


def test_ids_are_unique_in_the_page(lines):
    lines += [event("signs.ingest", ["raw/signs"], ["signs/metrics"])]
    graph = read_graph(lines)
    page = lineage_page(graph, draw(graph)).decode()
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


def test_a_page_of_no_events_is_a_page():
    graph = read_graph([])
    assert "0 datasets, 0 jobs, 0 events" in lineage_page(graph, draw(graph)).decode()


@pytest.mark.parametrize("scheme", [0, 1])
def test_words_and_lines_can_be_told_from_what_they_stand_on(scheme):
    """WCAG 2.2 AA: 4.5 for text, 3 for lines that carry meaning."""
    style = resource("airflow_cv_dataops.core.lineage.page", "lineage.css")
    colours = dict(re.findall(r"--([\w-]+): (#\w+)", re.findall(r":root \{(.*?)\}", style, re.DOTALL)[scheme]))
    grounds = ("ground", "card", "table", "files", "release", "job", "bad-ground", "warned-ground")
    text = [(word, ground) for word in ("ink", "soft") for ground in grounds]
    text += [("bad", "bad-ground"), ("bad", "card"), ("warned", "warned-ground"), ("warned", "card"), ("good", "table"), ("good", "card")]
    text += [("focus", "card"), ("good", "files"), ("good", "release"), ("good", "ground")]
    lines = [(line, "ground") for line in ("edge", "light", "focus", "table-line", "files-line", "release-line", "job-line")]
    for pairs, least in ((text, 4.5), (lines, 3)):
        for one, other in pairs:
            assert _contrast(colours[one], colours[other]) >= least, (one, other)


def _contrast(one, other):
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour):
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
