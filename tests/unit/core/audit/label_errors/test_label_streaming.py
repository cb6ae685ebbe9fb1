"""Labels with probabilities that come out of a table in batches, from one model or from several."""

from __future__ import annotations

import errno
import json
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from noisy_labels import made_up

from airflow_cv_dataops.core.audit.audit import audit_labels
from airflow_cv_dataops.core.audit.label_errors import judged_labels as probabilities_module
from airflow_cv_dataops.core.audit.label_errors.batches import batches_of
from airflow_cv_dataops.core.audit.label_errors.checks import suspect_label
from airflow_cv_dataops.core.audit.label_errors.confident_learning import examine
from airflow_cv_dataops.core.audit.label_errors.estimates import estimated_errors
from airflow_cv_dataops.core.audit.label_errors.judged_labels import judged_labels, label_source
from airflow_cv_dataops.core.audit.label_errors.scratch import Sums
from airflow_cv_dataops.core.audit.label_errors.temperature import tempered
from airflow_cv_dataops.core.image_places import ImagePlaces
from airflow_cv_dataops.core.predictions import batches
from airflow_cv_dataops.core.store.schema import arrow_schema

CLASSES = ["ant", "bee", "cow", "doe"]


def image_id(number):
    return f"{number:064x}"


def labels_of(given):
    return [
        {"image_id": image_id(number), "task": "classification", "category": CLASSES[label], "bbox": None}
        for number, label in enumerate(given)
    ]


def outputs_of(probabilities, *, classes=CLASSES, **more):
    columns = [CLASSES.index(name) for name in classes]
    return [
        {"image_id": image_id(number), "probabilities": row[columns].tolist(), "classes": json.dumps(classes), **more}
        for number, row in enumerate(probabilities.astype(np.float32))
    ]


def images_of(given):
    names = [f"{number}.jpg" for number in range(len(given))]
    facts = {
        "bytes": 1,
        "format": "JPEG",
        "width": 8,
        "height": 8,
        "mode": "RGB",
        "frames": 1,
        "ingested_at": datetime(2026, 11, 5, tzinfo=UTC),
    }
    rows = [{"source_uri": name, "image_id": image_id(number), "file_name": name, "storage_uri": name} for number, name in enumerate(names)]
    schema = pa.schema([field for field in arrow_schema("images") if field.name in {*rows[0], *facts}])
    return pa.Table.from_pylist([{**row, **facts} for row in rows], schema)


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(batches, "BATCH_VALUES", 28)


def collected(data):
    """Return the probabilities of all labels, by their rows."""
    with label_source(data) as source:
        batches = list(source.batches)
    rows = np.concatenate([batch.rows for batch in batches])
    assert len(set(rows.tolist())) == len(rows)
    return np.concatenate([batch.probabilities for batch in batches])[np.argsort(rows)]


def test_one_model_is_judged_as_its_matrix_is(audit_input, small_batches):
    _, given, probabilities = made_up(100, 4, seed=1)
    probabilities = probabilities.astype(np.float32)
    outputs = outputs_of(probabilities)[::-1]
    judged = judged_labels(audit_input(labels_of(given), predictions=outputs))
    expected = examine(batches_of(probabilities, given), 4)
    assert judged.classes == CLASSES
    for name in ("rows", "given", "confidence", "other", "confident", "thresholds", "joint"):
        assert np.array_equal(getattr(judged.evidence, name), getattr(expected, name)), name


def test_several_labels_of_an_image_are_each_judged(audit_input, small_batches):
    _, given, probabilities = made_up(30, 4, seed=2)
    twice = labels_of(given) + labels_of((given + 1) % 4) + [{"image_id": image_id(0), "task": "classification", "category": "yak"}]
    twice[-1]["bbox"] = None
    judged = judged_labels(audit_input(twice, predictions=outputs_of(probabilities)))
    assert judged.evidence.rows.tolist() == list(range(60))
    assert judged.evidence.given.tolist() == [*given, *((given + 1) % 4)]


def test_classes_in_another_order_and_a_class_that_a_model_lacks(audit_input, small_batches):
    _, given, probabilities = made_up(30, 4, seed=3)
    found = collected(audit_input(labels_of(given), predictions=outputs_of(probabilities, classes=CLASSES[::-1])))
    assert found == pytest.approx(probabilities, abs=1e-6)
    partial = {"predictions": outputs_of(probabilities, classes=["bee", "ant"])}
    with label_source(audit_input(labels_of(given), **partial)) as source:
        assert source.classes == ["ant", "bee"]


