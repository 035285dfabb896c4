"""`python -m simplebias.cli` is the command `simplebias`."""

from simplebias.cli import main

main()
