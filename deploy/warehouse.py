"""The copy for questions over everything, made by Spark where the lists are too many for one machine.

`python -m deploy.warehouse` prints the job: one file, so that EMR Serverless and Glue run it as it stands.
"""

from __future__ import annotations

from pathlib import Path
from pprint import pformat

from chalicelib.analysis.asked_views import HELD, in_order
from chalicelib.analysis.copies import LISTS_A_SHELF, SHELF, TABLES
from chalicelib.cli.view_dialects import translated, translated_sql

from .warehouse_job import Plan

_JOB = Path(__file__).with_name("warehouse_job.py")


def plan() -> Plan:
    """What the job computes, from the views that `chartlake copy` asks."""
    views = {name: translated(name, "spark") for name in in_order(*TABLES, "standings")}
    tables = {table: (translated_sql(select, "spark"), order.split(", ")) for table, (select, order) in SHELF.items()}
    held = [name for name in views if name in HELD]
    return {"views": views, "held": held, "tables": tables, "lists_a_shelf": LISTS_A_SHELF}


def job() -> str:
    """The source of the job."""
    return f"{_JOB.read_text('utf-8')}\n\nmain(\n{pformat(plan(), width=120, sort_dicts=False)}\n)\n"


if __name__ == "__main__":
    print(job(), end="")
