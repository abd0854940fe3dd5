"""How good a conversion is."""
