"""One reader a format, and its writer beside it.

In: the text of a file; or rows. Out: records and problems; or the text of a file. Must not know where a file lies, or which images there
are.
"""
