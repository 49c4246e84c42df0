"""One run as a whole: its directory, its state folded from the log, and what stands now."""
