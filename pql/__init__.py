"""PQL: a self-hosted detector of product-qualified leads."""

__version__ = "0.1.0"
