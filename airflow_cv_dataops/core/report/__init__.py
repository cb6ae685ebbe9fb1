"""Findings and pictures to pages that people look at.

In: the rows of ``findings``, the audit's numbers, the partition's images and annotations. Out: one self-contained HTML file below the
dataset's ``reports/``, and its URI. Must not know how a problem was found, who fails over it, or how the page is served.

``page.css`` and ``page.js`` are the page's style and behaviour; they are put into the page itself, which loads nothing.
"""
