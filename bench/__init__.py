"""Benchmarks: each claim about speed or memory is a ratio against something named, measured in the same run."""
