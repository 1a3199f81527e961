"""The doctor: what a run's files say of it in words, with evidence and what to change. Imports no torch."""
