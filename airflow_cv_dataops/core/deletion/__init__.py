"""Images that must go: their rows, their bytes, their copies, and what was made of them.

In: a dataset, and which images. Out: tables without their rows, on demand in older releases, too; digests by which an ingest knows them
again. It knows nothing of why.
"""
