"""Ground floor: errors, files, fingerprints, plug-ins and progress. Imports nothing above it, and no torch."""
