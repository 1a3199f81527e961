"""Torch land: models, flat batches, attention by segment, the one loop, scoring. Imported only in child processes."""
