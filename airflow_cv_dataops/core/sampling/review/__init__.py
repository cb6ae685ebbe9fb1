"""Did a sample help: how often the model was wrong on its images, beside images that were drawn at random, once people have labelled them.

In: samples, annotations and predictions of one partition. Out: metrics, a page, a summary. Must not know how the sample was chosen.
"""
