"""The run after a long ban: one entry in EventBridge Scheduler, which starts the scheduled job once and is then gone.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-delete.html
"""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from typing import Any

from ..errors import ChartlakeError
from .invocation import FUNCTION_NAME

# The scheduled job's function, and the role in which Scheduler starts it; `make deploy QUEUE=1` sets both.
_FUNCTION, _ROLE = "CHARTLAKE_DAILY", "CHARTLAKE_SCHEDULER_ROLE"
_SUFFIX = "-lists"

_log = logging.getLogger(__name__)


def start_again(moment: datetime, run_id: str) -> bool:
    """Let the scheduled job begin at `moment`, to take what run `run_id` had to leave; gives whether it will.

    There is one such entry a deployment: the last word counts. Raises `ChartlakeError` where AWS refuses.
    """
    if not (os.environ.get(_FUNCTION) and os.environ.get(_ROLE)):
        _log.info("the next scheduled run goes on", extra={"run_id": run_id})
        return False
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    scheduler = boto3.client("scheduler")
    entry = _entry(moment, run_id)
    try:
        try:
            scheduler.create_schedule(**entry)
        except scheduler.exceptions.ConflictException:
            scheduler.update_schedule(**entry)
    except (BotoCoreError, ClientError) as error:
        raise ChartlakeError(
            f"The run cannot be started again at {moment:%Y-%m-%d %H:%M} UTC: {error}",
            advice="The next scheduled run goes on by itself. This function's role needs scheduler:CreateSchedule.",
        ) from None
    _log.info("starts again", extra={"run_id": run_id, "at": moment.isoformat()})
    return True


def _entry(moment: datetime, run_id: str) -> dict[str, Any]:
    moment = moment.astimezone(UTC).replace(microsecond=0)
    return {
        "Name": f"{os.environ[FUNCTION_NAME].removesuffix(_SUFFIX)}-again",
        "Description": "chartlake: goes on when Spotify wants to be asked again",
        "ScheduleExpression": f"at({moment:%Y-%m-%dT%H:%M:%S})",
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": {
            "Arn": os.environ[_FUNCTION],
            "RoleArn": os.environ[_ROLE],
            "Input": json.dumps(_event(moment, run_id)),
            "RetryPolicy": {"MaximumRetryAttempts": 10, "MaximumEventAgeInSeconds": 21_600},
        },
    }


def _event(moment: datetime, run_id: str) -> dict[str, Any]:
    """What Chalice's handler of a schedule wants to see. The same entry, delivered twice, is one run by its id."""
    return {
        "version": "0",
        "id": f"again-{run_id}-{moment:%Y%m%dT%H%M%SZ}",
        "detail-type": "Scheduled Event",
        "source": "chartlake",
        "account": "",
        "time": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        "region": os.environ.get("AWS_REGION", ""),
        "resources": [],
        "detail": {},
    }
