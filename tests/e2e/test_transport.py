"""Lineage over HTTP, as docs/deployment.md configures it: compressed, with a key, every event."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from event_receiver import receive_events

pytestmark = [pytest.mark.e2e, pytest.mark.once(reason="how events are sent is OpenLineage's client's, the same on every version")]


def test_every_event_of_a_run_arrives_compressed_and_with_the_key(deployment, shared_data):
    with receive_events() as (url, taken):
        transport = {"type": "http", "url": url, "compression": "gzip", "auth": {"type": "api_key", "apiKey": "k"}}
        run = deployment.run(
            "clothing_dataops", conf={"source": str(shared_data("clothing_mini"))}, AIRFLOW__OPENLINEAGE__TRANSPORT=json.dumps(transport)
        )
    assert run.state == "success", run.log[-3000:]
    assert {(request.headers["Authorization"], request.headers["Content-Encoding"]) for request in taken} == {("Bearer k", "gzip")}
    events = [request.event for request in taken]
    tasks = Counter((event["job"]["name"], event["eventType"]) for event in events if event["job"]["name"] != "clothing_dataops")
    steps = ("ingest", "import_labels", "audit", "promote")
    assert tasks == {(f"clothing_dataops.{step}", kind): 1 for step in steps for kind in ("START", "COMPLETE")}
