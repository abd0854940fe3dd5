"""Objective measures of conversions, and reports of them."""
