"""The bars: each builds its worlds, measures its repeats, and adds rows to the report."""
