"""The lineage of a file of events as a page and as a picture, without a lineage server.

In: events as JSON lines, of this package or of any other producer. Out: HTML and SVG. No operator imports it.
"""
