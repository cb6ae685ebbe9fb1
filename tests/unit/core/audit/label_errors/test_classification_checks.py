from __future__ import annotations

import json

import numpy as np
import pytest

from airflow_cv_dataops.core.audit.label_errors.checks import conflicting_labels, disputed_label, suspect_label
from airflow_cv_dataops.core.audit.label_errors.scores import self_confidence
from airflow_cv_dataops.core.errors import ConfigurationError

CLASSES = json.dumps(["cat", "dog"])


def label(image, category, **more):
    return {
        "image_id": image * 64,
        "source_uri": f"s3://photos/{image}.jpg",
        "task": "classification",
        "category": category,
        "bbox": None,
        **more,
    }


def output(image, probabilities, **more):
    return {"image_id": image * 64, "probabilities": probabilities, "classes": CLASSES, **more}


def test_two_categories_of_one_image_are_found_on_every_label_of_it(audit_input, flagged):
    data = audit_input([label("a", "cat"), label("b", "cat"), label("a", "dog"), label("a", "cat"), label("b", "cat")])
    found = conflicting_labels(data)
    assert flagged(found) == ["0", "2", "3"]
    assert found["message"][0].as_py() == "2 categories for one image: cat, dog"
    assert json.loads(found["suggestion"][0].as_py()) == {"votes": {"cat": 2, "dog": 1}}


def test_byte_identical_images_with_different_categories_conflict(audit_input, flagged):
    data = audit_input([label("a", "cat"), label("a", "dog", source_uri="s3://photos/copy_of_a.jpg")])
    assert flagged(conflicting_labels(data)) == ["0", "1"]


def test_boxes_of_different_categories_and_labels_without_category_do_not_conflict(audit_input):
    assert conflicting_labels(audit_input([{"category": "cat"}, {"category": "dog"}])) is None
    assert conflicting_labels(audit_input([label("a", "cat"), label("a", None), label("b", "dog")])) is None


def test_a_label_that_the_model_contradicts_is_suspect(audit_input, flagged):
    predictions = [
        output("a", [0.9, 0.1]),
        output("b", [0.8, 0.2]),
        output("c", [0.1, 0.9]),
        output("d", [0.05, 0.95]),
        output("e", [0.2, 0.8]),
    ]
    labels = [label("a", "cat"), label("b", "cat"), label("c", "dog"), label("d", "cat"), label("e", "dog")]
    found = suspect_label(audit_input(labels, predictions=predictions))
    assert flagged(found) == ["3"]
    assert found["score"].to_pylist() == [0.05]
    assert json.loads(found["suggestion"][0].as_py()) == {"category": "dog", "probability": 0.95}
    assert found["message"][0].as_py() == "labelled cat (probability 0.05), more likely dog (0.95)"


def test_labels_that_the_model_agrees_with_are_not_suspect(audit_input):
    predictions = [output("a", [0.9, 0.1]), output("b", [0.2, 0.8])]
    data = audit_input([label("a", "cat"), label("b", "dog")], predictions=predictions)
    assert suspect_label(data) is None
    assert disputed_label(data) is None


def test_a_label_that_is_only_less_probable_than_another_is_disputed(audit_input, flagged):
    predictions = [output("a", [0.9, 0.1]), output("b", [0.45, 0.55]), output("c", [0.1, 0.9]), output("d", [0.0, 1.0])]
    labels = [label("a", "cat"), label("b", "cat"), label("c", "dog"), label("d", "cat")]
    data = audit_input(labels, predictions=predictions)
    assert flagged(suspect_label(data, mode="precision")) == ["3"]
    found = disputed_label(data, mode="precision")
    assert flagged(found) == ["1"]
    assert found["score"].to_pylist() == [0.45]


def test_suspect_and_disputed_labels_are_together_all_with_which_the_model_disagrees(audit_input, flagged):
    certain = [0.05, 0.3, 0.45, 0.49, 0.51, 0.6, 0.9, 0.99]
    labels = [label(name, "cat") for name in "abcdefgh"]
    predictions = [output(name, [cat, 1 - cat]) for name, cat in zip("abcdefgh", certain, strict=True)]
    data = audit_input(labels, predictions=predictions)
    for mode in ("precision", "balanced", "recall", "confident_learning", "prune_by_class", "prune_by_noise_rate", "both"):
        suspects, disputed = flagged(suspect_label(data, mode=mode)), flagged(disputed_label(data, mode=mode))
        assert sorted(suspects + disputed) == ["0", "1", "2", "3"], mode
    assert flagged(suspect_label(data, mode="predicted_neq_given")) == ["0", "1", "2", "3"]


def test_an_unknown_mode_is_refused_even_where_there_is_nothing_to_judge(audit_input):
    for check in (suspect_label, disputed_label):
        with pytest.raises(ConfigurationError, match="mode='careful' is unknown: expected one of balanced, precision, recall"):
            check(audit_input([]), mode="careful")


def test_labels_without_prediction_or_of_an_unknown_class_cannot_be_suspect(audit_input):
    assert suspect_label(audit_input([label("a", "cat")])) is None
    assert suspect_label(audit_input([label("a", "horse"), label("b", "cat")], predictions=[output("a", [0.9, 0.1])])) is None


