"""`python -m selffit_tui` is the `selffit` command."""

from selffit_tui.start import main

main()
