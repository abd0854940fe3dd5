"""Networks that estimate the stems of a song."""