def test_the_mean_over_models_decides(audit_input, flagged):
    labels = [label("a", "cat"), label("b", "dog"), label("c", "cat")]
    certain = [output("b", [0.1, 0.9]), output("c", [0.9, 0.1])]
    alone = [*certain, output("a", [0.02, 0.98])]
    assert flagged(suspect_label(audit_input(labels, predictions=alone))) == ["0"]
    reordered = {"model": "n", "classes": json.dumps(["dog", "cat"])}
    both = [*alone, output("a", [0.0, 1.0], **reordered)]
    assert suspect_label(audit_input(labels, predictions=both)) is None, "the two are of two minds, and even"


def test_a_model_has_no_say_over_a_class_that_it_does_not_know(audit_input):
    """A model of cats and dogs is sure of one or the other for every bird; that says nothing about birds."""
    names = "abcdefgh"
    given = dict(zip(names, ["cat", "dog", "cat", "dog", "bird", "fish", "bird", "fish"], strict=True))
    labels = [label(name, category) for name, category in given.items()]
    pets = [output(name, [0.01, 0.99] if given[name] == "dog" else [0.99, 0.01]) for name in names]
    others = {"model": "n", "classes": json.dumps(["bird", "fish"])}
    wild = [output(name, [0.1, 0.9] if given[name] == "fish" else [0.9, 0.1], **others) for name in names]
    data = audit_input(labels, predictions=[*pets, *wild])
    assert suspect_label(data) is None
    assert disputed_label(data) is None


@pytest.mark.parametrize("mode", ["balanced", "precision", "recall"])
def test_a_label_that_is_all_but_surely_right_is_not_suspect_for_want_of_a_worse_one(audit_input, mode):
    labels = [label(f"{number:02d}", "cat" if number % 2 else "dog") for number in range(60)]
    sure = [output(f"{number:02d}", [0.999, 0.001] if number % 2 else [0.001, 0.999]) for number in range(59)]
    data = audit_input(labels, predictions=[*sure, output("59", [0.49, 0.51])])
    assert suspect_label(data, mode=mode) is None


def test_predictions_that_are_no_probabilities_are_left_out(audit_input, caplog):
    odd = [output("a", [0.1, 0.2, 0.7]), output("a", [float("nan"), 1.0]), output("a", [None, 1.0]), output("a", [5.0, -4.0])]
    data = audit_input([label("a", "cat"), label("b", "dog")], predictions=[*odd, output("b", [0.1, 0.9], classes="not json")])
    assert suspect_label(data) is None
    assert "5 predictions of model m are left out" in caplog.text


@pytest.fixture
def mnist(shared_data):
    folder = shared_data("labelnoise_mnist")
    candidates = json.loads((folder / "mnist_mturk.json").read_text())
    confirmed = [item["id"] for item in candidates if item["mturk"]["given"] < 3]
    given = np.load(folder / "mnist_test_set_original_labels.npy").astype(int)
    return np.load(folder / "mnist_test_set_pyx.npy"), given, np.array(confirmed)


def auroc(scores, is_error):
    """Return the probability that an error scores lower than a right label, by ranks (Mann-Whitney)."""
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    errors, right = is_error.sum(), (~is_error).sum()
    return 1 - (ranks[is_error].sum() - errors * (errors + 1) / 2) / (errors * right)


def test_self_confidence_ranks_mnist_errors_as_cleanlab_does(mnist):
    rank = pytest.importorskip("cleanlab.rank")
    probabilities, given, confirmed = mnist
    is_error = np.isin(np.arange(len(given)), confirmed)
    theirs = rank.get_label_quality_scores(given, probabilities, method="self_confidence")
    ours = self_confidence(probabilities, given)
    assert round(auroc(ours, is_error), 4) == round(auroc(theirs, is_error), 4)
    assert auroc(ours, is_error) > 0.99


def test_mnist_errors_that_people_confirmed_are_among_the_worst_doubted(mnist, audit_input, flagged):
    probabilities, given, confirmed = mnist
    images = [f"{number:064x}" for number in range(len(given))]
    labels = [
        {"image_id": image, "task": "classification", "category": str(label), "bbox": None}
        for image, label in zip(images, given, strict=True)
    ]
    classes = json.dumps([str(digit) for digit in range(10)])
    outputs = [
        {"image_id": image, "probabilities": row, "classes": classes} for image, row in zip(images, probabilities.tolist(), strict=True)
    ]
    data = audit_input(labels, predictions=outputs)
    suspects, disputed = (set(map(int, flagged(check(data)))) for check in (suspect_label, disputed_label))
    assert (len(suspects), len(suspects & set(confirmed))) == (75, 13)
    assert suspects.isdisjoint(disputed)
    assert (len(suspects | disputed), set(confirmed) <= suspects | disputed) == (87, True)
    ranks = np.argsort(np.argsort(self_confidence(probabilities, given)))
    assert sorted(ranks[confirmed])[:5] == [0, 1, 2, 3, 6], "the four least confident of 10,000 labels are confirmed errors"
