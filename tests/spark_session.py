"""Spark on this machine alone, made for small answers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def java_is_there() -> bool:
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    if java is None:
        return False
    version = subprocess.run([java, "-version"], capture_output=True, text=True, check=True).stderr
    major = re.search(r'version "(\d+)', version)
    return major is not None and int(major[1]) >= 17


@contextmanager
def local_spark(folder: Path) -> Iterator[SparkSession]:
    """A session that keeps its own files in `folder`. Where there is no Java the test is left out, but not in CI."""
    if not java_is_there():
        reason = "Spark needs Java 17 or newer (Debian: apt-get install openjdk-17-jre-headless)"
        assert os.environ.get("CI") != "true", reason
        pytest.skip(reason)
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    quiet = folder / "log4j2.properties"
    quiet.write_text("rootLogger.level = off\n")
    options = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        # 600 MB do. Two workers may have a session each, and what collects by many threads takes twice the memory.
        "spark.driver.memory": "1g",
        # Views lie ten deep in each other; a stack that is too small for one ends the whole process.
        "spark.driver.extraJavaOptions": (
            f"-Dlog4j2.configurationFile={quiet} -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xss4m"
        ),
        "spark.sql.session.timeZone": "UTC",
        # Each view is a few hundred rows: one task is faster than many, and code need not be compiled for them.
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.warehouse.dir": str(folder),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    session = SparkSession.builder.master("local[1]").config(map=options).getOrCreate()
    try:
        yield session
    finally:
        session.stop()
        # Else Java would keep its gigabyte until all tests are over.
        gateway, SparkContext._gateway, SparkContext._jvm = SparkContext._gateway, None, None
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait(60)
