"""Conversion of a stream: blocks of singing in, blocks of the voice out, with a constant delay."""
