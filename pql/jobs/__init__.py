"""The jobs: each reads, thinks and writes."""
