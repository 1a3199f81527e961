"""The Spec: what a user wants, read from YAML, validated, with a line and column for every fault."""
