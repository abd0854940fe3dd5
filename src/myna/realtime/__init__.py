"""Conversion of a stream, in blocks, with a constant delay."""
