"""Recipes that make the weights in the package. Run them from the repository's root: `python -m recipes.…`."""
