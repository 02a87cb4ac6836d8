"""Makes the copy of a chartlake lake with Spark: `--lake s3://bucket/prefix`. Needs nothing but Spark.

`python -m deploy.warehouse` prints this file, and below it one call of `main` with the SQL.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Plan(TypedDict):
    """What is to be computed, in Spark's SQL: the views in an order in which each needs only those before it; which of
    them many others need; each table as a SELECT over the views, with the columns that its rows are sorted by."""

    views: Mapping[str, str]
    held: list[str]
    tables: Mapping[str, tuple[str, list[str]]]
    lists_a_shelf: int


def make_copy(spark: SparkSession, lake: str, plan: Plan) -> None:
    """Write each table below `warehouse/`, a file for each shelf, in the place of what is there."""
    for table in ("entries", "snapshots"):
        # Files of older versions lack columns that newer ones have.
        spark.read.parquet(f"{lake}/tables/{table}", mergeSchema=True).createOrReplaceTempView(table)
    for view, select in plan["views"].items():
        rows = spark.sql(select)
        if view in plan["held"]:
            # Else it would be computed anew for every view that is made of it.
            rows = rows.localCheckpoint()
        rows.createOrReplaceTempView(view)
    ((lists,),) = spark.sql("SELECT COUNT(DISTINCT playlist_id) FROM snapshots").collect()
    shelf = f"FORMAT_STRING('%04d', CRC32(playlist_id) % {max(1, -(-lists // plan['lists_a_shelf']))})"
    for table, (select, order) in plan["tables"].items():
        rows = spark.sql(f"SELECT *, {shelf} AS shelf FROM ({select})").repartition("shelf")
        in_order = rows.sortWithinPartitions("shelf", *order)
        in_order.write.parquet(f"{lake}/warehouse/{table}", mode="overwrite", partitionBy="shelf", compression="zstd")


def main(plan: Plan) -> None:
    """Make the copy of the lake that the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lake", required=True)
    # Glue adds arguments of its own.
    asked, _ = parser.parse_known_args()
    from pyspark.sql import SparkSession

    make_copy(SparkSession.builder.appName("chartlake copy").getOrCreate(), asked.lake.rstrip("/"), plan)
