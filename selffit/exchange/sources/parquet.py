"""Parquet files, through pyarrow (`selffit[export]`)."""

from __future__ import annotations

from pathlib import Path

from selffit.errors import UserError
from selffit.exchange.source import Source, table_of
from selffit.exchange.write import run_name
from selffit.extras import needed

MOST_CELLS = 20_000_000


def parquet_source(path: Path) -> Source:
    """Return the table in a Parquet file. Raises UserError."""
    needed("pyarrow", "export", f"{path} is a Parquet file")
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        about = pq.read_metadata(path)
        if about.num_rows * about.num_columns > MOST_CELLS:
            raise UserError(f"{path}: more than {MOST_CELLS} cells, no table of epochs")
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{path}: cannot be read as Parquet ({error}); write it again") from None
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    kept = [n for n, v in columns.items() if not any(isinstance(one, list | dict) for one in v)]
    rows = [(i + 1, [_cell(columns[name][i]) for name in kept]) for i in range(table.num_rows)]
    ours = b"selffit" in (table.schema.metadata or {})
    return Source(
        table=table_of(path, kept, rows),
        name=run_name(path),
        format="selffit's own export (Parquet)" if ours else "a Parquet table",
        native=ours,
    )


def _cell(value: object) -> object:
    return "nan" if isinstance(value, float) and value != value else value
