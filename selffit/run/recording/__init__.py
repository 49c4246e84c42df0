"""A run that can be played: states at every place of its log, forwards and backwards."""
