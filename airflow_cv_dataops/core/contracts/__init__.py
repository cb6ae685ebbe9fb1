"""Data contracts: a table's rows and a Great Expectations suite in; findings, metrics, assertions and a page out.

It must not know how labels were made or judged, nor who is told of what does not hold.
"""
