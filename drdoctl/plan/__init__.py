"""The Plan: a spec compiled to stages, each with an action, a reason and an estimate. Pure, byte-stable, no torch."""
