"""Keys that were typed ahead: they are for the screen that the keys before them have opened.

Textual hands a key to the screen on top and looks for its binding later. What opens a screen is
therefore bound with priority, which is looked for at once; and a screen that has been closed or
covered meanwhile gives what it still gets to the one on top.
"""

from typing import Any

from textual.events import Key
from textual.screen import Screen


def passed_on(screen: Screen[Any], event: Key) -> bool:
    """Give a key to the screen on top, where that is not this one any more; whether it was so."""
    if screen.app.screen is screen:  # one behind a see-through one counts as current, too
        return False
    event.stop()
    event.prevent_default()
    screen.app.post_message(Key(event.key, event.character))
    return True
