"""Many runs: a row a run, what is remembered of them, and how they go away."""
