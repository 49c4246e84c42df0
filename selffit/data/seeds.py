"""Seeds as pure functions of (seed, stream name, step): nothing to store for a resume."""

import hashlib


def step_seed(seed: int, stream: str, step: int) -> int:
    """A 63-bit seed for one step of one named random stream, the same everywhere.

    Neighbouring steps, and streams of other names, get unrelated seeds: the
    triple is hashed (BLAKE2b), not added up.
    """
    digest = hashlib.blake2b(f"{seed}/{stream}/{step}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
