"""A decoder that crashes, hangs, eats memory or lies costs the one file that it had in hand, and never the task."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.faulty_decoder import PICTURES, MakeDataset, ingest, source
from PIL import Image
from processes import wait_for

from airflow_cv_dataops.core.errors import CvDataOpsError
from airflow_cv_dataops.core.imaging.decoding.decode import OUT_OF_MEMORY
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.imaging.ingest.workers import pool, starvation
from airflow_cv_dataops.core.imaging.sources.prefix import PrefixSource
from airflow_cv_dataops.core.progress import Progress
from airflow_cv_dataops.core.store.objects import ObjectInfo

__all__ = ["source"]

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("fault", "workers", "detail"),
    [
        ("segfault", 1, "decoder crashed (signal 11)"),
        ("segfault", 2, "decoder crashed (signal 11)"),
        ("exit", 2, "decoder crashed (exit code 3)"),
        ("raise", 2, "decoder crashed (exit code 1)"),
        ("eat", 2, OUT_OF_MEMORY),
    ],
)
def test_a_fault_costs_its_file_alone(make_dataset: MakeDataset, source: Path, fault: str, workers: int, detail: str) -> None:
    for number in (3, 4):
        (source / f"0{number}_bad.jpg").write_text(fault)
    assert ingest(make_dataset(), source, workers=workers) == dict.fromkeys(("03_bad.jpg", "04_bad.jpg"), ("unreadable", detail))


def test_a_file_that_hangs_is_a_reject_however_busy_the_machine_is(make_dataset: MakeDataset, source: Path) -> None:
    alone = source.with_name("alone")
    alone.mkdir()
    (alone / "03_bad.jpg").write_text("hang")
    assert ingest(make_dataset(), alone, timeout_seconds=2) == {"03_bad.jpg": ("timeout", "not done after 2 s")}


@pytest.mark.timing
@pytest.mark.parametrize("fault", ["hang", "spin"])
def test_a_file_that_never_ends_costs_itself_alone(make_dataset: MakeDataset, source: Path, fault: str) -> None:
    (source / "03_bad.jpg").write_text(fault)
    assert ingest(make_dataset(), source, timeout_seconds=2) == {"03_bad.jpg": ("timeout", "not done after 2 s")}


def test_a_file_that_ran_out_of_time_once_is_taken_when_it_is_tried_alone(make_dataset: MakeDataset, source: Path, tmp_path: Path) -> None:
    (source / "05_slow.bin").write_text(f"stall1:{tmp_path / 'mark'}")
    assert ingest(make_dataset(), source)["05_slow.bin"][0] == "not_an_image"
    assert (tmp_path / "mark").read_text() == "x"


def test_a_worker_that_waited_for_a_processor_gets_more_time(
    make_dataset: MakeDataset, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    starve(monkeypatch)
    caplog.set_level("INFO")
    (source / "05_slow.bin").write_text(f"stall3:{tmp_path / 'mark'}")
    assert ingest(make_dataset(), source)["05_slow.bin"][0] == "not_an_image"
    assert (tmp_path / "mark").read_text() == "xxx"
    waits = [line for line in caplog.messages if line.endswith("is given more time")]
    assert [re.findall(r"most of (\S+) s: (\S+) is given", line) for line in waits] == [
        [(seconds, (source / "05_slow.bin").as_uri())] for seconds in ("120", "240")
    ]


@pytest.mark.timing
def test_healthy_files_are_taken_on_a_machine_that_is_much_too_busy(make_dataset: MakeDataset, tmp_path: Path) -> None:
    """A worker and a dozen processes that never rest share one processor: a tenth of a second of work takes more than a second."""
    source = tmp_path / "large"
    source.mkdir()
    for number in range(3):
        Image.effect_noise((1600, 1200), 20 + number).save(source / f"{number}.png")
    all_processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(all_processors)})
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(12)]
    try:
        assert ingest(make_dataset(), source, workers=1, timeout_seconds=0.5) == {}
    finally:
        for other in others:
            other.kill()
            other.wait()
        os.sched_setaffinity(0, all_processors)


def test_a_machine_too_busy_to_tell_fails_the_step_and_rejects_nothing(
    make_dataset: MakeDataset, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starve(monkeypatch)
    monkeypatch.setattr(pool, "_MORE_TIME", (2, 4))
    (source / "05_slow.bin").write_text(f"stall9:{tmp_path / 'mark'}")
    dataset = make_dataset()
    with pytest.raises(CvDataOpsError, match=r"Of 240 s, a worker had a processor for less than 60: .* too busy .*05_slow\.bin"):
        ingest_images(dataset, "a", str(source))
    assert dataset.snapshot_id("images") is None


def starve(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it look as if workers had waited for a processor all the time."""
    monkeypatch.setattr(starvation.Starvation, "seconds", 1_000.0)


