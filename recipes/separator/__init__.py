"""Conversion of Spleeter's two stems model for the package."""
