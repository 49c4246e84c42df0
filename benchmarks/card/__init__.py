"""The parts of `on_card.py`, each of which runs in a process of its own: see `__main__`."""
