"""The Textual apps and their terminal: driver, environment, screenshots.

Textual reads its switches when it is loaded, so they are set before anything here is.
"""

from selffit_tui.app.environment import set_switches

set_switches()
