"""What runs, streams and branches may be called: names that are safe as the name of a folder."""

import re

RULE = "a name is 1 to 64 of the characters A-Z a-z 0-9 . _ - and begins with a letter or a digit"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def is_name(text: str) -> bool:
    """Whether a run, stream or branch may be called so."""
    return _NAME.fullmatch(text) is not None