def test_several_models_count_as_they_fit_the_labels_however_sure_they_are(audit_input, small_batches):
    _, given, good = made_up(600, 4, seed=4)
    noise = np.random.default_rng(0).dirichlet(np.ones(4), 600)
    alone = collected(audit_input(labels_of(given), predictions=outputs_of(good, model="m")))
    # An overconfident model without a clue, whose word in a mean would be as loud as the good one's.
    both = collected(audit_input(labels_of(given), predictions=outputs_of(good, model="m") + outputs_of(tempered(noise, 0.2), model="n")))
    assert both.sum(axis=1) == pytest.approx(np.ones(600), abs=1e-5)
    assert (both.argmax(axis=1) == alone.argmax(axis=1)).mean() > 0.98
    sharper = collected(audit_input(labels_of(given), predictions=outputs_of(tempered(good, 0.2), model="m") + outputs_of(good, model="n")))
    assert sharper.argmax(axis=1).tolist() == good.argmax(axis=1).tolist()


def test_two_models_that_see_different_things_are_better_than_either(audit_input, small_batches):
    true, given, left = made_up(2_000, 4, seed=8, sureness=2.0)
    logits = np.random.default_rng(9).normal(size=left.shape)
    logits[np.arange(2_000), true] += 2.0
    right = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    both = collected(audit_input(labels_of(given), predictions=outputs_of(left, model="m") + outputs_of(right, model="n")))
    alone = [float((one.argmax(axis=1) == true).mean()) for one in (left, right)]
    assert (both.argmax(axis=1) == true).mean() > max(alone) + 0.05


def test_models_that_all_labels_contradict_are_still_heard(audit_input, small_batches):
    """A converter's list of classes, shifted by one: the weights that fit such labels best would be none at all."""
    true, _, probabilities = made_up(600, 4, seed=4)
    outputs = outputs_of(tempered(probabilities, 0.3), model="m") + outputs_of(tempered(probabilities, 0.5), model="n")
    data = audit_input(labels_of((true + 1) % 4), predictions=outputs)
    assert len(suspect_label(data)) > 500
    overall = estimated_errors(judged_labels(data))[0]
    assert overall.agreement < 0.1
    assert not overall.is_known


def test_folds_that_are_stored_as_models_say_what_one_model_says(audit_input, small_batches):
    _, given, probabilities = made_up(2_000, 4, seed=6)
    outputs = outputs_of(probabilities, model="m")
    folds = [row | {"model": f"fold {number % 4}"} for number, row in enumerate(outputs)]
    alone, together = (collected(audit_input(labels_of(given), predictions=rows)) for rows in (outputs, folds))
    assert (alone.argmax(axis=1) == together.argmax(axis=1)).all()
    assert np.corrcoef(np.log(alone).ravel(), np.log(together).ravel())[0, 1] > 0.98
    found = [set(suspect_label(audit_input(labels_of(given), predictions=rows))["annotation_id"].to_pylist()) for rows in (outputs, folds)]
    assert len(found[0] ^ found[1]) < 0.05 * len(found[0])


def test_a_model_without_a_clue_is_not_loud_where_it_is_alone(audit_input, small_batches):
    _, given, good = made_up(2_000, 4, seed=7)
    junk = tempered(np.random.default_rng(0).dirichlet(np.ones(4), 2_000), 0.2)
    outputs = outputs_of(good, model="m")[:1_000] + outputs_of(junk, model="n")
    found = collected(audit_input(labels_of(given), predictions=outputs))
    assert (found[:1_000].argmax(axis=1) == good[:1_000].argmax(axis=1)).mean() > 0.98
    assert found[1_000:].max(axis=1).mean() < 0.5


def test_rows_of_zeros_are_left_out_and_a_tie_is_no_agreement(audit_input, small_batches, caplog):
    _, given, probabilities = made_up(100, 4, seed=8)
    probabilities[:10], probabilities[10:60] = 0, 0.25
    judged = judged_labels(audit_input(labels_of(given), predictions=outputs_of(probabilities)))
    assert len(judged.evidence.rows) == 90
    assert "10 predictions of model" in caplog.text
    overall = estimated_errors(judged)[0]
    assert overall.agreed <= 40
    assert not overall.is_known


def test_a_class_that_one_of_two_models_lacks_is_found_by_the_other(audit_input, small_batches):
    _, given, probabilities = made_up(200, 4, seed=5, sureness=6.0)
    given[probabilities.argmax(axis=1) == 3] = 0
    both = outputs_of(probabilities, model="m") + outputs_of(probabilities, model="n", classes=CLASSES[:3])
    found = collected(audit_input(labels_of(given), predictions=both))
    is_doe = probabilities.argmax(axis=1) == 3
    assert (found[is_doe].argmax(axis=1) == 3).mean() > 0.9


