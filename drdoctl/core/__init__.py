"""Ground floor: errors, files, fingerprints and the row and batch shapes. Imports nothing above it, and no torch."""
