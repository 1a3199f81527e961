"""Carrying out a plan: the parent (`execute`, `launch`, `watch`) and the child of one stage (`worker`)."""
