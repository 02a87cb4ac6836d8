"""The labels' shares of official charts, by the question in the documents, beside a count of the files themselves."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from chalicelib.cli import main
from chalicelib.history.importing import import_path
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from chalicelib.time_and_chance import World

QUESTIONS = Path(__file__).parents[1] / "docs" / "questions.md"
_WEEKS = 52


def test_label_shares_of_a_year_are_those_of_the_files(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sorted((shared_data / "charts_daily_official").rglob("*.csv"))
    korean = [path for path in real if "-kr-" in path.name]
    files = tmp_path / "files"
    files.mkdir()
    counts: Counter[tuple[str, int, str]] = Counter()
    # A day in every week of another year, and beside it the days as they are.
    years = [(korean[week % len(korean)], "kr", date(2022, 1, 1) + timedelta(weeks=week)) for week in range(_WEEKS)]
    for path in real:
        region, day = re.findall(r"regional-(\w+)-daily-(\d{4}-\d\d-\d\d)", path.name)[0]
        years.append((path, region, date.fromisoformat(day)))
    for path, region, day in years:
        (files / f"regional-{region}-daily-{day}.csv").write_bytes(path.read_bytes())
        with path.open(encoding="utf-8-sig", newline="") as file:
            labels = [row["source"] for row in csv.DictReader(file)]
        counts.update((f"chart:regional-{region}-daily", day.year, label) for label in labels if label)
    lake = Lake(open_store(str(tmp_path / "lake"), World()), World())
    assert [one.error for one in import_path(lake, files) if one.error] == []
    monkeypatch.setenv("CHARTLAKE_LAKE", str(tmp_path / "lake"))
    (sql,) = re.findall(r"in percent of its entries.*?```sql\n(.*?)```", QUESTIONS.read_text(), re.DOTALL)
    found = json.loads(CliRunner().invoke(main, ["query", sql, "--json"]).stdout)
    assert {(row["playlist_id"], row["year"], row["label"]): row["entries"] for row in found} == counts
    totals: Counter[tuple[str, int]] = Counter()
    for (playlist_id, year, _), count in counts.items():
        totals[playlist_id, year] += count
    for row in found:
        assert row["percent"] == pytest.approx(
            100 * row["entries"] / totals[row["playlist_id"], row["year"]], abs=0.006
        )
