"""Where an export is written: a local folder, or a prefix in an object store. Knows nothing of what is in the files."""
