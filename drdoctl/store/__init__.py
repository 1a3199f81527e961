"""The store: artifacts, the lock, the journals of runs, and what can be told from them. Imports `core` only."""
