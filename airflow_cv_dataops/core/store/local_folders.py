"""The folders below a local one: links to folders are followed, each folder once, and never above where the listing began.

Also what else is to be known of links: behind which nothing is, and which lead to a file that is there anyway.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from airflow_cv_dataops.core.store.selection import is_house_keeping_folder

log = logging.getLogger(__name__)


def folders_below(root: bytes, refuse: Callable[[OSError], None]) -> Iterator[tuple[bytes, list[bytes]]]:
    """Yield each folder below the root, the root first, with the sorted names of the files in it.

    Folders that lie there themselves come first, under the paths that they have; then those that only links lead to, under the path of
    the first link. So a loop ends, and no link lists a file a second time. A link to a folder that the root lies in is not followed
    either: it would bring in what lies beside the root, such as the other days of a landing zone. A link that leads nowhere is a file,
    which cannot be read.

    Hidden and house-keeping folders come last of all: what a link outside them leads to is listed under that link (``labels -> .store``).
    That one of them cannot be listed (``lost+found``) does not matter.

    :param root: an absolute path, which may be a link to a folder itself.
    :param refuse: called with the error of a folder that cannot be listed.
    """
    real_root = os.path.realpath(root)
    seen: set[bytes] = set()
    links, aside, known, above = deque([root]), deque[bytes](), [], []
    while links or aside:
        is_aside = not links
        start = (links or aside).popleft()
        real = os.path.realpath(start)
        if real in seen:
            known += [start] if os.path.islink(start) else []
        elif start is not root and _holds(real, real_root):
            above.append(start)
        else:
            yield from _walk(start, real, seen, aside if is_aside else links, aside, _do_not_mind if is_aside else refuse)
    _tell(root, known, above)


def is_link_to_empty_folder(path: bytes) -> bool:
    """Say whether a path is such a link: where a disk is not mounted, the folder that it is mounted on is left, and is empty."""
    try:
        return os.path.islink(path) and not os.listdir(path)
    except OSError:
        return False  # whoever lists the folder meets the error too


def repeated_links(files: Sequence[bytes], *, by_name: bool) -> set[bytes]:
    """Return those of the files that are links to a file that is among them already: itself, or by an earlier link.

    :param files: absolute paths. :param by_name: only where both have the same file name.
    """
    links = [file for file in files if os.path.islink(file)]
    if not links:
        return set()

    def key(real: bytes, file: bytes) -> tuple[bytes, bytes]:
        return real, os.path.basename(file) if by_name else b""

    are_links = set(links)
    real_folders = {folder: os.path.realpath(folder) for folder in {os.path.dirname(file) for file in files}}
    known = {
        key(os.path.join(real_folders[os.path.dirname(file)], os.path.basename(file)), file) for file in files if file not in are_links
    }
    repeated = set()
    for link in links:
        file = key(os.path.realpath(link), link)
        if file in known:
            repeated.add(link)
        known.add(file)
    return repeated


def _walk(
    start: bytes, real: bytes, seen: set[bytes], links: deque[bytes], aside: deque[bytes], refuse: Callable[[OSError], None]
) -> Iterator[tuple[bytes, list[bytes]]]:
    """Yield the folders of one tree, without those that were listed before; links to further ones, and the last, are left for later."""
    for folder, folders, names in os.walk(start, onerror=refuse):
        place = os.path.join(real, folder[len(start) :].lstrip(b"/")) if folder != start else real
        seen.add(place)
        folders.sort()
        last = {name for name in folders if is_house_keeping_folder(os.fsdecode(name))}
        aside.extend(os.path.join(folder, name) for name in folders if name in last)
        links.extend(full for name in folders if name not in last and os.path.islink(full := os.path.join(folder, name)))
        folders[:] = [name for name in folders if name not in last and os.path.join(place, name) not in seen]
        yield folder, sorted(names)


def _do_not_mind(error: OSError) -> None:
    log.debug("A hidden or house-keeping folder is left out: %s", error)


def _holds(folder: bytes, path: bytes) -> bool:
    return path == folder or path.startswith(os.path.join(folder, b""))


def _tell(root: bytes, known: list[bytes], above: list[bytes]) -> None:
    """Say which links were not followed: nothing is lost by the former, what is behind the latter is not listed."""
    shown = os.fsdecode(root)
    if known:
        log.info("%d links below %s lead to folders that are listed already; the first: %s", len(known), shown, os.fsdecode(known[0]))
    if above:
        log.warning(
            "%d links below %s lead to folders that it lies in, and are not followed; the first: %s",
            len(above),
            shown,
            os.fsdecode(above[0]),
        )
