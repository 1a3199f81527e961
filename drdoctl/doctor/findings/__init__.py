"""Findings: one file each, the folder is the registry.

To add one: write `findings/NAME.py` with `KINDS`, the kinds of stage that it looks at, and `look(case)`, which yields a
`Finding` where there is one; and `tests/doctor/findings/test_NAME.py`, with data that has it and healthy data that has
not: a false alarm is worse than silence. The finding's code is the file's name. Every threshold is a constant with its
reason.
"""
