"""Images that must go: out of the tables, out of older releases on demand, off the disk, and never back."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from integration.race_workers import die
from PIL import Image
from processes import PATIENCE_SECONDS, forkserver
from pyiceberg.types import StringType

from airflow_cv_dataops.core.audit.audit import audit_labels
from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.deletion import work
from airflow_cv_dataops.core.deletion.delete import delete_images
from airflow_cv_dataops.core.embeddings.embedding import embed_images
from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.export.export import export_release
from airflow_cv_dataops.core.export.options import ExportOptions
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.labels.importing import import_labels
from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.sampling.sample import sample_hard_examples
from airflow_cv_dataops.core.store import refs
from airflow_cv_dataops.core.store.maintenance.maintain import maintain_dataset
from airflow_cv_dataops.core.store.objects import local_path
from airflow_cv_dataops.core.store.schema import TABLES

pytestmark = pytest.mark.integration

NAMES = {"2026-11-05": ("a", "b", "c", "d"), "2026-11-06": ("e", "copy-of-a", "f")}


def picture(folder: Path, name: str) -> str:
    """Write a picture; return its image id."""
    path = folder / f"{name}.png"
    colour = hashlib.sha256(name.removeprefix("copy-of-").encode()).digest()[:3]
    image = Image.new("RGB", (40, 40), tuple(colour))
    image.putpixel((3, 3), (255, 255, 255))
    image.save(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def fill(dataset: Dataset, landing: Path) -> dict[str, str]:
    """Ingest, label, audit, embed, sample and release two days; return image ids by name."""
    ids: dict[str, str] = {}
    for key, names in NAMES.items():
        folder = landing / key
        folder.mkdir(parents=True)
        ids |= {name: picture(folder, name) for name in names}
        (folder / "labels.csv").write_text("file_name,label\n" + "".join(f"{name}.png,{name[0]}\n" for name in names))
        ingest_images(dataset, key, folder, workers=1)
        embed_images(dataset, key)
        sample_hard_examples(dataset, key, budget=4, strategy="typiclust", near_duplicates=None)
        import_labels(dataset, key, folder / "labels.csv", format="csv")
        audit_labels(dataset, key, on_findings="warn")
        promote_dataset(dataset, gates=["images >= 1"])
    export_release(dataset, "v2", options=ExportOptions(format="csv"))
    return ids


@pytest.fixture
def filled(make_dataset: Callable[..., Dataset], tmp_path: Path, cards: None) -> tuple[Dataset, dict[str, str]]:
    dataset = make_dataset()
    return dataset, fill(dataset, tmp_path / "landing")


def naming(dataset: Dataset, image_id: str, data: bytes | None = None) -> list[str]:
    """Return the files below the dataset that have an image's bytes or its id, as they are or inside Parquet."""
    import pyarrow.parquet as pq

    root, found = Path(local_path(dataset.root_uri)), []
    for path in root.rglob("*"):
        if not path.is_file():
            continue
        content = path.read_bytes()
        text = str(pq.read_table(path).to_pylist()).encode() if path.suffix == ".parquet" else b""
        if image_id.encode() in content + text + path.name.encode() or (data is not None and data in content):
            found.append(str(path.relative_to(root)))
    return found


def bytes_of(dataset: Dataset, image_id: str) -> bytes:
    (path,) = (Path(local_path(dataset.root_uri)) / "objects").rglob(f"{image_id}.*")
    return path.read_bytes()


def test_an_erased_image_is_in_no_file_below_the_dataset(filled: tuple[Dataset, dict[str, str]]) -> None:
    dataset, ids = filled
    data = bytes_of(dataset, ids["a"])
    folders = {path.split("/")[0] for path in naming(dataset, ids["a"], data)}
    assert {"images", "annotations", "embeddings", "samples", "release_items", "objects", "exports"} <= folders
    summary = delete_images(dataset, image_ids=[ids["a"]], reason="asked by the person in it", releases="erase").summary.to_dict()
    assert naming(dataset, ids["a"], data) == []
    counts = summary["counts"]
    assert (counts["images"], counts["rows_by_table"]["images"], counts["rows_by_table"]["annotations"]) == (1, 2, 2), "its copy, too"
    assert (counts["deleted_objects"], counts["releases_naming"], counts["erased_releases"]) == (1, 0, 2)
    assert summary["erased_from"] == ["v1", "v2"]
    assert summary["partitions"] == ["2026-11-05", "2026-11-06"]
    for name, left in (("v1", "bcd"), ("v2", "bcdef")):
        release = dataset.release(name)
        assert sorted(release.images()["image_id"].to_pylist()) == sorted(ids[one] for one in left)
        assert sorted(release.annotations()["category"].to_pylist()) == list(left)
    assert dataset.release("production").name == "v2"
    found = dataset.load_table("images")
    assert found is not None
    assert set(found.metadata.refs) == {"main", "release-v1", "release-v2", "production"}
    maintain_dataset(dataset)
    assert dataset.release("v1").images().num_rows == 3


