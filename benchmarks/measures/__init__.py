"""One file a measure. The folder is the registry: each module has a `MEASURE`."""
