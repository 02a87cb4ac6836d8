"""The copy for questions over everything as Iceberg tables, which Athena makes and renews.

`python -m deploy.iceberg s3://bucket/prefix` prints the statements: https://docs.aws.amazon.com/athena/latest/ug/ has
them as create-table-as.html and merge-into-statement.html.
"""

from __future__ import annotations

import sys
from datetime import date

from chalicelib.analysis.asked_views import AskedViews
from chalicelib.analysis.copies import TABLES
from chalicelib.lake import keys
from chalicelib.lake.warehouse import open_empty


def create_statements(lake: str) -> dict[str, str]:
    """By table the statement that makes it, of all that its view says."""
    return {table: _create(table, f"{lake.rstrip('/')}/{keys.ICEBERG}{table}/") for table in TABLES}


def renew_statements() -> dict[str, str]:
    """By table the statement that makes its rows those that the view says now: in one step, so nobody reads half."""
    return {table: _renew(table, order.split(", ")) for table, order in TABLES.items()}


def columns(view: str) -> list[str]:
    """The columns of a view, in its order."""
    with open_empty() as warehouse:
        AskedViews(warehouse, date.max)
        return list(warehouse.columns(f"SELECT * FROM {view}"))


def _create(table: str, location: str) -> str:
    return f"""\
CREATE TABLE copied_{table}
WITH (table_type = 'ICEBERG', is_external = FALSE, format = 'PARQUET', location = '{location}')
AS SELECT {", ".join(columns(table))} FROM {table}"""


def _renew(table: str, key: list[str]) -> str:
    """A row is the same one where its key is. Athena's MERGE has no word for rows that the source lacks, so the source
    tells them, too."""
    names = columns(table)
    others = [name for name in names if name not in key]
    return f"""\
MERGE INTO copied_{table} AS copied
USING (
  SELECT TRUE AS stays, {", ".join(names)} FROM {table}
  UNION ALL
  SELECT FALSE AS stays, {", ".join(f"gone.{name}" for name in names)}
  FROM copied_{table} AS gone
  LEFT JOIN {table} AS told ON {" AND ".join(f"gone.{name} = told.{name}" for name in key)}
  WHERE told.playlist_id IS NULL
) AS found
ON {" AND ".join(f"copied.{name} = found.{name}" for name in key)}
WHEN MATCHED AND NOT found.stays THEN DELETE
WHEN MATCHED AND ({" OR ".join(f"copied.{name} IS DISTINCT FROM found.{name}" for name in others)})
THEN UPDATE SET {", ".join(f"{name} = found.{name}" for name in others)}
WHEN NOT MATCHED THEN INSERT ({", ".join(names)})
VALUES ({", ".join(f"found.{name}" for name in names)})"""


if __name__ == "__main__":
    print("-- Once, after the views.")
    print("\n\n".join(f"{statement};" for statement in create_statements(sys.argv[1]).values()))
    print("\n-- Whenever the lake has new days.")
    print("\n\n".join(f"{statement};" for statement in renew_statements().values()))
