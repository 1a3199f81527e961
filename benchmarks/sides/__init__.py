"""What is timed. Each module runs in a process of its own and returns one record."""
