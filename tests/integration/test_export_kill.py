"""Exports killed at many points: nobody takes what is there for an export, and the next run ends where one that was not killed does."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from exporting import Point, export, export_until_killed, files_of, make_release, options_of, tree, written_by
from processes import PATIENCE_SECONDS, forkserver

from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.export.manifest import check_export
from airflow_cv_dataops.core.export.options import ExportOptions
from airflow_cv_dataops.core.export.transform.placement import Resize

pytestmark = [
    pytest.mark.integration,
    pytest.mark.once(reason="it takes long, and hangs on files and processes, which are the same in all sets of versions"),
]

PLAN, MANIFEST = r"_export/export\.json$", r"_export/manifest\.json$"
ASKED = {
    "yolo": options_of("yolo"),
    "coco": options_of("coco"),
    "linked": options_of("coco", images="link"),
    "resized": options_of("yolo_seg", resize=Resize((24, 24), "pad")),
    "webdataset": options_of("webdataset"),
    "huggingface": options_of("huggingface"),
}
# One before and one after each kind of step, each format once; `make test-races` kills at more.
POINTS: list[tuple[str, Point]] = [
    ("yolo", ("put", PLAN, "before", 1)),
    ("yolo", ("half", "", "", 4)),
    ("yolo", ("put", "_export/parts/", "after", 2)),
    ("yolo", ("_move", MANIFEST, "before", 1)),
    ("yolo", ("put", MANIFEST, "after", 1)),
    ("coco", ("put_file", "^annotations/", "before", 1)),
    ("linked", ("_move", "^images/", "before", 5)),
    ("resized", ("put", "^images/", "after", 2)),
    ("webdataset", ("put_file", "^train", "before", 2)),
    ("huggingface", ("_move", r"\.parquet$", "before", 2)),
]
MORE_POINTS: list[tuple[str, Point]] = [
    ("yolo", ("_move", PLAN, "before", 1)),
    ("yolo", ("put", PLAN, "after", 1)),
    ("yolo", ("_move", "^images/", "before", 2)),
    ("yolo", ("put", "^labels/", "after", 5)),
    ("yolo", ("put", "_export/parts/", "before", 2)),
    ("yolo", ("put_file", r"data\.yaml", "after", 1)),
    ("yolo", ("put", MANIFEST, "before", 1)),
    ("coco", ("put", "^images/", "after", 7)),
    ("coco", ("_move", "^annotations/", "before", 2)),
    ("coco", ("put", "parts/whole", "before", 1)),
    ("linked", ("link", "^images/", "before", 5)),
    ("linked", ("link", "^images/", "after", 10)),
    ("resized", ("put", "_export/parts/", "before", 2)),
    ("resized", ("put", "parts/whole", "after", 1)),
    ("webdataset", ("put_file", "^train", "after", 2)),
    ("webdataset", ("put", "_export/parts/", "after", 2)),
    ("huggingface", ("put_file", r"README\.md", "before", 1)),
]


def also_in_races(usual: Sequence[Any], more: Sequence[Any]) -> list[Any]:
    """Return both as parameters; `make test-races` alone runs the latter."""
    return [*usual, *(pytest.param(*(one if isinstance(one, tuple) else (one,)), marks=pytest.mark.races) for one in more)]


class Scene:
    """One release, and exports of it that were not killed."""

    def __init__(self, folder: Path) -> None:
        self.dataset = make_release(folder)
        self.home = str(folder / "home")
        self.folder = folder
        self.context = forkserver()
        self._whole: dict[str, Path] = {}

    def whole(self, name: str) -> Path:
        """Return a folder with the export as it is to be."""
        if name not in self._whole:
            self._whole[name] = self.folder / f"whole-{name}"
            export(self.dataset, self._whole[name], ASKED[name])
        return self._whole[name]

    def kill(self, target: Path, options: ExportOptions, point: Point, **more: Any) -> None:
        child = self.context.Process(target=export_until_killed, args=(self.home, str(target), options, point, more))
        child.start()
        child.join(PATIENCE_SECONDS)
        assert child.exitcode == -signal.SIGKILL, "it came to no such point"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(tmp_path_factory.mktemp("release"))


@pytest.mark.parametrize(("name", "point"), also_in_races(POINTS, MORE_POINTS))
def test_an_export_that_was_killed_is_none_and_the_next_run_writes_what_is_missing(
    scene: Scene, tmp_path: Path, name: str, point: Point
) -> None:
    target, whole = tmp_path / "export", scene.whole(name)
    scene.kill(target, ASKED[name], point)
    left = files_of(target)
    assert left.items() <= files_of(whole).items(), "no file is there but whole ones"
    if point == ("put", MANIFEST, "after", 1):
        assert check_export(target).is_whole
    else:
        with pytest.raises(DatasetNotFoundError, match="holds no export"):
            check_export(target)
    again = export(scene.dataset, target, ASKED[name])
    assert written_by(again) == len(files_of(whole)) - len(left)
    assert tree(target) == tree(whole)
    assert check_export(target).is_whole
    assert written_by(export(scene.dataset, target, ASKED[name])) == 0


@pytest.mark.parametrize("name", also_in_races(["resized"], ["yolo", "webdataset"]))
def test_an_export_killed_three_times_ends_as_any_other(scene: Scene, tmp_path: Path, name: str) -> None:
    target = tmp_path / "export"
    for _ in range(3):
        scene.kill(target, ASKED[name], ("put_file" if name == "webdataset" else "put", "^(images|train|val)", "after", 1))
    export(scene.dataset, target, ASKED[name])
    assert tree(target) == tree(scene.whole(name))


@pytest.mark.parametrize(
    ("point", "is_still_the_old_one"),
    also_in_races(
        [
            (("remove", MANIFEST, "before", 1), True),
            (("remove", MANIFEST, "after", 1), False),
            (("unlink", "export/images/", "before", 3), False),
        ],
        [
            (("unlink", "export/images/", "after", 10), False),
            (("clear", "^never$|.", "after", 1), False),
            (("_move", PLAN, "before", 1), False),
        ],
    ),
)
def test_killed_while_it_removes_another_export_the_next_run_goes_on_where_it_is_allowed_to(
    scene: Scene, tmp_path: Path, point: Point, is_still_the_old_one: bool
) -> None:
    target = tmp_path / "export"
    export(scene.dataset, target, ASKED["coco"])
    scene.kill(target, ASKED["yolo"], point, replace=True)
    if is_still_the_old_one:
        assert check_export(target).is_whole
    else:
        with pytest.raises(DatasetNotFoundError, match="not finished"):
            check_export(target)
    with pytest.raises(ConfigurationError, match="another format"):
        export(scene.dataset, target, ASKED["yolo"])
    export(scene.dataset, target, ASKED["yolo"], replace=True)
    assert tree(target) == tree(scene.whole("yolo"))


def test_the_export_that_was_to_be_replaced_can_be_finished_in_its_stead(scene: Scene, tmp_path: Path) -> None:
    target = tmp_path / "export"
    export(scene.dataset, target, ASKED["coco"])
    scene.kill(target, ASKED["yolo"], ("unlink", "export/images/", "before", 3), replace=True)
    export(scene.dataset, target, ASKED["coco"])
    assert tree(target) == tree(scene.whole("coco"))
