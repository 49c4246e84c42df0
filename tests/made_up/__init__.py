"""Synthetic runs, and a terminal to show them in: for tests, benchmarks and looking at screens."""
