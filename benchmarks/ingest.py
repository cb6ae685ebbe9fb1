"""Ingest end to end against cleanvision and against the decode limit, in one run, on the same files and cores.

    python benchmarks/ingest.py --images ../shared/data/clothing_mini/images --limit 3000 --json

``ours`` lists, reads, decodes, measures, fingerprints, copies and commits into a fresh dataset. cleanvision is its
``Imagelab.find_issues`` with as many jobs as there are cores. The decode limit is what nobody can do without: every file read,
decoded in full by Pillow and hashed, with the best number of threads. Rounds are interleaved, so that a noisy machine treats all
alike, and each number is the best of its rounds. ``--limit`` above the number of files repeats them, as copies.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import multiprocessing
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from itertools import cycle, islice
from pathlib import Path

MEGABYTE = 1e6


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        source = _source(options.images, options.limit, Path(folder) / "source")
        result = compare(source, Path(folder), options)
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:34} {value}")


def compare(source: Path, folder: Path, options: argparse.Namespace) -> dict[str, float | int | None]:
    """Return images per second of each contender; more is better."""
    paths = sorted(path for path in source.rglob("*") if path.is_file())
    _read_all(paths)
    baseline = in_a_process(import_ours)
    ours, limit, cleanvision = [], [], []
    for number in range(options.rounds):
        ours.append(in_a_process(ingest, str(source), str(folder / f"home{number}"), options.workers))
        shutil.rmtree(folder / f"home{number}")
        if not options.only_ours:
            limit += [(_seconds(lambda threads=threads: _decode_all(paths, threads)), threads) for threads in _thread_counts()]  # type: ignore[misc]
            if number < options.cleanvision_rounds:
                cleanvision.append(in_a_process(find_issues, str(source))["seconds"])
    best = min(run["seconds"] for run in ours)
    peak = max(run["peak_rss_mb"] for run in ours)
    result: dict[str, float | int | None] = {
        "images": len(paths),
        "megabytes": round(sum(path.stat().st_size for path in paths) / MEGABYTE, 1),
        "cores": _cores(),
        "ours_images_per_second": round(len(paths) / best, 1),
        "ours_first_run_images_per_second": round(len(paths) / min(run["first_seconds"] for run in ours), 1),
        "cleanvision_images_per_second": round(len(paths) / min(cleanvision), 1) if cleanvision else None,
        "decode_limit_images_per_second": round(len(paths) / min(limit)[0], 1) if limit else None,
        "decode_limit_threads": min(limit)[1] if limit else None,
        "peak_rss_mb": round(peak, 1),
        "peak_rss_above_baseline_mb": round(peak - baseline["peak_rss_mb"], 1),
        "cpu_seconds": round(min(run["cpu_seconds"] for run in ours), 3),
    }
    if limit:
        result["ours_to_limit"] = round(min(limit)[0] / best, 3)
    if cleanvision:
        result["ours_to_cleanvision"] = round(min(cleanvision) / best, 1)
    return result


def in_a_process(work: Callable[..., dict[str, float]], *arguments: object) -> dict[str, float]:
    """Run one contender in a process of its own, so that none pays for what another left in memory; return its numbers."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sender, work, arguments))
    process.start()
    sender.close()
    peak = _PeakMemory(process.pid or 0)
    numbers = receiver.recv()
    process.join()
    return {**numbers, "peak_rss_mb": peak.stop()}


def import_ours() -> dict[str, float]:
    """Only import: the baseline of memory."""
    import pandas
    import pyarrow.parquet
    import pyiceberg.catalog.sql
    import pyiceberg.io.pyarrow

    from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images

    assert all((pandas, pyarrow.parquet, pyiceberg.catalog.sql, pyiceberg.io.pyarrow, ingest_images))
    time.sleep(0.5)
    return {}


def ingest(source: str, home: str, workers: int | None) -> dict[str, float]:
    """Ingest twice into fresh datasets: a first time with all imports, and as in a process that has them."""
    started = time.perf_counter()
    from airflow_cv_dataops.core.dataset import open_dataset
    from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images

    def run(name: str) -> None:
        result = ingest_images(open_dataset(name, home=home), "all", source, workers=workers, max_reject_ratio=1.0)
        assert result.summary.counts["images"], "no image was taken"

    run("first")
    first_seconds = time.perf_counter() - started
    cpu_seconds = sum(os.times()[:4])
    seconds = _seconds(lambda: run("second"))
    return {"first_seconds": first_seconds, "seconds": seconds, "cpu_seconds": sum(os.times()[:4]) - cpu_seconds}


def find_issues(source: str) -> dict[str, float]:
    """Let cleanvision look at the same files, its import not counted."""
    from cleanvision import Imagelab

    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        return {"seconds": _seconds(lambda: Imagelab(data_path=source).find_issues(n_jobs=_cores(), verbose=False))}


class _PeakMemory:
    """Watches the resident memory of a process and all below it, added up (shared pages count in each)."""

    def __init__(self, process: int) -> None:
        self._process = process
        self._peak = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> float:
        """Return the peak in MB."""
        self._is_over.set()
        self._thread.join()
        return self._peak / MEGABYTE

    def _watch(self) -> None:
        import psutil

        while not self._is_over.wait(0.1):
            total = 0
            try:
                parent = psutil.Process(self._process)
                for process in [parent, *parent.children(recursive=True)]:
                    total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
            self._peak = max(self._peak, total)


def _send(sender: object, work: Callable[..., dict[str, float]], arguments: tuple[object, ...]) -> None:
    sender.send(work(*arguments))  # type: ignore[attr-defined]


def _decode_all(paths: list[Path], threads: int) -> None:
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(_decode_in_full, paths))


def _decode_in_full(path: Path) -> str:
    from PIL import Image

    data = path.read_bytes()
    try:
        Image.open(io.BytesIO(data)).load()
    except (OSError, SyntaxError, ValueError):
        return ""
    return hashlib.sha256(data).hexdigest()


def _read_all(paths: list[Path]) -> None:
    """Bring the files into the page cache, so that the first contender does not pay for the disk."""
    for path in paths:
        path.read_bytes()


def _thread_counts() -> list[int]:
    return sorted({1, _cores(), 2 * _cores()})


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _source(images: Path, limit: int | None, folder: Path) -> Path:
    """Return the folder itself, or one with copies of its first ``limit`` files, which start again where there are fewer."""
    if limit is None:
        return images
    folder.mkdir()
    found = sorted(path for path in images.rglob("*") if path.is_file())
    for number, path in enumerate(islice(cycle(found), limit)):
        shutil.copyfile(path, folder / f"{number:07}{path.suffix}")
    return folder


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="folder with images")
    parser.add_argument("--limit", type=int, help="take N files: the first N, or all of them again and again")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cleanvision-rounds", type=int, default=1)
    parser.add_argument("--only-ours", action="store_true", help="measure neither cleanvision nor the decode limit")
    parser.add_argument("--workers", type=int, help="processes of ours; default: its own choice")
    parser.add_argument("--scratch", type=Path, help="folder for copies and datasets; default: the system's")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


if __name__ == "__main__":
    main()
