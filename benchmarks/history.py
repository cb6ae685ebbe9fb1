"""What years of daily partitions cost in a table's history: seconds of a processor for a commit, files and bytes, commits of a rerun.

    python benchmarks/history.py --commits 1000 --json

In an embedded dataset, each measured in a process of its own. ``commit_<n>``: CPU seconds of a commit to ``metrics`` when the table has so
many snapshots (the mean of five), each of a partition of its own; ``first_commit_<n>``: of a process that does nothing else, as of a task,
without its imports, and ``read_<n>``: of reading one partition there. ``metadata_*`` and ``data_*``: files and MB of the table then.
``plain_commit_<n>``: the same with PyIceberg's own transaction and catalog, up to ``--plain`` commits.

``first``, ``again`` and ``third``: one partition of pictures made from a seed, which is ingested, labelled, predicted, embedded, audited,
sampled, looked at and promoted, and then twice once more without a change: commits to each table, and MB of the tables after each.
"""

from __future__ import annotations

import argparse
import csv
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyiceberg.catalog.sql
import pyiceberg.io.pyarrow  # noqa: F401 (what a process loads in any case does not count)
from measuring import MEGABYTE, in_a_process, show

import airflow_cv_dataops as cv
from airflow_cv_dataops.core.store.schema import TABLES

NAME, KEY = "history", "2026-11-05"
MARKS = (10, 100, 500, 1000, 2000, 4000)
NUMBERS = 10  # rows a commit
FIRST = date(2024, 1, 1)


def main() -> None:
    options = _options()
    result: dict[str, Any] = {"commits": options.commits}
    with tempfile.TemporaryDirectory(dir=options.scratch) as home:
        done = 0
        for mark in sorted({mark for mark in MARKS if mark < options.commits} | {options.commits}):
            result |= in_a_process(grow, home, done, mark)
            done = mark + 1
            result |= in_a_process(commit_once, home, mark)
    with tempfile.TemporaryDirectory(dir=options.scratch) as home:
        for mark in (mark for mark in MARKS if mark <= options.plain):
            result |= in_a_process(grow_plainly, home, mark)
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        make_source(Path(folder, "source"), options.images)
        result |= {name: in_a_process(run_partition, folder) for name in ("first", "again", "third")}
    show(result, as_json=options.json)


def grow(home: str, done: int, mark: int) -> dict[str, Any]:
    """Commit until the table has so many snapshots; return CPU seconds of the last five commits."""
    dataset = cv.open_dataset(NAME, home=home)
    seconds = [_cpu(lambda at=at: dataset.replace_partition("metrics", _day(at), numbers(at), owner="ingest")) for at in range(done, mark)]
    table = Path(home, "warehouse", NAME, "metrics")
    return {f"commit_{mark}": _mean(seconds[-5:]), **_sizes(table, "metadata", mark), **_sizes(table, "data", mark)}


