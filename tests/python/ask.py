"""Prints the results of SQL statements over the Parquet files of a folder, each as JSON: one list of rows per statement.

Each table is a view, so that a statement for PostgreSQL needs no change. The statements are a JSON list on stdin.
"""

import json
import pathlib
import sys

import duckdb

folder = pathlib.Path(sys.argv[1])
connection = duckdb.connect()
for table in sorted(path.name for path in folder.iterdir() if path.is_dir() and any(path.glob("*.parquet"))):
    connection.execute(f"create view {table} as select * from read_parquet('{folder}/{table}/*.parquet')")

results = []
for statement in json.load(sys.stdin):
    cursor = connection.execute(statement)
    rows = [[None if value is None else str(value) for value in row] for row in cursor.fetchall()]
    results.append(rows)
json.dump(results, sys.stdout)
