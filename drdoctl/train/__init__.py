"""Torch land: models, flat batches, attention by segment, the one training loop, scoring. Imported only in child processes."""
