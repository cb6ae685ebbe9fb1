"""Custom Great Expectations expectations for tables of images, labels and predictions."""
