"""Findings and pictures to pages that people look at.

In: rows of ``findings``, of images and of annotations, and numbers. Out: the parts of a page (document, plots, gallery, pictures), a
self-contained HTML file, and where a dataset keeps it. Must not know whose page it is, who fails over it, or how it is served.

``page.css`` and ``page.js`` are the page's style and behaviour, ``gallery.js`` that of galleries whose cards stand in the page; they are
put into the page itself, which loads nothing.
"""
