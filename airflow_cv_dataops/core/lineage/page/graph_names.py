"""One dataset, several names: which belong together, and which of them is shown.

An event names a dataset by its place in a catalog, or by its location, and may list the other names as symlinks. Two names are one dataset
where any event says so, over any number of steps, as in Marquez.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Name = tuple[str, str]
"""Namespace and name of a dataset or job."""

_IN_A_CATALOG = ("TABLE", "VIEW", "MATERIALIZED VIEW", "MATERIALIZED_VIEW")
_LOCATION = "LOCATION"


@dataclass(frozen=True)
class KnownNames:
    """The names of one dataset: the one to show, where it is stored, and the others."""

    first: Name
    locations: tuple[Name, ...]
    others: tuple[Name, ...]


class Names:
    """Gathers what events call their datasets. Nothing that is asked of it depends on the order in which it was told."""

    def __init__(self) -> None:
        self._parents: dict[Name, Name] = {}
        self._in_a_catalog: set[Name] = set()
        self._locations: set[Name] = set()
        self._linked: set[Name] = set()  # names of events that list a place in a catalog
        self._mentions: Counter[Name] = Counter()

    def tell(self, name: Name, symlinks: Iterable[tuple[Name, str]] = ()) -> None:
        """Note the name that an event gives a dataset, with its symlinks: name and type of each. Names without a part are left out."""
        self._mentions[name] += 1
        root = self._root(name)
        for other, kind in symlinks:
            if not all(name) or not all(other) or other == name:
                continue
            if kind.upper() == _LOCATION:
                self._locations.add(other)
                self._in_a_catalog.add(name)
            elif kind.upper() in _IN_A_CATALOG:
                self._in_a_catalog.add(other)
                self._linked.add(name)
            joined = self._root(other)
            self._parents[joined] = root

    def known(self) -> list[KnownNames]:
        """Return every dataset that an event names, in the order of the names that are shown."""
        groups: dict[Name, list[Name]] = {}
        for name in self._parents:
            groups.setdefault(self._root(name), []).append(name)
        return sorted((self._sorted(group) for group in groups.values()), key=lambda names: names.first)

    def _sorted(self, group: list[Name]) -> KnownNames:
        """Tell the names of one dataset apart. A place in a catalog comes first, and of several the one that most events use."""
        first = min(group, key=lambda name: (-self._rank(name), -self._mentions[name], name))
        rest = sorted(name for name in group if name != first)
        locations = tuple(name for name in rest if self._is_location(name))
        return KnownNames(first, locations, tuple(name for name in rest if name not in locations))

    def _rank(self, name: Name) -> int:
        return 2 if name in self._in_a_catalog else 0 if self._is_location(name) else 1

    def _is_location(self, name: Name) -> bool:
        """Say whether a name is where the data lies: an event says so, or names it and lists a place in a catalog beside it."""
        return name not in self._in_a_catalog and (name in self._locations or name in self._linked)

    def _root(self, name: Name) -> Name:
        """Return the name that stands for all that were joined with this one (union-find, paths halved)."""
        parents = self._parents
        parents.setdefault(name, name)
        while parents[name] != name:
            parents[name] = parents[parents[name]]
            name = parents[name]
        return name


def first_names(known: Iterable[KnownNames]) -> Mapping[Name, Name]:
    """Return the name to show for every name."""
    return {name: names.first for names in known for name in (names.first, *names.locations, *names.others)}
