"""The parts of an ingest that need no processes: what workers say, what decides rows, and the sums."""

from __future__ import annotations

import io
import json
import math
import os
from typing import Any

import pyarrow as pa
import pytest

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.imaging.decoding.decode import Limits
from airflow_cv_dataops.core.imaging.ingest.outcome import Outcome, Tally, Whole
from airflow_cv_dataops.core.imaging.ingest.parameters import IngestParameters
from airflow_cv_dataops.core.imaging.ingest.workers.cores import available_cores
from airflow_cv_dataops.core.imaging.ingest.workers.pool import _shifted
from airflow_cv_dataops.core.imaging.ingest.workers.wire import receive, send
from airflow_cv_dataops.core.imaging.measures.quality import QualityThresholds


def images(count: int, *, first: int = 0) -> pa.Table:
    """Return rows with the columns that are added up; image ids repeat after seven."""
    numbers = range(first, first + count)
    values = {name: [(number % 10) / 10 + 1e-4 for number in numbers] for name in ("brightness", "contrast", "sharpness", "entropy")}
    return pa.table(
        {
            "image_id": [f"{number % 7:064x}"[::-1] for number in numbers],
            "bytes": pa.array([100] * count, pa.int64()),
            "width": pa.array([640] * count, pa.int32()),
            "height": pa.array([480] * count, pa.int32()),
            "issues": pa.array([["dark"] if number % 2 else [] for number in numbers], pa.list_(pa.string())),
            **{name: pa.array(column, pa.float64()) for name, column in values.items()},
        }
    )


def rejects(*reasons: str) -> pa.Table:
    return pa.table({"reason": pa.array(reasons, pa.string())})


def test_documents_come_out_as_they_went_in() -> None:
    stream = io.BytesIO()
    documents: list[Any] = [{"a": [1, None, "caf\udce9 漢字"]}, [], "x" * 100_000]
    for document in documents:
        send(stream, document)
    stream.seek(0)
    assert [receive(stream) for _ in documents] == documents
    with pytest.raises(EOFError):
        receive(stream)


@pytest.mark.parametrize("garbage", [b"\0\0\0\2no", b"\xff\xff\xff\xff" + bytes(10)])
def test_garbage_is_refused_without_being_read_whole(garbage: bytes) -> None:
    with pytest.raises(ValueError, match=r"Expecting value|a document of"):
        receive(io.BytesIO(garbage))


def test_parameters_survive_json_and_their_id_tells_what_decides_rows() -> None:
    parameters = IngestParameters(("PNG",), Limits(min_side=9), QualityThresholds(aspect_ratio_above=math.inf), False, 5, None)
    text = json.dumps(parameters.to_json(), allow_nan=False)
    assert IngestParameters.from_json(json.loads(text)) == parameters
    assert IngestParameters().id == IngestParameters(timeout_seconds=1).id
    others = [IngestParameters(("PNG",)), IngestParameters(limits=Limits(min_side=2)), IngestParameters(copy_images=False)]
    assert len({IngestParameters().id, *(other.id for other in others)}) == 4


@pytest.mark.parametrize(
    "arguments", [{"timeout_seconds": 0}, {"timeout_seconds": math.nan}, {"worker_memory_bytes": 511 * 1024**2}, {"formats": ()}]
)
def test_unusable_parameters_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        IngestParameters(**arguments)


def test_parts_add_up_to_the_whole_to_the_last_bit() -> None:
    whole, parts = Tally(), Tally()
    whole.add(images(100), rejects("empty", "empty", "truncated"))
    for part in (slice(60, 100), slice(0, 60)):
        tally = Tally()
        tally.add(images(part.stop - part.start, first=part.start), rejects(*(["empty"] if part.start else ["truncated", "empty"])))
        parts.merge(Tally.from_json(json.loads(json.dumps(tally.to_json()))))
    assert parts == whole
    assert parts.mean("brightness") == whole.mean("brightness") == pytest.approx(0.4501)


def test_an_outcome_counts_duplicates_and_odd_sizes_once() -> None:
    tally, whole = Tally(), Whole()
    rows = images(20)
    odd = rows.slice(0, 1).set_column(2, "width", pa.array([20_000], pa.int32()))
    for part in (rows, odd):
        tally.add(part, rejects())
        whole.add(part)
    found = whole.odd_sizes(QualityThresholds())
    assert found.tolist() == [False] * 20 + [True]
    assert not whole.odd_sizes(QualityThresholds(odd_size_ratio_above=math.inf)).any()
    counts = Outcome.of(tally, whole, int(found.sum()), listed=30, skipped=9, elapsed_seconds=2.0).counts
    assert (counts["images"], counts["unique_images"], counts["duplicates"]) == (21, 7, 14)
    assert counts["issues"] == {"dark": 10, "odd_size": 1}


def test_an_empty_partition_has_an_outcome() -> None:
    outcome = Outcome.of(Tally(), Whole(), 0, listed=0, skipped=0, elapsed_seconds=0.0)
    assert outcome.counts["images"] == 0
    assert outcome.metrics["brightness_mean"] is None
    assert outcome.failure(0.0, "nowhere") is None


def test_positions_count_from_the_offset() -> None:
    answer = {"positions": [0, 2], "columns": {}, "storage_uris": [None, None], "rejects": [[1, "empty", "0 bytes"]]}
    shifted = _shifted(answer, 10)
    assert (shifted["positions"], [tuple(reject) for reject in shifted["rejects"]]) == ([10, 12], [(11, "empty", "0 bytes")])


def test_cores_are_those_that_may_be_used() -> None:
    assert 1 <= available_cores() <= (os.cpu_count() or 1)
