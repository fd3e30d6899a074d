"""Partial results a day, kept so that an evaluation costs what is new."""
