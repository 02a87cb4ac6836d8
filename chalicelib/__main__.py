"""`python -m chalicelib` is the `chartlake` command."""

from .cli import main

main()
