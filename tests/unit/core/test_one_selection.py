"""One selection of files for ingests, imports and the arrival sensor: field cases of macOS, NAS boxes, notebooks and links."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from airflow_cv_dataops import Dataset, import_labels, import_predictions, ingest_images, observe_arrival
from airflow_cv_dataops.core.errors import ConfigurationError, EmptySourceError
from airflow_cv_dataops.core.imaging.ingest.settings import IngestSettings

KEY = "2026-11-05"


def file_names(dataset: Dataset) -> list[str]:
    return sorted(dataset.images(["file_name"])["file_name"].to_pylist())


def boxes(dataset: Dataset, label_set: str = "default") -> list[tuple[str, str]]:
    rows = dataset.read("annotations", where=f"label_set = '{label_set}'").to_pylist()
    return sorted((row["source_uri"].rpartition("/")[2], row["category"]) for row in rows if row["image_id"])


def test_the_files_of_macos_synology_and_notebooks_are_no_images_and_no_labels(
    shared_data: Callable[[str], Path], make_dataset: Callable[..., Dataset]
) -> None:
    case, dataset = shared_data("field_cases") / "yolo_mac_files", make_dataset()
    result = ingest_images(dataset, KEY, case / "images")
    counts = result.summary.counts
    assert (file_names(dataset), counts["images"], counts["rejects"], counts["listed"], counts["skipped"]) == (["a.jpg"], 1, 0, 7, 6)
    assert observe_arrival(case / "images").images == 1
    yolo = import_labels(dataset, KEY, case / "labels", format="yolo").summary.counts
    assert (yolo["files"], yolo["problems"], yolo["unmatched"]) == (1, {}, 0)
    voc = import_labels(dataset, KEY, case / "voc", format="voc", label_set="voc").summary.counts
    assert (voc["files"], voc["problems"], voc["unmatched"]) == (1, {}, 0)
    assert {name for name, _ in (*boxes(dataset), *boxes(dataset, "voc"))} == {"a.jpg"}


def test_so_they_are_in_an_archive_and_below_a_source_that_is_hidden_itself(
    shared_data: Callable[[str], Path], make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    case = shared_data("field_cases") / "yolo_mac_files"
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for path in sorted(case.rglob("*")):
            if path.is_file() and "labels" not in path.parts and "voc" not in path.parts:
                archive.write(path, path.relative_to(case))
        archive.writestr("__MACOSX/images/b.jpg", (case / "images" / "a.jpg").read_bytes())
    zipped = make_dataset("zipped")
    counts = ingest_images(zipped, KEY, tmp_path / "images.zip").summary.counts
    assert (file_names(zipped), counts["rejects"], counts["skipped"]) == (["images/a.jpg"], 0, 7)
    hidden = tmp_path / ".cache" / "images"
    shutil.copytree(case / "images", hidden)
    dataset = make_dataset("cached")
    assert ingest_images(dataset, KEY, hidden, IngestSettings(exclude=[])).summary.counts["rejects"] == 0
    assert (file_names(dataset), observe_arrival(hidden, exclude=[]).images) == (["a.jpg"], 1)


def test_a_linked_folder_holds_images_and_labels_as_any_other(
    shared_data: Callable[[str], Path], make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    shutil.copytree(shared_data("field_cases") / "symlinked_folder", tmp_path / "in", symlinks=True)
    case, dataset = tmp_path / "in" / "yolo", make_dataset()
    case.chmod(0o755)
    for name in ("images", "labels"):
        if not (case / name).is_symlink():  # a copy has lost the links: each is a file with the text of where it led
            target = (case / name).read_text()
            (case / name).unlink()
            (case / name).symlink_to(target)
    assert ingest_images(dataset, KEY, case).summary.counts["images"] == 1
    assert file_names(dataset) == ["images/train/a.jpg"]
    counts = import_labels(dataset, KEY, case, format="yolo").summary.counts
    assert (counts["files"], counts["annotations"], counts["matched"], counts["problems"]) == (1, 1, 1, {})
    assert observe_arrival(case).images == 1


@pytest.fixture
def labelled(tmp_path: Path, make_dataset: Callable[..., Dataset]) -> Path:
    """A folder of CSV labels of two vendors, with a repository and a draft beside them."""
    make_dataset(made=True)
    for name in ("a/one.csv", "b/two.csv", "b/draft_two.csv", ".git/old.csv", ".git/classes.txt"):
        (tmp_path / "labels" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "labels" / name).write_text(f"file,label\n{name}.png,cat\n")
    return tmp_path / "labels"


@pytest.mark.parametrize(
    ("pattern", "exclude", "files"),
    [(None, None, 3), ("A/*", None, 1), (None, ["*/draft_*"], 2), ("b/*", ["*DRAFT*"], 1), (".git/*.csv", None, 1), (None, [], 3)],
)
def test_label_files_are_chosen_with_the_globs_of_an_ingest(
    labelled: Path, make_dataset: Callable[..., Dataset], pattern: str | None, exclude: Sequence[str] | None, files: int
) -> None:
    done = import_labels(make_dataset(), KEY, labelled, format="csv", pattern=pattern, exclude=exclude)
    assert done.summary.counts["files"] == files


def test_globs_that_leave_nothing_are_an_error_that_names_them(labelled: Path, make_dataset: Callable[..., Dataset]) -> None:
    wrong = r"None of the 4 \.csv or \.tsv files at .*labels is wanted \(pattern='c/\*', exclude=\['x'\]"
    with pytest.raises(EmptySourceError, match=wrong):
        import_labels(make_dataset(), KEY, labelled, format="csv", pattern="c/*", exclude=["x"])
    for name in ("a", "b"):
        shutil.rmtree(labelled / name)
    with pytest.raises(EmptySourceError, match=r"None of the 1 \.csv or \.tsv files at .*; hidden and house-keeping files are left out"):
        import_labels(make_dataset(), KEY, labelled, format="csv")
    with pytest.raises(ConfigurationError, match="exclude='x' is a string"):
        import_labels(make_dataset(), KEY, labelled, format="csv", exclude="x")


def test_a_single_file_was_named_whatever_the_globs_say(labelled: Path, make_dataset: Callable[..., Dataset]) -> None:
    done = import_labels(make_dataset(), KEY, labelled / ".git" / "old.csv", format="csv", pattern="b/*", exclude=["*"])
    assert done.summary.counts["files"] == 1


def test_class_names_are_found_whatever_the_pattern_of_label_files_but_not_in_a_repository(
    labelled: Path, make_dataset: Callable[..., Dataset]
) -> None:
    (labelled / "a" / "x.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    with pytest.raises(ConfigurationError, match="YOLO labels need class names"):
        import_labels(make_dataset(), KEY, labelled, format="yolo", pattern="a/*")
    (labelled / "classes.txt").write_text("cat\n")
    assert import_labels(make_dataset(), KEY, labelled, format="yolo", pattern="a/*").summary.counts["categories"] == 1


def test_prediction_files_are_chosen_likewise_before_the_format_is_guessed(tmp_path: Path, make_dataset: Callable[..., Dataset]) -> None:
    make_dataset(made=True)
    (tmp_path / "in" / "v1").mkdir(parents=True)
    (tmp_path / "in" / "v1" / "a.json").write_text('[{"image_id": "a", "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]')
    (tmp_path / "in" / "._p.csv").write_bytes(b"\0\5\x16\7")
    (tmp_path / "in" / "p.csv").write_text("image,cat,dog\na,0.5,0.5\n")
    dataset = make_dataset()
    assert import_predictions(dataset, KEY, tmp_path / "in", model="m").summary.details["format"] == "probabilities"
    assert import_predictions(dataset, KEY, tmp_path / "in", model="m", pattern="v1/*").summary.details["format"] == "coco"
    assert import_predictions(dataset, KEY, tmp_path / "in", model="m", exclude=["*.csv"]).summary.counts["predictions"] == 1
