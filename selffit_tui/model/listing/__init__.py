"""What a list of runs shows: its rows filtered, sorted and marked; pure functions."""