def test_others_rows_stay_as_they_were(filled: tuple[Dataset, dict[str, str]]) -> None:
    dataset, ids = filled
    before = {name: dataset.read(name).to_pylist() for name in TABLES if name not in ("releases", "deletions")}
    delete_images(dataset, image_ids=[ids["a"]], reason="asked", releases="erase")
    for name, rows in before.items():
        left = [row for row in rows if ids["a"] not in str(row)]
        assert sorted(map(str, dataset.read(name).to_pylist())) == sorted(map(str, left)), name


def test_without_erasing_older_releases_are_told_and_stay_and_later_ones_do_without(filled: tuple[Dataset, dict[str, str]]) -> None:
    dataset, ids = filled
    before = [dataset.release(name).images().to_pylist() for name in ("v1", "v2")]
    summary = delete_images(dataset, image_ids=[ids["a"]], reason="asked").summary.to_dict()
    assert summary["releases_naming"] == ["v1", "v2"]
    assert summary["counts"]["deleted_objects"] == 0
    assert [dataset.release(name).images().to_pylist() for name in ("v1", "v2")] == before
    assert bytes_of(dataset, ids["a"])
    assert ids["a"] not in dataset.images()["image_id"].to_pylist()
    promote_dataset(dataset)
    assert dataset.release().name == "v3"
    assert ids["a"] not in dataset.release().images()["image_id"].to_pylist()
    again = delete_images(dataset, image_ids=[ids["a"]], reason="asked again", releases="erase").summary.to_dict()
    assert again["erased_from"] == ["v1", "v2"]
    assert naming(dataset, ids["a"]) == []


def test_an_ingest_does_not_take_it_again(filled: tuple[Dataset, dict[str, str]], tmp_path: Path) -> None:
    dataset, ids = filled
    delete_images(dataset, image_ids=[ids["a"]], reason="asked", releases="erase")
    for _ in range(2):
        result = ingest_images(dataset, "2026-11-05", tmp_path / "landing" / "2026-11-05", workers=1, max_reject_ratio=0)
        assert result.failure is None, "what was taken out on purpose is no fault of the source's"
        assert result.summary.counts["rejects_by_reason"] == {"deleted": 1}
        assert naming(dataset, ids["a"]) == []
    (reject,) = [row for row in dataset.read("rejects").to_pylist() if row["reason"] == "deleted"]
    assert reject["file_name"] == "a.png"
    other = open_dataset("others", home=str(tmp_path / "cv_dataops"))
    ingest_images(other, "p", tmp_path / "landing" / "2026-11-05", workers=1)
    assert ids["a"] in other.images()["image_id"].to_pylist(), "another dataset knows nothing of it"


def test_images_are_chosen_by_source_and_by_query(filled: tuple[Dataset, dict[str, str]]) -> None:
    dataset, ids = filled
    uris = dict(zip(dataset.images()["file_name"].to_pylist(), dataset.images()["source_uri"].to_pylist(), strict=True))
    told = delete_images(dataset, where="file_name = 'b.png'", reason="r", dry_run=True).summary.to_dict()
    assert (told["counts"]["images"], told["counts"]["rows_by_table"]["images"]) == (1, 1)
    assert ids["b"] in dataset.images()["image_id"].to_pylist()
    delete_images(dataset, where="file_name = 'b.png'", reason="r")
    delete_images(dataset, sources=[uris["c.png"]], reason="r")
    delete_images(dataset, sources=[uris["e.png"].rpartition("/")[0] + "/"], reason="r")
    assert dataset.images()["file_name"].to_pylist() == ["d.png"], "a went with its copy"


def test_what_nothing_matches_is_an_error_and_a_second_time_is_none(filled: tuple[Dataset, dict[str, str]]) -> None:
    dataset, ids = filled
    with pytest.raises(ConfigurationError, match="No image of 'digits'"):
        delete_images(dataset, sources=["s3://elsewhere/"], reason="r")
    for _ in range(2):
        counts = delete_images(dataset, image_ids=[ids["a"]], reason="r", releases="erase").summary.counts
    assert (counts["rows"], counts["deleted_objects"]) == (0, 0)


def test_somebody_elses_tag_loses_the_image_too(filled: tuple[Dataset, dict[str, str]]) -> None:
    dataset, ids = filled
    found = dataset.load_table("images")
    assert found is not None
    first = found.metadata.snapshots[0].snapshot_id
    refs.write_refs(dataset, "images", lambda at: refs.Refs(tags={"mine": first}))
    delete_images(dataset, image_ids=[ids["a"]], reason="r", releases="erase")
    found = dataset.load_table("images")
    assert found is not None
    mine = found.metadata.refs["mine"]
    assert mine.snapshot_ref_type == "tag"
    assert sorted(dataset.images(snapshot_id=mine.snapshot_id)["file_name"].to_pylist()) == ["b.png", "c.png", "d.png"]


