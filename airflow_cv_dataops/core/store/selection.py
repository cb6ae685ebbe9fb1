"""Which files below a source are looked at at all: one rule for ingests, imports of labels and predictions, and the arrival sensor."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence

# What desktops, NAS boxes, notebooks and engines put beside people's files, in lower case. Hidden names (".DS_Store", "._a.jpg", ".git",
# ".ipynb_checkpoints") are not listed one by one.
_FOLDERS = frozenset(
    (
        "__macosx",  # macOS, in archives: resource forks under the names of the files
        "@eadir",  # Synology: thumbnails under the names of the pictures
        "#recycle",
        "#snapshot",
        "@recycle",  # QNAP
        "@recently-snapshot",
        "$recycle.bin",  # Windows
        "recycler",
        "system volume information",
        "lost+found",  # Linux: what a file system check has found
        "_temporary",  # Hadoop and Spark: output that nobody has committed
    )
)
_FILES = frozenset(("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r", "_success"))
_FOLDER_MARKER = "_$folder$"  # Hadoop's object for a folder
_OF_AN_EXPORT = re.compile(r"(?:^|/)_export/(?:export\.json$|manifest\.json$|parts/)")  # of this package: what it says of itself
_COMMIT_MARKER = re.compile(r"_(committed|started)_(vacuum)?\d+")  # Databricks


def is_house_keeping(path: str) -> bool:
    """Say whether a path below a source is a hidden file, or lies in a hidden folder, or is what a system keeps there for itself.

    Whatever the case of its letters. Only what lies below the source counts: the source itself may be ``/data/.cache/images``.
    """
    *folders, name = path.split("/")
    is_kept = is_house_keeping_file(name) or any(is_house_keeping_folder(folder) for folder in folders)
    return is_kept or _OF_AN_EXPORT.search(path) is not None


def is_house_keeping_folder(name: str) -> bool:
    """Say so of the name of a folder."""
    return _is_hidden(name) or name.lower() in _FOLDERS


def is_house_keeping_file(name: str) -> bool:
    """Say so of the name of a file."""
    lower = name.lower()
    return _is_hidden(name) or lower in _FILES or lower.endswith(_FOLDER_MARKER) or _COMMIT_MARKER.fullmatch(lower) is not None


def _is_hidden(name: str) -> bool:
    return name.startswith(".") and name not in (".", "..")  # of keys that nobody can ask for: whoever reads them says so


def selector(pattern: str | None, exclude: Sequence[str], *, of_listed: bool = False) -> Callable[[str], bool]:
    """Return a function that says whether a path below the source prefix is wanted.

    Globs are matched against the whole path, whatever its case: ``*`` also crosses ``/``, ``**/`` stands for any folders or none.
    House-keeping files (:func:`is_house_keeping`) are never wanted, unless ``pattern`` itself spells one (``*/_SUCCESS``,
    ``.thumbs/*``): then the globs alone decide.

    :param pattern: the glob that a path has to match; ``None``: every path does.
    :param exclude: globs of which a path may match none.
    :param of_listed: the paths are entries of a list, which somebody named: the folders that they lie in do not count.
    """
    wanted = _matcher([pattern]) if pattern is not None else None
    unwanted = _matcher(exclude)
    is_left_out = _is_house_keeping_entry if of_listed else is_house_keeping
    if pattern is not None and is_house_keeping(pattern):
        is_left_out = _nothing

    def is_selected(path: str) -> bool:
        return (wanted is None or wanted(path)) and not unwanted(path) and not is_left_out(path)

    return is_selected


def matches(path: str, globs: Sequence[str]) -> bool:
    """Say whether a path matches one of the globs, as in :func:`selector`."""
    return _matcher(globs)(path)


def _is_house_keeping_entry(path: str) -> bool:
    return is_house_keeping_file(path.rpartition("/")[2])


def _nothing(path: str) -> bool:
    return False


def _matcher(globs: Sequence[str]) -> Callable[[str], bool]:
    spellings = {spelling for glob in globs for spelling in (glob.replace("**/", "*/"), glob.replace("**/", ""))}
    if not spellings:
        return _nothing
    expression = re.compile("|".join(fnmatch.translate(glob) for glob in sorted(spellings)), re.IGNORECASE)
    return lambda path: expression.match(path) is not None
