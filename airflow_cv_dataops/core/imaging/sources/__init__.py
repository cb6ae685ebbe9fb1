"""Where images come from: a prefix, a list of URIs, or an archive, each listed and read through one small interface.

In: a URI. Out: entries with URI, size and entity tag, and the bytes of each; what has arrived there. Must not know what is in an image,
nor any table.
"""

from airflow_cv_dataops.core.imaging.sources.base import ImageSource
from airflow_cv_dataops.core.imaging.sources.opening import image_source_from, open_image_source

__all__ = ["ImageSource", "image_source_from", "open_image_source"]
