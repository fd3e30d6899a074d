"""Values and pure functions. Nothing in here reads a clock, a file or a database."""
