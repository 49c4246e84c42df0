"""Tags and a note that people give to a run: what they may be.

The log is the trainer's alone, and nothing that is said here changes what was trained.
"""

import msgspec

from selffit.errors import UserError
from selffit.eventlog.clean import clean

MOST_TAGS = 16
LONGEST_TAG = 32  # characters
LONGEST_NOTE = 400
_NOT_IN_A_TAG = set(" ,:<>=!\"'\\")


class Labels(msgspec.Struct, frozen=True):
    """What people say of a run. fault: why the file of a run could not be read."""

    tags: tuple[str, ...] = ()
    note: str = ""
    fault: str = ""


def parse_tags(text: str) -> tuple[str, ...]:
    """Tags as a person types them, with blanks or commas between. Raises UserError."""
    tags = tuple(dict.fromkeys(text.replace(",", " ").split()))
    for tag in tags:
        shown = clean(tag)
        if shown != tag or not tag.isprintable() or set(tag) & _NOT_IN_A_TAG:
            raise UserError(f"'{shown[:40]}' cannot be a tag: use letters, digits, - and _")
        if len(tag) > LONGEST_TAG:
            raise UserError(f"'{shown[:40]}…' is too long for a tag: at most {LONGEST_TAG}")
    if len(tags) > MOST_TAGS:
        raise UserError(f"{len(tags)} tags are too many for a run: at most {MOST_TAGS}")
    return tags
