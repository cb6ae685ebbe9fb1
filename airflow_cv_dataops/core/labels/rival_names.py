"""Names that join an image and cannot mean it: of another split or folder, whose files are elsewhere."""

from __future__ import annotations

import re
from collections.abc import Sequence

from airflow_cv_dataops.core.labels.file_names import has_image_extension, spellings, without_layout
from airflow_cv_dataops.core.labels.image_names import (
    Answer,
    Images,
    Question,
    address,
    common_end,
    content_parts,
    own_folders,
    unlike_ends,
)
from airflow_cv_dataops.core.labels.records import AMBIGUOUS_FILE_NAME, CONTRADICTED_FILE_NAME
from airflow_cv_dataops.core.labels.splits import other_split

_ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:|[A-Za-z][A-Za-z0-9+.-]*://")
_DIGITS = re.compile("[0-9]+")


def without_rivals(questions: Sequence[Question], answers: Sequence[Answer], images: Images) -> list[Answer]:
    """Return the answers without those that the image's address, the label file's place, or another name speaks against.

    Paths are compared below the source's prefix, so ``test/1.png`` fits the ``1.png`` of a source that ends in ``train/``. It is refused
    where its folder and that of the image's address are two splits, differ in numbers alone (``cam1/``, ``cam2/``), or are both folders
    of the names asked for; so it is where the label file lies in the folder of another split. Where one image is claimed by
    ``test/1.png`` and ``train/1.png``, neither of which is the end of the other, it is given to the one that agrees longest with the
    image's address, and to none where that does not tell; of ``1.png`` and ``1.jpg`` to the one with its extension.
    """
    checked = list(answers)
    places = _Places(questions)
    claims: dict[int, list[int]] = {}
    for number, (question, answer) in enumerate(zip(questions, answers, strict=True)):
        if answer.row < 0:
            continue
        if places.speak_against(question, images.names[answer.row], images.uris[answer.row]):
            checked[number] = Answer(reason=CONTRADICTED_FILE_NAME, near=(answer.row,))
        else:
            claims.setdefault(answer.row, []).append(number)
    for row, numbers in claims.items():
        if len(numbers) > 1:
            named = [questions[number] for number in numbers]
            paths = [_meant(question, images.names[row]) for question in named]
            refused = _of_other_files(named, images.names[row], row)
            rest = [place for place, why in enumerate(refused) if why is None]
            for place, why in zip(rest, _settled([paths[place] for place in rest], address(images.uris[row]), row), strict=True):
                refused[place] = why
            for number, why in zip(numbers, refused, strict=True):
                checked[number] = why or checked[number]
    return checked


class _Places:
    """Where images lie, against what names say of that. Millions of names have few folders: what was found of folders is kept."""

    def __init__(self, questions: Sequence[Question]) -> None:
        folders = {folder for question in questions for name in question[:2] for folder in _folders(name)}
        self._named = {part.casefold() for folder in folders for part in without_layout(folder).split("/")} - {""}
        self._known: dict[tuple[object, ...], bool] = {}

    def speak_against(self, question: Question, image: str, uri: str) -> bool:
        """Say whether an image that a name fits is, by its address, not the one that is meant."""
        name, alternative, by_stem, folder = question
        is_absolute = _ABSOLUTE.match(name) is not None
        key = (_folders(name), _folders(alternative), _folders(image), _folder(uri), folder, by_stem, is_absolute)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._differ(question, image, uri) or _lies_in_other_split(question, uri)
        return found

    def _differ(self, question: Question, image: str, uri: str) -> bool:
        path, own = _meant(question, image), content_parts(image)
        above = path[: -len(own)]
        left, place = unlike_ends(above, address(uri)[: -len(own)])
        if not left or not place:
            return False
        said, here = left[-1], place[-1]
        if len(left) < len(above) and _ABSOLUTE.match(question.name):
            return other_split(said, here)  # `/home/user1/set/` and `/home/user2/set/` are the same set on two machines
        return other_split(said, here) or _differ_in_digits(said, here) or here.casefold() in self._named


def _lies_in_other_split(question: Question, uri: str) -> bool:
    if not question.folder:
        return False
    left, place = unlike_ends(own_folders(question), address(uri)[:-1])
    return bool(left and place) and other_split(left[-1], place[-1])


def _differ_in_digits(said: str, here: str) -> bool:
    return _DIGITS.sub("0", said.casefold()) == _DIGITS.sub("0", here.casefold())


def _of_other_files(questions: Sequence[Question], image: str, row: int) -> list[Answer | None]:
    """Return for each of several names of one image why its extension speaks against it; ``None`` where nothing does."""
    own = _extension(image)
    stated = [_extension(question.name) for question in questions]
    if len({extension for extension in stated if extension}) < 2:
        return [None] * len(questions)
    reason = CONTRADICTED_FILE_NAME if own in stated else AMBIGUOUS_FILE_NAME
    return [Answer(reason=reason, near=(row,)) if extension and extension != own else None for extension in stated]


def _settled(paths: Sequence[Sequence[str]], place: Sequence[str], row: int) -> list[Answer | None]:
    """Return for each of several names of one image why it is not to have it; ``None`` where nothing is wrong."""
    longest = max(paths, key=len, default=())
    if all(_is_end(path, longest) for path in paths):
        return [None] * len(paths)
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
    own = content_parts(image)
    paths = [content_parts(spelling) for name in question[:2] if name for spelling in spellings(name)]
    return max(paths, key=lambda path: common_end(path, own), default=[])


def _folders(name: str) -> tuple[str, ...]:
    return tuple([_folder(spelling) for spelling in spellings(name)]) if name else ()


def _folder(path: str) -> str:
    return path[: path.rfind("/") + 1]


def _extension(name: str) -> str:
    return name.rpartition(".")[2].lower() if has_image_extension(name) else ""
