"""Worker processes, in which hostile bytes are decoded: started, fed, watched, and blamed for one file when they die.

In: files, a few at a time. Out: facts or reasons why not. Must not know partitions, rows or tables.
"""
