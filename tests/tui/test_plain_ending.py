"""How plain lines end."""

from selffit.run.folded.state import RunState
from selffit_tui.plain.lines import PlainLines


def test_the_last_plain_line_names_the_folder_that_was_asked_about():
    [line] = PlainLines().ending(RunState(run="live"), "copy of live", "live-copy")
    assert line.startswith("run live-copy: copy of live")
