"""Somebody else's training as a run of ours: a program by what it prints, a loop that calls us."""
