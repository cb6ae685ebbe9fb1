"""The exceptions of this package. Each message says what was wrong, with which value, where, and what to do."""


class CvDataOpsError(Exception):
    """Base of every error that this package raises on purpose."""


class ConfigurationError(CvDataOpsError, ValueError):
    """An argument, connection or setting cannot be used as it is."""


class SharedPartitionError(ConfigurationError):
    """Copies of one task in one run would replace one another's rows; trying again changes nothing."""


class SourceError(CvDataOpsError):
    """A source as a whole (prefix, file of labels, file of predictions) cannot be read; one bad record never raises this."""


class EmptySourceError(SourceError):
    """There is nothing at a source, or nothing of what is looked for: a disk that is not mounted looks the same as an empty folder."""


class StoreError(CvDataOpsError, OSError):
    """An object store does not answer, or refuses: the fault of no file, so the step fails, and may be tried again."""


class DatasetNotFoundError(CvDataOpsError, LookupError):
    """A dataset, table, snapshot or release that was asked for does not exist."""


class ConcurrentPromotionError(CvDataOpsError):
    """Other promotions kept winning the race for the stage; nothing was changed."""
