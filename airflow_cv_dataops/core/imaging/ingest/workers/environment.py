"""The environment of a worker process, whose decoders may be taken over: what it cannot do without, and no secret of the deployment."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

# Not Airflow's settings: AIRFLOW_CONN_* and the metadata database's URI are the deployment's keys.
_ALWAYS = re.compile(r"PATH|HOME|LANG|LANGUAGE|LC_\w+|TMPDIR|TZ|LD_LIBRARY_PATH|DYLD_\w+|PYTHON\w+|MALLOC_\w+")
_REMOTE = re.compile(r"SSL_CERT_\w+|(https?|all|no)_proxy", re.IGNORECASE)
_OF_A_STORE = {"s3": r"AWS_\w+", "gs": r"GOOGLE_\w+", "az": r"AZURE_\w+|IDENTITY_\w+|MSI_\w+"}
_FAMILIES = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "abfs": "az", "abfss": "az", "azure": "az", "adl": "az", "wasb": "az", "wasbs": "az"}
# What speaks for its bearer, or leads to it; the other settings of a store (region, endpoint) are needed with any keys.
_KEYS = re.compile(r"KEY|SECRET|TOKEN|CREDENTIAL|PASSWORD|SAS|ACCOUNT|CLIENT|ROLE|PROFILE|IDENTITY|MSI", re.IGNORECASE)

# glibc gives memory back to the system after each picture, and is given it again page by page with the next: 55 page faults and 0.15 ms of
# 1.3 a photo. So a worker keeps up to 16 MiB that it does not use just now; blocks of 4 MiB and more, which are few, go back at once.
_ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(4 * 1024 * 1024), "MALLOC_TRIM_THRESHOLD_": str(16 * 1024 * 1024)}
# numpy's BLAS must not start a thread for each core in each worker.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

# Options that are credentials; an encryption key's name (aws_sse_…) is none.
_GIVEN = re.compile(r"(?!(aws_)?sse_).*(KEY|SECRET|TOKEN|CREDENTIAL|PASSWORD|SAS|SERVICE_ACCOUNT)", re.IGNORECASE)


def worker_environment(job: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment for a worker that does ``job`` (``worker.Worker``).

    The variables from which an object store takes its default credentials are passed on where the job has to do with such a store
    and brings no credentials of its own for it.
    """
    stores = dict(_stores(job))
    wanted = [_ALWAYS, _REMOTE] if stores else [_ALWAYS]
    passed = {name: value for name, value in environment.items() if any(names.fullmatch(name) for names in wanted)}
    for family, needs_keys in stores.items():
        names = re.compile(_OF_A_STORE.get(family, r"(?!)"))
        passed |= {name: value for name, value in environment.items() if names.fullmatch(name) and (needs_keys or not _KEYS.search(name))}
    # It finds its modules where this process does.
    return {**_ALLOCATOR, **passed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **_ONE_THREAD}


def _stores(job: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """Yield each kind of remote store that a job may have to do with, and whether it needs default credentials; these last."""
    found: list[tuple[str, bool]] = []
    for place in (job["source"], job["objects"]):
        family = _family(place["uri"]) if place else "file"
        has_keys = any(_GIVEN.match(name) for name in place["options"]) if place else True
        if place and place.get("kind") == "list":
            # It may name images anywhere; its options are for its own kind of store, and if it is local for any.
            found += [(other, not (has_keys and family in ("file", other))) for other in _OF_A_STORE]
        elif family != "file" and place.get("kind") != "archive":  # of which the workers read a local copy
            found.append((family, not has_keys))
    yield from sorted(found, key=lambda store: store[1])


def _family(uri: str) -> str:
    scheme = uri.partition("://")[0].lower() if "://" in uri else "file"
    return _FAMILIES.get(scheme, scheme)
