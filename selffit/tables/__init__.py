"""Tables as people have them: any encoding, delimiter and header, read or refused by line."""

from selffit.tables.cells import Number, bare, is_missing, number
from selffit.tables.grid import Row, Table, read_table
from selffit.tables.pivot import pivoted

__all__ = ["Number", "Row", "Table", "bare", "is_missing", "number", "pivoted", "read_table"]
