"""The beginning of the command `selffit`: a word to the person before all that is slow is loaded.

The commands, their options and what they need are half a second of loading on a slow machine, and
`train` has most of them. Nobody should wonder for so long whether anything happens.
"""

import sys
from collections.abc import Sequence

from selffit.outlets import open_outlets

READING = "reading the settings …"
_SLOW = "train"  # the command that does much before it has something to show
_HELPS = {"-h", "--help"}


def main() -> None:
    """The console entry point."""
    open_outlets()
    if is_slow(sys.argv[1:]) and sys.stderr.isatty():
        print(READING, file=sys.stderr, flush=True)
    from selffit_tui.cli import main as command

    command()


def is_slow(argv: Sequence[str]) -> bool:
    """Whether a command line asks for what takes a while to begin; help does not."""
    return argv[:1] == [_SLOW] and not _HELPS & {*argv}
