"""The rule of the join against its own words, on paths made at random: namesakes, contradictions, layout folders, copies."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from property_tests import examples

from airflow_cv_dataops.core.labels.image_index import Answer, Images, Question
from airflow_cv_dataops.core.labels.image_names import find_images
from airflow_cv_dataops.core.labels.rival_names import without_rivals

LAYOUT = {"images", "labels", "data"}
folders = st.lists(st.sampled_from(["a", "b", "train", "test", *sorted(LAYOUT)]), max_size=3)
paths = st.builds(lambda parts, name: "/".join([*parts, name]), folders, st.sampled_from(["1.png", "2.png", "1.jpg"]))


def images_of(names: list[str], copies: list[int], prefix: str = "s3://bucket") -> Images:
    return Images(names, [str(copy) for copy in copies], [f"{prefix}/{name}" for name in names], range(len(names)))


def content(path: str) -> list[str]:
    *parts, name = path.split("/")
    return [*(part for part in parts if part not in LAYOUT), name]


def agreement(label: str, image: str) -> int:
    """Return on how many parts the paths agree where one is the end of the other, else 0."""
    own, other = content(label), content(image)
    shorter = min(len(own), len(other))
    return shorter if own[-shorter:] == other[-shorter:] else 0


@settings(max_examples=examples(400), deadline=None)
@given(names=st.lists(paths, min_size=1, max_size=8, unique=True), copies=st.lists(st.integers(0, 5), min_size=8, max_size=8), label=paths)
def test_a_label_joins_an_image_that_agrees_longest_or_none(names, copies, label):
    images = images_of(names, copies)
    (answer,) = find_images([Question(label)], images)
    lengths = [agreement(label, name) for name in names]
    best = [row for row, length in enumerate(lengths) if length == max(lengths)] if max(lengths) else []
    if label in names:
        assert answer.row == names.index(label)
    elif not best:
        same = any(name.rpartition("/")[2] == label.rpartition("/")[2] for name in names)
        assert answer.reason == ("contradicted_file_name" if same else "absent_image")
        assert answer.row == -1
    elif len({copies[row] for row in best}) == 1:
        assert answer.row in best  # whichever of the copies: they are one image
        assert answer == Answer(answer.row)
    elif answer.row >= 0:
        assert answer.row in best  # told apart by their layout folders
        assert any(folder in LAYOUT for name in (label, *names) for folder in name.split("/"))
    else:
        assert answer.reason == "ambiguous_file_name"
        assert {copies[row] for row in answer.near} >= {copies[row] for row in best if len(content(names[row])) == len(content(label))}


@settings(max_examples=examples(200), deadline=None)
@given(names=st.lists(paths, min_size=1, max_size=6, unique=True), labels=st.lists(paths, min_size=1, max_size=8))
def test_the_answer_to_a_name_is_the_same_whatever_else_is_asked_and_however_the_images_lie(names, labels):
    copies = list(range(len(names)))
    alone = [find_images([Question(label)], images_of(names, copies))[0].row for label in labels]
    together = find_images([Question(label) for label in labels], images_of(names, copies))
    assert [answer.row for answer in together] == alone
    turned = find_images([Question(label) for label in labels], images_of(names[::-1], copies[::-1]))
    assert [len(names) - 1 - answer.row if answer.row >= 0 else -1 for answer in turned] == alone


@settings(max_examples=examples(300), deadline=None)
@given(
    names=st.lists(paths, min_size=1, max_size=4, unique=True),
    labels=st.lists(paths, min_size=2, max_size=6, unique=True),
    prefix=st.sampled_from(["s3://bucket", "s3://bucket/train", "file:///x/a/images", "file:///x/b"]),
)
def test_no_two_names_that_contradict_each_other_share_an_image(names, labels, prefix):
    images = images_of(names, list(range(len(names))), prefix)
    questions = [Question(label) for label in labels]
    answers = without_rivals(questions, find_images(questions, images), images)
    for row in range(len(names)):
        sharing = [label for label, answer in zip(labels, answers, strict=True) if answer.row == row]
        assert all(agreement(one, other) for one in sharing for other in sharing)


SPLITS = {"train": "train", "train2017": "train", "training_images": "train", "val": "val", "Val-labels": "val", "test": "test"}


@settings(max_examples=examples(300), deadline=None)
@given(
    names=st.lists(paths, min_size=1, max_size=4, unique=True),
    label=paths,
    prefix=st.sampled_from([f"s3://bucket/{split}" for split in SPLITS]),
    folder=st.sampled_from(["", "sets", *SPLITS]),
    of_one_image=st.booleans(),
)
def test_a_label_never_joins_an_image_of_another_split(names, label, prefix, folder, of_one_image):
    """Neither by what it names nor by where it lies, whatever other folders there are."""
    images = images_of(names, list(range(len(names))), prefix)
    question = Question(label, folder=folder, of_one_image=of_one_image)
    (answer,) = without_rivals([question], find_images([question], images), images)
    if answer.row < 0:
        return
    theirs = splits_of(content(images.uris[answer.row].partition("://")[2]))
    for own in (content(label), [folder, *([] if of_one_image else content(label))]):
        assert splits_of(own) == theirs or len(splits_of(own)) != 1 or len(theirs) != 1


def splits_of(parts: list[str]) -> set[str]:
    return {SPLITS[part] for part in parts if part in SPLITS}


numbered = st.lists(st.sampled_from(["cam1", "cam2", "cam02", "2026-11-05", "20261104", "2026/11/05", "raw", "a"]), max_size=3)


@settings(max_examples=examples(400), deadline=None)
@given(below=numbered, prefix=numbered, stated=numbered, is_absolute=st.booleans())
def test_a_label_never_joins_an_image_of_another_number(below, prefix, stated, is_absolute):
    """Of one camera or day where the label says another, wherever in the path that is, and however it is written."""
    image, address = "/".join([*below, "1.png"]), "/".join(["lake", *prefix, *below, "1.png"])
    images = Images([image], ["1"], [f"file:///{address}"], [0])
    question = Question("/".join([*(["/lake"] if is_absolute else []), *stated, "1.png"]))
    (answer,) = without_rivals([question], find_images([question], images), images)
    if answer.row < 0:
        return
    for numbers in (cameras, days):
        assert numbers(stated) == numbers([*prefix, *below]) or len(numbers(stated)) != 1 or len(numbers([*prefix, *below])) != 1


def cameras(parts: list[str]) -> set[int]:
    return {int(part[3:]) for part in parts if part.startswith("cam")}


def days(parts: list[str]) -> set[str]:
    return {part.replace("-", "").replace("/", "") for part in parts if part.startswith("2026")}


@settings(max_examples=examples(300), deadline=None)
@given(
    names=st.lists(st.text(max_size=12), min_size=1, max_size=5, unique=True), asked=st.lists(st.text(max_size=12), min_size=1, max_size=5)
)
def test_any_text_may_be_a_name(names, asked):
    images = images_of(names, list(range(len(names))))
    questions = [
        Question(name, other, by_stem=bool(number % 2)) for number, (name, other) in enumerate(zip(asked, asked[::-1], strict=True))
    ]
    for question, answer in zip(questions, without_rivals(questions, find_images(questions, images), images), strict=True):
        assert (answer.row >= 0) == (answer.reason is None)
        assert question.name not in names or answer.row >= 0 or answer.reason == "ambiguous_file_name"
