"""The name under which this person's commands go into the log."""

import getpass
import os
import socket


def me() -> str:
    """user@host."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # an id without an entry in the password file
        user = f"uid-{os.getuid()}"
    return f"{user}@{socket.gethostname()}"
