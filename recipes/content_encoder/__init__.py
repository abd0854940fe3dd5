"""Recipe of the bundled content encoder; `distill.py` is its command line."""
