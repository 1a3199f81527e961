"""Reports: tables and one self-contained HTML file, from finished artifacts alone. Imports no torch."""
