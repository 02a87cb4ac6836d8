"""One JSON object a line, with every `extra` key: what CloudWatch's Logs Insights can query; and no secret in it.

This package imports it, so that what libraries would tell of secrets is silenced before any of them is used.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import UTC, datetime

# What a LogRecord carries for itself; the rest came through `extra`.
_OWN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# botocore logs signed headers, session tokens and decrypted parameters at DEBUG, urllib3 what addresses hold.
_TALKATIVE = ("boto3", "botocore", "urllib3", "s3transfer")
# spotipy logs every failure a second time, and bearer tokens at DEBUG; each failure is reported by us once instead.
_SILENT = ("spotipy.client", "spotipy.oauth2", "spotipy.util", "spotipy.cache_handler")

for _name in _TALKATIVE:
    logging.getLogger(_name).setLevel(logging.INFO)
for _name in _SILENT:
    logging.getLogger(_name).addFilter(lambda record: False)


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
