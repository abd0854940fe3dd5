"""Recipes that make the bundled weights. Run them from the root of the repository: `python -m recipes.…`."""
