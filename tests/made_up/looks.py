"""The sets of characters that screens can be drawn with, by a name for tests."""

from selffit_tui.draw.glyphs import ASCII, BRAILLE

SETS = {"braille": BRAILLE, "ascii": ASCII}
