"""The card of a release: what is in it, where it is from, how good it is, and how to read it, for people.

In: a release and its tables, at its own snapshots, and what people say of the dataset. Facts are counted once, some rows at a time, into
plain values; sections are made of them; Markdown and HTML say the same sections. Out: both texts, and where the dataset keeps them.
Must not know who asks for a card, nor move any stage.
"""