def commit_once(home: str, mark: int) -> dict[str, Any]:
    """Commit as a process does that has opened nothing yet, and read a partition as another."""
    writer, reader = cv.open_dataset(NAME, home=home), cv.open_dataset(NAME, home=home)
    commit = _cpu(lambda: writer.replace_partition("metrics", _day(mark), numbers(mark), owner="ingest"))
    return {f"first_commit_{mark}": commit, f"read_{mark}": _cpu(lambda: reader.read("metrics", partition_key=_day(mark // 2)))}


def grow_plainly(home: str, mark: int) -> dict[str, Any]:
    """Commit through PyIceberg alone, one partition after the other."""
    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.expressions import EqualTo

    dataset = cv.open_dataset(NAME, home=home)
    catalog = SqlCatalog(dataset.config.name, **dataset.config.properties)
    found = dataset.ensure_table("metrics")
    schema = found.schema().as_arrow()
    seconds = []
    for at in range(len(found.metadata.snapshots), mark):
        rows = numbers(at).append_column("partition_key", pa.array([_day(at)] * NUMBERS))
        rows = rows.append_column("step", pa.array(["ingest"] * NUMBERS))
        columns = [rows[name] if name in rows.column_names else pa.nulls(NUMBERS, pa.string()) for name in schema.names]
        table, whole = catalog.load_table(found.name()), pa.table(columns, schema=schema)
        seconds.append(_cpu(lambda t=table, w=whole, at=at: t.overwrite(w, EqualTo("partition_key", _day(at)))))
    return {f"plain_commit_{mark}": _mean(seconds[-5:])}


def run_partition(folder: str) -> dict[str, Any]:
    """Run every step on the partition; return commits by table, the tables' MB, and CPU seconds."""
    source, dataset = Path(folder, "source"), cv.open_dataset("digits", home=f"{folder}/home")
    before, started = _snapshots(dataset), time.process_time()
    cv.ingest_images(dataset, KEY, source / "images", workers=1)
    cv.import_labels(dataset, KEY, source / "labels.csv", format="csv")
    cv.import_predictions(dataset, KEY, source / "model.csv", model="cnn", format="probabilities")
    cv.embed_images(dataset, KEY)
    cv.audit_labels(dataset, KEY, on_findings="warn")
    cv.check_health(dataset, KEY, on_findings="warn", as_of=datetime(2026, 11, 6, tzinfo=UTC))
    cv.sample_hard_examples(dataset, KEY, model="cnn", budget=10)
    cv.promote_dataset(dataset, gates=["images >= 1"])
    seconds = time.process_time() - started
    commits = {name: number - before.get(name, 0) for name, number in _snapshots(dataset).items() if number > before.get(name, 0)}
    megabytes = _megabytes(path for name in TABLES for path in Path(folder, "home", "warehouse", "digits", name).rglob("*"))
    return {"commits": sum(commits.values()), "by_table": commits, "tables_mb": megabytes, "cpu_seconds": round(seconds, 2)}


def make_source(folder: Path, images: int) -> None:
    """Write pictures, labels and a model's probabilities."""
    from PIL import Image

    drawn = random.Random(7)
    (folder / "images").mkdir(parents=True)
    labels, predictions = [("file", "label")], [("file", "even", "odd")]
    for number in range(images):
        name = f"{number:04}.png"
        Image.frombytes("RGB", (48, 48), drawn.randbytes(48 * 48 * 3)).save(folder / "images" / name)
        labels.append((name, "odd" if number % 2 else "even"))
        even = drawn.random()
        predictions.append((name, f"{even:.4f}", f"{1 - even:.4f}"))
    for name, rows in (("labels.csv", labels), ("model.csv", predictions)):
        with (folder / name).open("w", newline="") as file:
            csv.writer(file).writerows(rows)


def numbers(seed: int) -> pa.Table:
    at = pa.array([datetime(2026, 11, 5, tzinfo=UTC)] * NUMBERS, pa.timestamp("us", tz="UTC"))
    names, values = [f"number_{place}" for place in range(NUMBERS)], [float(seed + place) for place in range(NUMBERS)]
    return pa.table({"metric": names, "value": values, "recorded_at": at})


def _snapshots(dataset: cv.Dataset) -> dict[str, int]:
    found = {name: dataset.load_table(name) for name in TABLES}
    return {name: len(table.metadata.snapshots) for name, table in found.items() if table is not None}


def _day(at: int) -> str:
    return str(FIRST + timedelta(days=at))


def _sizes(table: Path, folder: str, mark: int) -> dict[str, Any]:
    paths = [path for path in (table / folder).rglob("*") if path.is_file()]
    return {f"{folder}_files_{mark}": len(paths), f"{folder}_mb_{mark}": _megabytes(iter(paths))}


def _megabytes(paths: Iterator[Path]) -> float:
    return round(sum(path.stat().st_size for path in paths if path.is_file()) / MEGABYTE, 2)


def _cpu(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return round(time.process_time() - started, 3)


def _mean(values: list[float]) -> float:
    return round(sum(values) / len(values), 3)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commits", type=int, default=1000)
    parser.add_argument("--plain", type=int, default=0, help="as many commits of PyIceberg's own, to compare with")
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--scratch", help="a folder for the datasets; default: the system's")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