def test_an_image_that_only_one_of_two_models_has_seen_keeps_that_ones_word(audit_input, small_batches):
    _, given, probabilities = made_up(60, 4, seed=5)
    first, second = outputs_of(probabilities, model="m"), outputs_of(probabilities, model="n")[:20]
    found = collected(audit_input(labels_of(given), predictions=first + second))
    alone = collected(audit_input(labels_of(given), predictions=first + outputs_of(probabilities, model="n")))
    assert found.shape == (60, 4)
    assert found[20:] == pytest.approx(alone[20:], abs=0.2)
    assert found.sum(axis=1) == pytest.approx(np.ones(60), abs=1e-5)


def test_several_predictions_of_one_model_for_an_image_are_averaged(audit_input, small_batches):
    _, given, probabilities = made_up(40, 4, seed=6)
    other = probabilities[:, ::-1]
    both = outputs_of(probabilities) + outputs_of(other)[:10]
    found = collected(audit_input(labels_of(given), predictions=both))
    assert found[:10] == pytest.approx((probabilities[:10] + other[:10]) / 2, abs=1e-6)
    assert found[10:] == pytest.approx(probabilities[10:], abs=1e-6)
    shuffled = [both[at] for at in np.random.default_rng(0).permutation(len(both))]
    assert np.array_equal(found, collected(audit_input(labels_of(given), predictions=shuffled)))


def test_images_are_indexed_once_however_many_batches_there_are(audit_input, small_batches, monkeypatch):
    """Arrow hashes all of a value set for every batch: a million labels would take hours."""
    made = []
    monkeypatch.setattr(probabilities_module, "ImagePlaces", lambda ids: made.append(ids) or ImagePlaces(ids))
    given = [number % len(CLASSES) for number in range(40)]
    probabilities = np.eye(len(CLASSES))[given] * 0.6 + 0.1
    data = audit_input(labels_of(given), predictions=outputs_of(probabilities), images=[])
    assert len(collected(data)) == 40
    assert len(made) == 1


def test_a_disk_that_is_full_is_an_error_that_names_the_place(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(OSError, match=f"no room for 4,000 bytes of models' probabilities in {tmp_path}") as found:
        Sums.empty((10, 100), str(tmp_path / "mean"), np.float32)
    assert found.value.errno == errno.ENOSPC


def test_an_audit_of_a_table_finds_what_an_audit_in_memory_finds(audit_input, make_dataset, small_batches):
    _, given, probabilities = made_up(120, 4, seed=7)
    data = audit_input(labels_of(given), predictions=outputs_of(probabilities))
    dataset = make_dataset("animals")
    rows = {
        "annotations": filled(data.annotations, format="csv"),
        "predictions": filled(data.predictions, file_name="x", source="s3://p.csv"),
    }
    for table, owner, name in (("annotations", "label_set", "default"), ("predictions", "model", "m")):
        dataset.replace_partition(table, "a", rows[table].drop_columns(["partition_key", owner]), owner=name)
    dataset.replace_partition("images", "a", images_of(given))
    result = audit_labels(dataset, "a", on_findings="warn")
    found, expected = dataset.read("findings", where="check = 'suspect_label'"), suspect_label(data)
    assert expected.num_rows > 3
    assert sorted(found["annotation_id"].to_pylist()) == sorted(expected["annotation_id"].to_pylist())
    assert {use.table: use.rows for use in result.lineage.inputs}["predictions"] == 120
    error_rate = judged_labels(data).noise.error_probability.mean()
    assert result.summary.metrics["estimated_label_error_rate"] == pytest.approx(error_rate, abs=1e-6)
    low, high = (result.summary.metrics[f"estimated_label_error_rate_{end}"] for end in ("low", "high"))
    assert low < error_rate < high
    metrics = {(row["metric"], row["dimensions"]): row["value"] for row in dataset.read("metrics").to_pylist()}
    assert metrics["estimated_label_error_rate", None] == pytest.approx(error_rate)
    by_category = [metrics["estimated_label_error_rate", json.dumps({"category": name})] for name in CLASSES]
    assert np.average(by_category, weights=np.bincount(given)) == pytest.approx(error_rate)


def filled(table, **values):
    """Return the table with some columns set to one value each."""
    for name, value in values.items():
        table = table.set_column(table.schema.get_field_index(name), name, pa.array([value] * table.num_rows, pa.string()))
    return table
