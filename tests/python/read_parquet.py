"""Prints the Parquet files of a folder as DuckDB and pyarrow read them: per file the columns' types, then the rows.

Decimals are printed as text, times as microseconds since 1970.
"""

import json
import pathlib
import sys

import duckdb
import pyarrow.parquet
import pyarrow.types


def with_duckdb(path):
    connection = duckdb.connect()
    columns = connection.execute(f"describe select * from read_parquet('{path}')").fetchall()
    types = {name: kind for name, kind, *_ in columns}

    def expression(name, kind):
        if kind.startswith("TIMESTAMP"):
            return f'epoch_us("{name}")'
        return f'"{name}"' if kind in ("BIGINT", "INTEGER", "BOOLEAN") else f'cast("{name}" as varchar)'

    selected = ", ".join(expression(name, kind) for name, kind in types.items())
    rows = connection.execute(f"select {selected} from read_parquet('{path}')").fetchall()
    return {"types": types, "rows": rows}


def with_pyarrow(path):
    table = pyarrow.parquet.ParquetFile(path).read()
    types = {field.name: str(field.type) for field in table.schema}

    def values(column):
        kind = column.type
        if pyarrow.types.is_timestamp(kind):
            return column.cast("int64").to_pylist()
        if pyarrow.types.is_decimal(kind) or pyarrow.types.is_date(kind):
            return [None if value is None else str(value) for value in column.to_pylist()]
        return [value.decode() if isinstance(value, bytes) else value for value in column.to_pylist()]

    rows = list(zip(*(values(column) for column in table.columns)))
    return {"types": types, "rows": rows}


folder = pathlib.Path(sys.argv[1])
files = {}
for path in sorted(folder.glob("*/*.parquet")):
    files[str(path.relative_to(folder))] = {"duckdb": with_duckdb(path), "pyarrow": with_pyarrow(path)}
json.dump(files, sys.stdout)
