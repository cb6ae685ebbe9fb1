"""What there is, for people and programs: every dataset of a catalog, and one of them with its partitions, stages and releases.

In: a catalog, or a dataset. Out: value objects, and what they say as text or as JSON values. Looking makes and changes nothing. It must not
know where the text goes to, nor how a catalog was found.
"""
