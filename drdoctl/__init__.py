"""drdoctl: preference alignment of language models by reward distillation, as one resumable plan."""

__version__ = "0.1.0"
