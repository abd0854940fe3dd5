"""Recipe of the light voice's base weights and of joe, the bundled voice."""
