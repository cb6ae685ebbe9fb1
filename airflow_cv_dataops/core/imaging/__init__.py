"""Bytes to facts, and the ingest step that fills ``images`` and ``rejects`` with them.

In: hostile bytes, and a source with files. Out: upright size, format, fingerprints and quality measures of an image, or the reason why
it could not be taken. Must not know labels, audits, releases or Airflow; only ``ingest`` knows that tables exist.

``decoding`` and ``measures`` look at one image, ``sources`` says where images come from, ``ingest`` makes a partition of them.
"""
