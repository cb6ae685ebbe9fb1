"""What a server adds to a report: never more than it was given, and nothing that a name could bring in."""

from __future__ import annotations

from airflow_cv_dataops.core.report.document import html_document
from airflow_cv_dataops.core.report.served import served_page

SERVED = {"task": "/dags/d/runs/r/tasks/t", "told": "Task t", "images": "/images/"}


def page(title: str = "Title", body: str = "<h1>Report</h1>") -> bytes:
    return html_document(title, body, style=["h1 { color: red; }"], script="", data={})


def test_a_served_page_leads_back_to_its_task_and_says_where_images_are():
    served = served_page(page(), **SERVED).decode()
    assert (
        '<body data-images="/images/">\n<nav class="run" aria-label="Airflow"><a href="/dags/d/runs/r/tasks/t">‹ Task t</a></nav>' in served
    )
    assert 'class="run"' not in page().decode()
    assert served.replace(served[served.index("<body") : served.index("<h1>Report")], "<body>\n").encode() == page()


def test_names_from_outside_stay_text():
    served = served_page(page(), task='/x"><script>', told="<img src=x>", images='"><b>').decode()
    body = served[served.index("<body") :]
    assert "<img" not in body
    assert '"><b>' not in body
    assert body.count("<script") == page().decode().count("<script")


def test_a_title_cannot_pose_as_the_body():
    served = served_page(page(title="<body>\n"), **SERVED).decode()
    assert served.index('<nav class="run"') > served.index("</head>")


def test_what_is_no_report_of_ours_stays_as_it_is():
    assert served_page(b"<p>hello", **SERVED) == b"<p>hello"
