"""The views as other engines want them, translated by sqlglot. Not deployed: in Lambda it is DuckDB that answers."""

from __future__ import annotations

from sqlglot import ErrorLevel, transpile

from ..analysis.views import VIEWS, view_sql

# sqlglot's names: Athena's SELECT is Trino's.
_DIALECTS = {"duckdb": "duckdb", "athena": "trino", "spark": "spark"}
DIALECTS = tuple(_DIALECTS)


def translated(name: str, dialect: str) -> str:
    """The SELECT behind a view for `duckdb`, `athena` or `spark`. Raises where a construct has no equal there."""
    return translated_sql(view_sql(name), dialect)


def translated_sql(sql: str, dialect: str) -> str:
    """The same of any SELECT over the views."""
    target = _DIALECTS[dialect]
    return transpile(sql, read="duckdb", write=target, pretty=True, unsupported_level=ErrorLevel.RAISE)[0]


def create_statements(dialect: str) -> list[str]:
    """`CREATE OR REPLACE VIEW` for every view, in the order in which they can be run."""
    return [f"CREATE OR REPLACE VIEW {name} AS\n{translated(name, dialect)}" for name in VIEWS]
