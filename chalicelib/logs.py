"""One JSON object a line, with every `extra` key: what CloudWatch's Logs Insights can query."""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import UTC, datetime

# What a LogRecord carries for itself; the rest came through `extra`.
_OWN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """The keys that Lambda's own JSON format uses, so that queries work whichever of the two wrote the line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            **{name: value for name, value in vars(record).items() if name not in _OWN},
        }
        if record.exc_info:
            line["stackTrace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def configure() -> None:
    """Let INFO through, as JSON; where Lambda is told to write JSON itself, its formatter stays."""
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON":
        return
    if not root.handlers:
        root.addHandler(logging.StreamHandler(sys.stderr))
    for handler in root.handlers:
        handler.setFormatter(JsonLines())
