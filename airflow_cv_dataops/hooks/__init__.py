"""The hook behind connections of type ``cv_catalog``."""
