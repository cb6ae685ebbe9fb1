"""``python -m airflow_cv_dataops list`` and ``show DATASET``: what there is, as a table or as JSON (docs/command-line.md)."""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

from airflow_cv_dataops.core.catalogue.words import harmless
from airflow_cv_dataops.core.errors import ConfigurationError, CvDataOpsError
from airflow_cv_dataops.core.store.catalog import CatalogConfig, embedded_catalog
from airflow_cv_dataops.core.store.uris import without_secrets
from airflow_cv_dataops.version import __version__

FOUND, NOT_THERE, USAGE = 0, 1, 2

_DEFAULT_LIMIT = 20
_EXAMPLES = """\
examples:
  python -m airflow_cv_dataops list
  python -m airflow_cv_dataops show digits
  python -m airflow_cv_dataops show digits --limit 100
  python -m airflow_cv_dataops show digits --partition 2026-11-05
  python -m airflow_cv_dataops list --json | jq '.datasets[] | {name, images_count}'
  python -m airflow_cv_dataops list --conn-id lake

exit codes: 0, all is told; 1, what is asked for is not there or cannot be read; 2, an argument or connection cannot be used
"""
_WHERE = """\
Which catalog: --home, the embedded one in that folder; --conn-id, that Airflow connection; neither, as DAGs do it: connection
cv_catalog_default if Airflow knows it, else the embedded catalog (CV_DATAOPS_HOME, [cv_dataops] home, or below AIRFLOW_HOME).
Standard error says which it was. Looking makes nothing.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what is asked for, and return the exit code."""
    options = _parser().parse_args(arguments)
    logging.getLogger().addHandler(logging.NullHandler())  # else a library's warning would come before the answer
    properties: Mapping[str, str] = {}
    try:
        config, found = _catalog(options)
        properties = config.properties
        print(f"Catalog: {_place(config)} ({found})", file=sys.stderr)
        answer, code = _list(options, config) if options.command == "list" else (_show(options, config), FOUND)
    except ConfigurationError as error:
        return _failed(str(error), USAGE)
    except CvDataOpsError as error:
        return _failed(str(error), NOT_THERE)
    except Exception as error:  # noqa: BLE001 (of any catalog or storage: one line says more than its traceback)
        return _failed(f"{type(error).__name__}: {without_secrets(str(error), properties)}", NOT_THERE)
    return _printed(answer, sys.stdout) or code


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", help="for programs: one JSON object")
    where = shared.add_mutually_exclusive_group()
    where.add_argument("--home", metavar="PATH", help="the folder of an embedded catalog")
    where.add_argument("--conn-id", metavar="ID", help="an Airflow connection of type cv_catalog")
    parser = argparse.ArgumentParser("python -m airflow_cv_dataops", description="Say what datasets there are.", formatter_class=raw)
    parser.epilog = f"{_WHERE}\n{_EXAMPLES}"
    parser.add_argument("--version", action="version", version=f"airflow_cv_dataops {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="list | show")
    listing = commands.add_parser("list", help="every dataset of a catalog", parents=[shared], formatter_class=raw)
    listing.epilog = f"{_WHERE}\n{_EXAMPLES}"
    showing = commands.add_parser("show", help="one dataset: partitions, stages, releases", parents=[shared], formatter_class=raw)
    showing.epilog = listing.epilog
    showing.add_argument("dataset", metavar="DATASET")
    showing.add_argument("--partition", metavar="KEY", help="of this partition alone")
    help_of_limit = f"at most so many partitions, moves and releases, the newest (default: {_DEFAULT_LIMIT})"
    showing.add_argument("--limit", metavar="N", type=_positive, default=_DEFAULT_LIMIT, help=help_of_limit)
    return parser


def _positive(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of 1 or more")
    return number


def _catalog(options: argparse.Namespace) -> tuple[CatalogConfig, str]:
    if options.home is not None:
        return embedded_catalog(options.home), "embedded"
    from airflow_cv_dataops.hooks.from_shell import catalog_from_shell

    return catalog_from_shell(options.conn_id)


def _place(config: CatalogConfig) -> str:
    facts = config.for_lineage()
    return harmless(facts.get("uri") or facts.get("warehouse") or f"{config.name}, {facts['type']}")


def _list(options: argparse.Namespace, config: CatalogConfig) -> tuple[str, int]:
    """Return what is printed, and the exit code: a script must not take a list for whole of which a dataset could not be read."""
    from airflow_cv_dataops.core.catalogue.datasets import list_datasets
    from airflow_cv_dataops.core.catalogue.list_text import list_text

    entries, now = list_datasets(config), datetime.now(UTC)
    code = NOT_THERE if any(entry.problem for entry in entries) else FOUND
    if options.json:
        return _json(config, now, datasets=[entry.to_dict() for entry in entries]), code
    return list_text(entries, width=_width(), now=now), code


def _show(options: argparse.Namespace, config: CatalogConfig) -> str:
    from airflow_cv_dataops.core.catalogue.details import show_dataset
    from airflow_cv_dataops.core.catalogue.show_text import show_text

    details, now = show_dataset(options.dataset, config, partition_key=options.partition, limit=options.limit), datetime.now(UTC)
    if options.json:
        return _json(config, now, dataset=details.to_dict())
    return show_text(details, width=_width(), now=now)


def _json(config: CatalogConfig, now: datetime, **answer: Any) -> str:
    # ASCII, so that no encoding of a terminal or a pipe matters.
    return json.dumps({"catalog": config.for_lineage(), "looked_at": now.isoformat(timespec="seconds"), **answer}, indent=2)


def _width() -> int | None:
    """Return the terminal's width; ``None`` where the text goes elsewhere, and nothing should be cut."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() or os.environ.get("COLUMNS") else None


def _printed(text: str, out: TextIO) -> int:
    if hasattr(out, "reconfigure"):
        out.reconfigure(errors="backslashreplace")
    try:
        print(text, file=out, flush=True)
    except BrokenPipeError:  # `| head` has seen enough; what is left must not be written when Python ends either
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
    except OSError as error:  # a full disk
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
        return _failed(f"The answer cannot be written: {error}", NOT_THERE)
    return FOUND


def _failed(message: str, code: int) -> int:
    print(harmless(message), file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
