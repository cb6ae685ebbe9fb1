"""Numbers on the wire: Airflow's own StatsD logger, a socket, and what arrives there."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.servers]

TAGS = ",dataset=signs,dag_id=daily,task_id=night.audit"
# The package statsd is no part of Airflow: a client of a few lines stands in for it, and everything before it is Airflow's.
SENDER = """
import socket, sys, types
class StatsClient:
    def __init__(self, host, port, prefix, ipv6=False):
        self.address, self.prefix, self.socket = (host, port), prefix, socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    def send(self, stat, value, kind):
        self.socket.sendto(f"{self.prefix}.{stat}:{value}|{kind}".encode(), self.address)
    def gauge(self, stat, value, rate=1, delta=False):
        self.send(stat, value, "g")
    def incr(self, stat, count=1, rate=1):
        self.send(stat, count, "c")
sys.modules["statsd"] = types.SimpleNamespace(StatsClient=StatsClient)
try:  # as the task runner does since 3.2, which keeps them in a class; 3.1 finds its backend itself
    from airflow.sdk.observability import stats
    from airflow.sdk.observability.metrics.stats_utils import get_stats_factory
except ImportError:
    pass
else:
    if hasattr(stats, "initialize"):
        stats.initialize(factory=get_stats_factory(), export_legacy_names=True)
    else:
        stats.Stats.initialize(factory=get_stats_factory(stats.Stats))
from airflow_cv_dataops.common.stats import emit_stats
from airflow_cv_dataops.core.summary import Summary
summary = Summary("signs", "p", counts={"findings": {"missing_bbox": 3}}, metrics={"label_error_rate": 0.25}).to_dict()
emit_stats(summary, "audit", types.SimpleNamespace(dag_id="daily", task_id="night.audit"), is_breach=True)
"""


@pytest.mark.parametrize(
    ("influx", "place", "tags", "breaches"),
    [
        ("False", ".signs.daily.night__audit", "", "breaches.audit.signs.daily.night__audit"),
        ("True", "", TAGS, f"breaches{TAGS},step=audit"),
    ],
)
def test_numbers_arrive_at_a_statsd(influx: str, place: str, tags: str, breaches: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(30)
        options = {"ON": "True", "HOST": "127.0.0.1", "PORT": str(listener.getsockname()[1]), "INFLUXDB_ENABLED": influx}
        environment = {**os.environ, **{f"AIRFLOW__METRICS__STATSD_{name}": value for name, value in options.items()}}
        subprocess.run([sys.executable, "-c", SENDER], env=environment, check=True)
        arrived = [listener.recv(1_000).decode() for _ in range(4)]
    start = f"airflow.cv_dataops.audit{place}"
    assert arrived == [
        f"{start}.label_error_rate{tags}:0.25|g",
        f"{start}.duration_seconds{tags}:0.0|g",
        f"{start}.findings.missing_bbox{tags}:3|g",
        f"airflow.cv_dataops.{breaches}:1|c",
    ]
