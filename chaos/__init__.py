"""What is done to drdoctl so that it breaks: faults at random moments, hostile files, kills at every system call.

No part of the wheel. `python -m chaos NAME` runs the module of that name; files that begin with an
underscore serve those.
"""
