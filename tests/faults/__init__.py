"""Delivery while everything around it fails, and two independent counts of what came of it."""
