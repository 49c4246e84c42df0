"""Looking at saved networks: which ones, what is measured of each, and what that says.

Nothing here writes to a run.
"""