@pytest.mark.parametrize("load", [0.0, float("inf")])
def test_where_the_machine_does_not_tell_its_load_does(monkeypatch: pytest.MonkeyPatch, load: float) -> None:
    looks: list[int] = []
    monkeypatch.setattr(starvation, "waiting_seconds", lambda process: looks.append(process) or {})
    monkeypatch.setattr(starvation.os, "getloadavg", lambda: (load, load, load))
    with starvation.Starvation(0, 0.2, lambda: True) as found:
        wait_for(lambda: len(looks) > 3)
        assert (found.seconds > 0) is (load > 0)


def test_what_waits_in_a_thread_of_a_decoder_counts_too(tmp_path: Path) -> None:
    """And what was waited before the work began does not."""
    at_work = False
    waits = {1: 5.0}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(starvation, "waiting_seconds", lambda process: dict(waits))
        with starvation.Starvation(0, 0.2, lambda: at_work) as found:
            wait_for(lambda: found._before == {1: 5.0})
            waits |= {1: 5.5, 2: 2.0}
            at_work = True
            wait_for(lambda: found.seconds == 2.5)
            del waits[2]
            waits[1] = 6.0
            wait_for(lambda: found.seconds == 3.0)


def test_a_file_takes_two_crashes_to_be_a_reject(make_dataset: MakeDataset, source: Path, tmp_path: Path) -> None:
    """One that ran out of time, whose next worker was killed from outside, is tried once more."""
    (source / "05_unlucky.bin").write_text(f"unlucky{tmp_path / 'mark'}")
    assert ingest(make_dataset(), source)["05_unlucky.bin"][0] == "not_an_image"
    assert (tmp_path / "mark").read_text() == "xx"


def test_what_a_decoder_prints_disturbs_nobody(make_dataset: MakeDataset, source: Path) -> None:
    (source / "bad.jpg").write_text("print")
    assert ingest(make_dataset(), source)["bad.jpg"][0] == "not_an_image"


def test_a_decoder_that_writes_answers_of_its_own_loses_its_file(make_dataset: MakeDataset, source: Path) -> None:
    (source / "bad.jpg").write_text("lie")
    assert ingest(make_dataset(), source)["bad.jpg"][0] == "unreadable"


def test_a_worker_that_was_killed_from_outside_costs_no_file(make_dataset: MakeDataset, source: Path, tmp_path: Path) -> None:
    (source / "05_killed.bin").write_bytes(b"once" + os.fsencode(tmp_path / "mark"))
    assert ingest(make_dataset(), source)["05_killed.bin"][0] == "not_an_image"
    assert (tmp_path / "mark").exists()


def test_an_image_that_needs_more_memory_than_a_worker_has_is_a_reject(make_dataset: MakeDataset, source: Path) -> None:
    Image.new("RGB", (11_000, 11_000)).save(source / "bomb.png")  # below the limit of pixels
    assert ingest(make_dataset(), source, worker_memory_bytes=512 * 1024 * 1024) == {"bomb.png": ("unreadable", OUT_OF_MEMORY)}


