"""What CloudWatch may count: five metrics a stack, as one line of Embedded Metric Format on standard output.

Alarms watch them (.chalice/resources.json). Five stay within CloudWatch's free ten; facts about a playlist belong into
the log, since a metric a playlist would cost $0.30 a month each.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from ..snapshots.outcome import Run

NAMESPACE = "Chartlake"
UNITS = {
    "RunsCompleted": "Count",
    "PlaylistsKept": "Count",
    "PlaylistsFailed": "Count",
    "ConsentDaysLeft": "None",
    "ChannelsDead": "Count",
}


def values_of(run: Run, *, whole: bool) -> dict[str, int]:
    """What a run counts. Only a run over the whole of the followed playlists can complete a day."""
    values = {"PlaylistsKept": run.published, "PlaylistsFailed": len(run.outcomes) - run.published}
    if whole:
        values["RunsCompleted"] = int(run.stopped is None and not run.left)
    if run.consent_days_left is not None:
        values["ConsentDaysLeft"] = run.consent_days_left
    return values


def line(values: Mapping[str, int], stack: str, now: datetime) -> str:
    """The JSON line that CloudWatch turns into metrics of `stack` at `now`."""
    metrics = [{"Name": name, "Unit": UNITS[name]} for name in values]
    directive = {"Namespace": NAMESPACE, "Dimensions": [["stack"]], "Metrics": metrics}
    envelope = {"Timestamp": int(now.timestamp() * 1000), "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": envelope, "stack": stack, **values})
