"""The head of the Markdown file that Hugging Face reads: licence, size, tasks. What is not known is left out, or said to be unknown."""

from __future__ import annotations

import json
import re

from airflow_cv_dataops.core.release.card.facts import CardFacts

_TASKS = {
    "classification": "image-classification",
    "detection": "object-detection",
    "segmentation": "image-segmentation",
    "keypoints": "keypoint-detection",
}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"), (10**8, "10M<n<100M"))
_LARGEST = "100M<n<1B"

# Ids of the hub; those of SPDX are the same but for case, the ending of the GPL's, and a few versions.
_LICENCES = """
apache-2.0 mit openrail afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc cc0-1.0 cc-by-2.0 cc-by-2.5
cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0
cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0 cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0
etalab-2.0 eupl-1.1 eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 isc lppl-1.3c ms-pl mpl-2.0 odc-by odbl osl-3.0
postgresql ofl-1.1 ncsa unlicense zlib pddl
"""
_OTHER_SPELLINGS = {"odbl-1.0": "odbl", "odc-by-1.0": "odc-by", "pddl-1.0": "pddl", "gfdl-1.3": "gfdl"}


def front_matter(facts: CardFacts) -> str:
    """Return YAML between its two lines of dashes. Values are written as JSON, which is YAML."""
    lines = ["---", *licence_lines(facts.description.license), f"pretty_name: {json.dumps(facts.dataset)}"]
    if tasks := sorted({_TASKS[task] for task in facts.labels.by_task if task in _TASKS}):
        lines += ["task_categories:", *(f"- {task}" for task in tasks)]
    return "\n".join([*lines, "size_categories:", f"- {size_category(facts.images)}", "---"])


def licence_lines(stated: str | None) -> list[str]:
    """Return the hub's fields for a licence: one that it knows by its id, another one by a name."""
    if not stated:
        return ["license: unknown"]
    known = re.sub(r"-(only|or-later)$", "", stated.strip().lower())
    known = _OTHER_SPELLINGS.get(known, known)
    if known in _LICENCES.split():
        return [f"license: {known}"]
    name = re.sub(r"[^a-z0-9.]+", "-", stated.lower()).strip("-.")[:60] or "other"
    return ["license: other", f"license_name: {json.dumps(name)}"]


def size_category(images: int) -> str:
    """Return Hugging Face's word for a number of images."""
    return next((name for below, name in _SIZES if images < below), _LARGEST)