def test_a_file_that_others_left_no_memory_for_is_taken_when_it_is_alone(make_dataset: MakeDataset, source: Path, tmp_path: Path) -> None:
    (source / "05_crowded.bin").write_bytes(b"crowd" + os.fsencode(tmp_path / "mark"))
    assert ingest(make_dataset(), source)["05_crowded.bin"][0] == "not_an_image"
    assert (tmp_path / "mark").exists()


def test_a_worker_that_dies_while_files_are_read_costs_the_one_that_is_left_in_the_end(
    make_dataset: MakeDataset, source: Path, tmp_path: Path
) -> None:
    names = [path.name for path in sorted(source.iterdir())]
    (tmp_path / "list.csv").write_text("\n".join(["uri", *(f"in/{name}" for name in [*names[:5], "abort.png", *names[5:]])]))
    dataset = make_dataset()
    ingest_images(dataset, "a", str(tmp_path / "list.csv"), max_reject_ratio=1.0)
    assert dataset.read("images")["file_name"].to_pylist() == [f"in/{name}" for name in names]
    rejects = dataset.read("rejects").to_pylist()
    assert [(row["file_name"], row["reason"], row["detail"]) for row in rejects] == [
        ("in/abort.png", "unreadable", "decoder crashed (signal 6)")
    ]


def test_workers_that_cannot_start_fail_the_step_and_say_why(make_dataset: MakeDataset, source: Path, tmp_path: Path) -> None:
    (tmp_path / "site" / "sitecustomize.py").write_text("raise SystemExit('this machine is broken')")
    dataset = make_dataset()
    with pytest.raises(CvDataOpsError, match=r"3 worker processes ended one after the other .* this machine is broken"):
        ingest_images(dataset, "a", str(source))
    assert dataset.snapshot_id("images") is None


def test_unchanged_files_are_not_read_again_unless_forced(make_dataset: MakeDataset, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, asked = make_dataset(), []
    (source / "bad.jpg").write_text("no image")
    ingest(dataset, source)
    before = dataset.snapshots(("images", "rejects"))
    ask = pool._Process.ask
    monkeypatch.setattr(pool._Process, "ask", lambda self, files, *time: asked.extend(file[0] for file in files) or ask(self, files, *time))
    ingest(dataset, source)
    assert asked == []
    assert dataset.snapshots(("images", "rejects")) == before
    (source / "03.png").write_bytes((source / "04.png").read_bytes())
    Image.effect_noise((40, 30), 90).save(source / "0new.png")
    (source / "05.png").unlink()
    ingest(dataset, source)
    assert sorted(asked) == ["03.png", "0new.png"]
    asked.clear()
    ingest(dataset, source, force=True)
    assert len(asked) == PICTURES + 1
    asked.clear()
    ingest(dataset, source, copy_images=False)
    assert len(asked) == PICTURES + 1


@pytest.mark.timing
def test_progress_is_told_while_the_source_is_listed_and_while_a_file_hangs(
    make_dataset: MakeDataset, source: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def slowly(self: PrefixSource) -> Iterator[ObjectInfo]:
        for info in found(self):
            time.sleep(0.1)
            yield info

    found = PrefixSource.list
    monkeypatch.setattr(PrefixSource, "list", slowly)
    monkeypatch.setattr(Progress.__init__, "__kwdefaults__", {"interval_seconds": 0.3})
    caplog.set_level("INFO")
    (source / "zz_bad.jpg").write_text("hang")
    ingest(make_dataset(), source, workers=1, timeout_seconds=2)
    assert [line for line in caplog.messages if re.fullmatch(r"\d+ files listed, [\d.]+/s", line)]
    assert [line for line in caplog.messages if re.fullmatch(r"\d+ of 13 images \(\d+%\), [\d.]+/s, about \S+ s left", line)]