# In the order in which a deletion comes to them: each victim goes on from where the one before it died.
MOMENTS = ("replace_files", "make_twin", "put_twins_in_place", "drop_branches", "remove_data_files", "remove_objects", "remove_pages")


def delete_and_die(home: str, where: str, moment: str, after: bool) -> None:
    """Delete, and be killed at a moment."""
    whole = getattr(work, moment)

    def call(*arguments: Any) -> Any:
        if after:
            whole(*arguments)
        die()

    setattr(work, moment, call)
    delete_images(open_dataset("digits", home=home), where=where, reason="r", releases="erase")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_one_that_was_killed_is_finished_by_the_next(filled: tuple[Dataset, dict[str, str]], tmp_path: Path, after: bool) -> None:
    dataset, ids = filled
    data = bytes_of(dataset, ids["a"])
    for moment in MOMENTS:
        victim = forkserver().Process(target=delete_and_die, args=(str(tmp_path / "cv_dataops"), "file_name = 'a.png'", moment, after))
        victim.start()
        victim.join(PATIENCE_SECONDS)
        assert victim.exitcode == -signal.SIGKILL, moment
    with pytest.raises(ConfigurationError, match="begun with releases='erase'"):
        delete_images(dataset, image_ids=[ids["f"]], reason="another one", releases="keep")
    delete_images(dataset, image_ids=[ids["f"]], reason="another one", releases="erase")
    assert naming(dataset, ids["a"], data) == []
    assert sorted(dataset.release("v2").images()["image_id"].to_pylist()) == sorted(ids[one] for one in "bcde")


def test_rows_that_another_task_writes_meanwhile_go_too(filled: tuple[Dataset, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, ids = filled
    rows, embeddings = dataset.images(partition_key="2026-11-05"), dataset.read("embeddings", partition_key="2026-11-05")
    whole, written = work.put_twins_in_place, []

    def and_then_others_write(*given: Any) -> Any:
        found = whole(*given)
        if not written:
            written.append(dataset.replace_partition("images", "2026-11-05", rows))
            written.append(
                dataset.replace_partition("embeddings", "2026-11-05", embeddings, owner=embeddings["embedding_model"][0].as_py())
            )
        return found

    monkeypatch.setattr(work, "put_twins_in_place", and_then_others_write)
    data = bytes_of(dataset, ids["a"])
    delete_images(dataset, image_ids=[ids["a"]], reason="r", releases="erase")
    assert naming(dataset, ids["a"], data) == []


def test_only_releases_that_held_it_are_changed(filled: tuple[Dataset, dict[str, str]]) -> None:
    dataset, ids = filled
    told = delete_images(dataset, image_ids=[ids["f"]], reason="r", releases="erase").summary.to_dict()
    assert told["erased_from"] == ["v2"]
    assert [row["erased_images"] for row in dataset.read("releases").sort_by("sequence").to_pylist()] == [None, 1]
    assert dataset.release("v1").images().num_rows == 4
    kept = delete_images(dataset, image_ids=[ids["b"]], reason="r").summary.to_dict()
    again = delete_images(dataset, image_ids=[ids["b"]], reason="r").summary.to_dict()
    assert kept["releases_naming"] == again["releases_naming"] == ["v1", "v2"]


def test_columns_of_others_stay(filled: tuple[Dataset, dict[str, str]]) -> None:
    dataset, ids = filled
    for name in ("images", "releases"):
        table = dataset.load_table(name)
        assert table is not None
        with table.update_schema() as update:
            update.add_column("my_note", StringType())
        rows = table.scan().to_arrow()
        noted = rows.set_column(rows.schema.get_field_index("my_note"), "my_note", pa.array(["mine"] * rows.num_rows))
        table.overwrite(noted)
    delete_images(dataset, image_ids=[ids["a"]], reason="r", releases="erase")
    for name, count in (("images", 5), ("releases", 2)):
        table = dataset.load_table(name)
        assert table is not None
        assert table.scan().to_arrow()["my_note"].to_pylist() == ["mine"] * count


def test_nothing_is_deleted_where_a_clone_reads_the_same_files(filled: tuple[Dataset, dict[str, str]]) -> None:
    dataset, ids = filled
    table = dataset.load_table("images")
    assert table is not None
    table.catalog.register_table("digits.images_2025", table.metadata_location)
    with pytest.raises(ConfigurationError, match="such as a clone"):
        delete_images(dataset, image_ids=[ids["a"]], reason="r")


def test_arguments_that_cannot_be_used_are_refused(make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset(made=True)
    wrong: list[dict[str, Any]] = [
        {"image_ids": ["abc"]},
        {"sources": ["a.png"]},
        {"where": "camera ="},
        {"image_ids": ["0" * 64], "releases": "some"},
        {"image_ids": ["0" * 64], "reason": " "},
        {},
    ]
    for arguments in wrong:
        with pytest.raises(ConfigurationError):
            delete_images(dataset, **{"reason": "r", **arguments})
    with pytest.raises(DatasetNotFoundError):
        delete_images(make_dataset("nowhere"), image_ids=["0" * 64], reason="r")
