"""The card of a release, for notebooks and beside the dataset's reports."""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.release.card.facts import collect_facts
from airflow_cv_dataops.core.release.card.html import html_card
from airflow_cv_dataops.core.release.card.markdown import markdown_card
from airflow_cv_dataops.core.release.card.sections import sections
from airflow_cv_dataops.core.release.reader import Release
from airflow_cv_dataops.core.report.location import report_path, report_uri
from airflow_cv_dataops.core.wording import readable

log = logging.getLogger(__name__)

_FOLDER = "card"


@dataclass(frozen=True, repr=False)
class Card:
    """What a release is, for people, twice: ``markdown`` for a hub or a repository, ``html`` with plots and pictures for a browser.

    :ivar markdown: GitHub's and Hugging Face's, with the head that the latter reads.
    :ivar html: one file that needs no other and no network.
    """

    name: str
    markdown: str
    html: str

    def __repr__(self) -> str:
        return f"<Card of {self.name}>"

    def _repr_markdown_(self) -> str:
        """What a notebook shows."""
        return self.markdown.split("---\n", 2)[2]

    def save(self, path: str | PathLike[str]) -> Path:
        """Write ``README.md`` or ``card.html``: HTML where the name ends with ``.html``, else Markdown. Return the path."""
        target = Path(path)
        target.write_bytes((self.html if target.suffix.lower() in (".html", ".htm") else self.markdown).encode())
        return target


def dataset_card(release: Release, *, pictures: bool = True) -> Card:
    """Return the card of a release. Equal releases of which people say the same have equal cards, to the byte.

    What is in it was counted from the release's own tables at its snapshots, some rows at a time; gates, exclusions, splitting and metrics
    are those that were kept when it was made. What is not known is said to be unknown.

    :param release: ``open_dataset("traffic_signs").release("v3")``.
    :param pictures: whether up to twelve example images are read and drawn with their boxes, in the HTML.
    :raises ConfigurationError: it is no release.
    :raises StoreError: the tables do not hold what was released.
    """
    if not isinstance(release, Release):
        raise ConfigurationError(f"{release!r} is no release: expected e.g. open_dataset('digits').release('production').")
    facts = collect_facts(release, pictures=pictures)
    parts = sections(facts)
    return Card(f"{facts.dataset} {facts.release}", markdown_card(facts, parts), html_card(facts, parts).decode())


def write_card(release: Release, *, pictures: bool = True) -> str:
    """Write the card below the dataset's ``reports/`` and return the URI of the HTML, which ``read_report`` reads, without credentials.

    The Markdown lies beside it: the same name with ``.md``. Another card of the same release, as people say other things by then, is
    another file: an older one is never overwritten.

    :param release: as in :func:`dataset_card`, and so ``pictures``.
    :param pictures: whether example images are drawn.
    :raises ConfigurationError: the catalog names no warehouse to write below.
    :raises OSError: it cannot be written.
    """
    started, card, store = time.monotonic(), dataset_card(release, pictures=pictures), release.dataset.objects()
    page, text = card.html.encode(), card.markdown.encode()
    path = report_path(_FOLDER, release.name, page)
    for name, data in ((f"{path.removesuffix('.html')}.md", text), (path, page)):
        if store.size(name) != len(data) or hashlib.sha256(store.read(name)).digest() != hashlib.sha256(data).digest():
            store.write(name, data)
    uri = report_uri(release.dataset, path)
    seconds = time.monotonic() - started
    log.info("Card of %s of %s, %.1f MB in %.1f s: %s", release.name, release.dataset.name, len(page) / 1e6, seconds, readable(uri))
    return uri


def write_card_if_possible(release: Release, *, pictures: bool = True) -> str | None:
    """Write the card as :func:`write_card`; where that fails, say why in the log and return ``None``: what it is of has been done."""
    try:
        return write_card(release, pictures=pictures)
    except Exception:  # whatever a card fails of
        log.warning("The card of %s of %s cannot be written", release.name, release.dataset.name, exc_info=True)
        return None
