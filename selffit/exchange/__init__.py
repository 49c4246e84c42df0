"""Other people's logs in, ours out: import, export, and runs as one file. Without torch."""
