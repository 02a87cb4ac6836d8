"""Telling through AWS: the mail of an SNS topic, and the events of an EventBridge bus."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from ..analysis.events import Event
from ..errors import ChannelFailed
from ..report.event_words import document, full_day, sentence, weight
from ..text import counted, printable

# PutEvents takes ten at once.
_MOST_EVENTS = 10
# More are no digest; the others are counted.
_MOST_LINES = 100


class MailDoubtful(Exception):
    """Whether a mail went out is not known."""


@dataclass(frozen=True)
class Bus:
    """A bus by its name or ARN; each event is one of its own, with the kind as `detail-type`."""

    name: str

    def tell(self, events: Sequence[Event]) -> int:
        """Put up to ten events on the bus; gives how many of the first it has. Raises `ChannelFailed`."""
        some = events[:_MOST_EVENTS]
        entries: list[dict[str, Any]] = [
            {
                "Source": "chartlake",
                "DetailType": event.kind,
                "Detail": json.dumps(document(event)),
                "EventBusName": self.name,
            }
            for event in some
        ]
        answer = _asked("events", "put_events", f"the bus {self.name}", Entries=entries)
        for number, entry in enumerate(answer["Entries"]):
            if "EventId" in entry:
                continue
            if not number:
                raise ChannelFailed(f"The bus {self.name} refused an event: {entry.get('ErrorCode')}.")
            return number
        return len(some)


def send_mail(topic: str, subject: str, text: str) -> None:
    """Publish one mail. Raises `ChannelFailed` where it surely did not go out, `MailDoubtful` where nobody knows."""
    _asked("sns", "publish", f"the topic {topic}", doubtful=True, TopicArn=topic, Subject=subject, Message=text)


def digest(new: Sequence[Event], doubtful: Sequence[Event], day: date) -> tuple[str, str]:
    """Subject and text of the mail of a day, what matters first. `doubtful` were perhaps in an earlier one."""
    subject = f"chartlake: {counted(len(new) or len(doubtful), 'event')}, {full_day(day)}"
    parts = [_lines(new)] if new else []
    if doubtful:
        parts.append("These may have been in an earlier mail, whose sending was cut off:\n\n" + _lines(doubtful))
    parts.append("What is watched, and how it is told, stands in config/watch.txt; `chartlake watch list` shows it.")
    return subject, "\n\n".join(parts) + "\n"


def _lines(events: Sequence[Event]) -> str:
    lines = [f"- {printable(sentence(event))}" for event in sorted(events, key=weight)]
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES:] = [f"- and {len(lines) - _MOST_LINES:,} more; the feed of what is watched has them all."]
    return "\n".join(lines)


def _asked(service: str, call: str, what: str, *, doubtful: bool = False, **parameters: Any) -> Any:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

    # botocore would send a mail again whose answer got lost.
    tries = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 1 if doubtful else 3})
    try:
        connect: Any = boto3.client
        return getattr(connect(service, config=tries), call)(**parameters)
    except ClientError as error:
        lost = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500
        failure = f"{what} refused: {error}"
    except BotoCoreError as error:
        lost, failure = isinstance(error, HTTPClientError), f"{what} failed: {error}"
    if doubtful and lost:
        raise MailDoubtful(failure)
    raise ChannelFailed(f"{failure[0].upper()}{failure[1:]}.")
