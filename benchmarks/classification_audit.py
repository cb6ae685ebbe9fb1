"""Label errors from 50,000 x 1,000 class probabilities: ours against cleanlab's, on the same arrays, each in a process of its own.

    python benchmarks/classification_audit.py --json

The arrays are made from a seed: true classes uniform; one given label in ten replaced by a class drawn at random; probabilities the
softmax of standard normal logits to which the true class has ``--sureness`` added (4: three in four right). They are written as
float64 .npy files and loaded whole by both. Ours: two passes, the confident joint, the noise model, suspect labels (``balanced``) and
self-confidence of all labels. cleanlab: ``filter.find_label_issues`` with its defaults (``prune_by_noise_rate``, all cores; ``--jobs``
for another number) and ``rank.get_label_quality_scores``. Extra memory is by how much the peak of the resident memory of the process
and its children, read every 10 ms, exceeds what it was when all was imported and loaded. Rounds alternate; the best time and its
memory count.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

MEGABYTE = 1e6


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        make_arrays(Path(folder), options)
        runs: dict[str, list[dict[str, float]]] = {"ours": [], "cleanlab": []}
        for _ in range(options.rounds):
            runs["ours"].append(in_a_process(audit, folder, 0))
            if not options.only_ours:
                runs["cleanlab"].append(in_a_process(find_issues, folder, options.jobs))
    result: dict[str, float] = {"labels": options.labels, "classes": options.classes, "seed": options.seed}
    for name, measured in runs.items():
        if measured:
            best = min(measured, key=lambda run: run["seconds"])
            result |= {f"{name}_seconds": round(best["seconds"], 3), f"{name}_extra_mb": round(best["extra_mb"], 1)}
            result |= {f"{name}_found": best["found"], f"{name}_f1": round(best["f1"], 4)}
    if options.json:
        print(json.dumps(result))
        return
    for key, value in result.items():
        print(f"{key:20} {value}")


def make_arrays(folder: Path, options: argparse.Namespace) -> None:
    """Write true classes, given labels and probabilities."""
    random = np.random.default_rng(options.seed)
    true = random.integers(0, options.classes, options.labels)
    given = np.where(random.random(options.labels) < options.noise, random.integers(0, options.classes, options.labels), true)
    probabilities = random.normal(size=(options.labels, options.classes))
    probabilities[np.arange(options.labels), true] += options.sureness
    np.exp(probabilities, out=probabilities)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    for name, array in (("true", true), ("given", given), ("probabilities", probabilities)):
        np.save(folder / f"{name}.npy", array)


def in_a_process(work: Callable[..., dict[str, float]], *arguments: object) -> dict[str, float]:
    """Run one contender in a fresh process, so that neither hides in memory that the other has left; return its numbers."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sender, work, arguments))
    process.start()
    sender.close()
    numbers: dict[str, float] = receiver.recv()
    process.join()
    return numbers


def audit(folder: str, _: int) -> dict[str, float]:
    """Find the suspect labels and score all."""
    from contextlib import nullcontext

    from airflow_cv_dataops.core.audit.label_errors.batches import batches_of
    from airflow_cv_dataops.core.audit.label_errors.confident_learning import examine
    from airflow_cv_dataops.core.audit.label_errors.noise import estimate_noise
    from airflow_cv_dataops.core.audit.label_errors.suspicion import suspects

    def work(given: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        batches = batches_of(probabilities, given)
        evidence = examine(batches, probabilities.shape[1])
        assert evidence is not None
        assert len(evidence.confidence) == len(given)
        return suspects(evidence, estimate_noise(evidence), "balanced", lambda: nullcontext(batches))

    return _measured(folder, work)


def find_issues(folder: str, jobs: int | None) -> dict[str, float]:
    """Let cleanlab find its issues and score all."""
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    # A spawned process would spawn in turn; cleanlab hands arrays to its workers by forking.
    multiprocessing.set_start_method("fork", force=True)

    def work(given: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        found: np.ndarray = find_label_issues(given, probabilities, n_jobs=jobs)
        get_label_quality_scores(given, probabilities)
        return found

    return _measured(folder, work)


def _measured(folder: str, work: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> dict[str, float]:
    given, true, probabilities = (np.load(Path(folder) / f"{name}.npy") for name in ("given", "true", "probabilities"))
    probabilities.sum()
    # The first call of a function may import more; that is no part of the work.
    work(given[:200] % 20, probabilities[:200, :20] / probabilities[:200, :20].sum(axis=1, keepdims=True))
    memory = _PeakMemory()
    started = time.perf_counter()
    found = work(given, probabilities)
    seconds = time.perf_counter() - started
    wrong = given != true
    f1 = 2 * float((found & wrong).sum()) / max(int(found.sum() + wrong.sum()), 1)
    return {"seconds": seconds, "extra_mb": memory.stop(), "found": int(found.sum()), "f1": f1}


class _PeakMemory:
    """Watches the memory of this process, and what its children do not share with it."""

    def __init__(self) -> None:
        self._before = self._peak = _resident()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """Return by how much the peak exceeds the beginning, in MB."""
        self._is_over.set()
        self._thread.join()
        return (self._peak - self._before) / MEGABYTE

    def _watch(self) -> None:
        while not self._is_over.wait(0.01):
            self._peak = max(self._peak, _resident())


def _resident() -> int:
    import psutil

    process = psutil.Process()
    total = process.memory_info().rss
    for child in process.children(recursive=True):
        try:
            total += child.memory_full_info().uss
        except psutil.NoSuchProcess:
            continue
    return int(total)


def _send(sender: object, work: Callable[..., dict[str, float]], arguments: tuple[object, ...]) -> None:
    sender.send(work(*arguments))  # type: ignore[attr-defined]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=int, default=50_000)
    parser.add_argument("--classes", type=int, default=1_000)
    parser.add_argument("--noise", type=float, default=0.1, help="share of labels that are drawn anew")
    parser.add_argument("--sureness", type=float, default=4.0, help="what is added to the logit of the true class")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, help="cleanlab's n_jobs; default: its own choice")
    parser.add_argument("--only-ours", action="store_true", help="do not measure cleanlab")
    parser.add_argument("--scratch", help="folder for the arrays (400 MB); default: the system's")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


if __name__ == "__main__":
    main()
