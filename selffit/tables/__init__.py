"""Tables as people have them: any encoding, delimiter and header, read or refused by line."""

from selffit.tables.cells import Number, bare, is_missing, number
from selffit.tables.grid import Row, Table, read_table
from selffit.tables.pivot import pivoted
from selffit.tables.text import read_any_text

__all__ = [
    "Number",
    "Row",
    "Table",
    "bare",
    "is_missing",
    "number",
    "pivoted",
    "read_any_text",
    "read_table",
]
