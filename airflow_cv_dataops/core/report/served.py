"""What a report can know only where it is served: the way back to its task, and where its images are shown."""

from __future__ import annotations

from airflow_cv_dataops.core.report.plots import clean

# What html_document writes. Names from outside cannot make it: they are escaped.
_BODY = b"<body>\n"


def served_page(page: bytes, *, task: str, told: str, images: str) -> bytes:
    """Return a report with a link back to its task, and the place of its images, which its script reads.

    A file that was written without either, or by an earlier version, takes them as well; the file itself stays as it is.

    :param task: address of the page of the task. :param told: what the link says.
    :param images: address to which an image's id is appended.
    """
    head, body, rest = page.partition(_BODY)
    if not body:
        return page
    link = f'<nav class="run" aria-label="Airflow"><a href="{clean(task)}">‹ {clean(told)}</a></nav>'
    return b"".join([head, f'<body data-images="{clean(images)}">\n{link}\n'.encode(), rest])
