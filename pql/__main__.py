"""`python -m pql` is `pql`."""

from pql.cli import main

main()
