"""Which split an image is in: by a hash of its id, or so that groups stay together, categories are spread, and nobody ever moves."""
