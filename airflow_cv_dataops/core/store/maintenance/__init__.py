"""Keeps a dataset small and gives room back: forgets old snapshots, and deletes files that nothing refers to any more.

In: a dataset's tables and all files below them and below its objects. Out: counts and bytes by kind. It knows nothing of what the rows
mean, but which column of a table names a stored image.
"""
