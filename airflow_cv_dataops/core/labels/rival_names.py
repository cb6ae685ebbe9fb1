"""Names that cannot all mean the image that each of them joins: labels of another split, whose files are elsewhere."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

from airflow_cv_dataops.core.labels.file_names import spellings, without_layout
from airflow_cv_dataops.core.labels.image_names import Answer, Images, Question, common_end, stem_parts
from airflow_cv_dataops.core.labels.records import AMBIGUOUS_FILE_NAME, CONTRADICTED_FILE_NAME

# Parts of a data set that are kept apart, in their usual spellings.
_SPLITS = {
    **dict.fromkeys(("train", "training", "trainset", "train_set"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "valset", "val_set"), "val"),
    **dict.fromkeys(("test", "testing", "testset", "test_set", "eval", "evaluation", "holdout"), "test"),
}
_SPLIT = re.compile("|".join(sorted({name[:3] for name in _SPLITS})), re.IGNORECASE)


def without_rivals(questions: Sequence[Question], answers: Sequence[Answer], images: Images) -> list[Answer]:
    """Return the answers without those that another name, or the image's own place, speaks against.

    Paths are compared below the source's prefix, so ``test/1.png`` fits the ``1.png`` of a source that ends in ``train/``. It is refused
    where the prefix names another split. Where one image is claimed by ``test/1.png`` and ``train/1.png``, neither of which is the end
    of the other, it is given to the one that agrees longest with the image's address, and to none where that does not tell.
    """
    checked = list(answers)
    claims: dict[int, list[int]] = {}
    for number, (question, answer) in enumerate(zip(questions, answers, strict=True)):
        if answer.row < 0:
            continue
        if _SPLIT.search(question.name) and _is_of_other_split(question, images.names[answer.row], images.uris[answer.row]):
            checked[number] = Answer(reason=CONTRADICTED_FILE_NAME, near=(answer.row,))
        else:
            claims.setdefault(answer.row, []).append(number)
    for row, numbers in claims.items():
        if len(numbers) > 1:
            paths = [_meant(questions[number], images.names[row]) for number in numbers]
            for number, refused in zip(numbers, _settled(paths, images.uris[row], row), strict=True):
                checked[number] = refused or checked[number]
    return checked


def _is_of_other_split(question: Question, image: str, uri: str) -> bool:
    depth = without_layout(image).count("/")
    if all(without_layout(spelling).count("/") <= depth for spelling in spellings(question.name)):
        return False
    path, own = _meant(question, image), _parts(image)
    if len(path) <= len(own):
        return False
    split = _SPLITS.get(path[len(path) - len(own) - 1].lower())
    if split is None:
        return False
    place = _address(uri)[: -len(own)]
    return bool(place) and _SPLITS.get(place[-1].lower(), split) != split


def _settled(paths: Sequence[Sequence[str]], uri: str, row: int) -> list[Answer | None]:
    """Return for each of several names of one image why it is not to have it; ``None`` where nothing is wrong."""
    longest = max(paths, key=len)
    if all(_is_end(path, longest) for path in paths):
        return [None] * len(paths)
    place = _address(uri)
    agreement = [common_end(path, place) for path in paths]
    best = [path for path, length in zip(paths, agreement, strict=True) if length == max(agreement)]
    told = max(best, key=len)
    if not all(_is_end(path, told) for path in best):
        return [Answer(reason=AMBIGUOUS_FILE_NAME, near=(row,)) if len(path) > 1 else None for path in paths]
    return [None if _is_end(path, told) else Answer(reason=CONTRADICTED_FILE_NAME, near=(row,)) for path in paths]


def _is_end(path: Sequence[str], other: Sequence[str]) -> bool:
    return common_end(path, other) == min(len(path), len(other))


def _meant(question: Question, image: str) -> list[str]:
    """Return the spelling of a name by which it joins its image."""
    own = _parts(image)
    paths = [_parts(spelling) for name in question[:2] if name for spelling in spellings(name)]
    return max(paths, key=lambda path: common_end(path, own), default=[])


def _parts(name: str) -> list[str]:
    return without_layout("/".join(stem_parts(name))).split("/")


def _address(uri: str) -> list[str]:
    return _parts(unquote(uri.rpartition("://")[2].partition("?")[0].partition("/")[2]))
